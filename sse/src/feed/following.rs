//! What one client gets, as the source of an event stream.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;
use peristyle_core::{BoxError, End};

use super::{Deliveries, Delivery, Subscription};
use crate::Event;

/// The events for one client; see [`Feed::follow`](super::Feed::follow).
#[derive(Debug)]
#[must_use = "it does nothing unless it is polled"]
pub struct Following(Deliveries);

impl Following {
    pub(super) fn new(deliveries: Deliveries) -> Self {
        Self(deliveries)
    }

    pub(super) fn end(&self) -> End {
        self.0.end().unwrap_or(End::Finished)
    }

    /// Where it stands, if it has nothing to give but what comes next in the log, as it is there.
    pub(super) fn plain(&self) -> Option<&Subscription> {
        self.0.plain()
    }

    pub(super) fn subscription(&mut self) -> &mut Subscription {
        self.0.subscription()
    }

    /// The stream is over, for this reason.
    pub(super) fn close(mut self: Pin<&mut Self>, why: End) {
        self.0.close(why);
    }
}

impl Stream for Following {
    type Item = Result<Event, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let delivery = Pin::new(&mut self.0).poll_next(cx);
        delivery.map_ok(Delivery::into_event)
    }
}
