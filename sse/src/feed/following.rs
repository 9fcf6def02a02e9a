//! A subscription as the source of an event stream.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use peristyle_core::{BoxError, BoxFuture, End};

use super::{Cursor, Delivery, Gap, Subscription, follow::OnGap, subscription::stamped};
use crate::Event;

/// The events for one client; see [`Feed::follow`](super::Feed::follow).
#[must_use = "it does nothing unless it is polled"]
pub struct Following {
    subscription: Subscription,
    on_gap: Option<OnGap>,
    /// What takes the place of a gap, and the position at which it does.
    snapshot: Option<(BoxFuture<'static, Result<Event, BoxError>>, Cursor)>,
}

impl Following {
    pub(super) fn new(subscription: Subscription, on_gap: Option<OnGap>) -> Self {
        Self {
            subscription,
            on_gap,
            snapshot: None,
        }
    }

    pub(super) fn end(&self) -> End {
        self.subscription.end().unwrap_or(End::Finished)
    }

    /// The stream is over, for this reason.
    pub(super) fn close(mut self: Pin<&mut Self>, why: End) {
        self.subscription.leave(why);
    }

    /// The event in place of a gap, unless the application has one that takes time.
    fn fill(&mut self, mut gap: Gap) -> Option<Event> {
        let Some(on_gap) = &self.on_gap else {
            return Some(gap.to_event());
        };
        // Before the state is looked at: what is published meanwhile follows.
        gap.to = self.subscription.skip();
        self.snapshot = Some((on_gap(gap), gap.to));
        None
    }

    fn poll_snapshot(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Event, BoxError>>> {
        let Some((snapshot, to)) = &mut self.snapshot else {
            return Poll::Ready(None);
        };
        let event = ready!(snapshot.as_mut().poll(cx));
        let event = event.map(|event| stamped(&event, *to));
        self.snapshot = None;
        Poll::Ready(Some(event))
    }
}

impl Stream for Following {
    type Item = Result<Event, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // Whoever makes the snapshot does not know who may have it.
            if self.snapshot.is_some() && self.subscription.poll_revoked(cx).is_ready() {
                return Poll::Ready(None);
            }
            if let Some(event) = ready!(self.poll_snapshot(cx)) {
                return Poll::Ready(Some(event));
            }
            let event = match ready!(self.subscription.poll(cx)) {
                None => return Poll::Ready(None),
                Some(Delivery::Event(published)) => Some(published.into_event()),
                Some(Delivery::Gap(gap)) => self.fill(gap),
            };
            if let Some(event) = event {
                return Poll::Ready(Some(Ok(event)));
            }
        }
    }
}

impl fmt::Debug for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Following")
            .field("subscription", &self.subscription)
            .finish_non_exhaustive()
    }
}
