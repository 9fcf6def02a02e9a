//! What becomes of a source, beside its events.

use std::{
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;

use super::{Error, EventSource};
use crate::MessageEvent;

/// An event, or a change of the connection that brings them.
#[derive(Debug)]
#[non_exhaustive]
pub enum Update {
    /// The server has answered with an event stream: `open` in browsers.
    Open,
    /// An event.
    Event(MessageEvent),
    /// There is no stream now: `error` in browsers, with `readyState` at `CONNECTING`.
    #[non_exhaustive]
    Reconnecting {
        /// What ended the connection, or kept it from being made.
        why: Error,
        /// How long from now until the next try.
        delay: Duration,
    },
}

/// The events of a source together with the changes of its connection: [`EventSource::updates`].
///
/// Dropping it loses nothing; the source goes on where it was.
#[derive(Debug)]
pub struct Updates<'a>(pub(super) &'a mut EventSource);

impl Updates<'_> {
    /// The next event or change; `None` when the source has ended.
    ///
    /// # Errors
    ///
    /// As for [`EventSource::next`].
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Result<Update, Error>> {
        poll_fn(|cx| self.0.poll_update(cx)).await
    }
}

impl Stream for Updates<'_> {
    type Item = Result<Update, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().0.poll_update(cx)
    }
}
