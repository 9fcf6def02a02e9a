//! The consumer's side.

use std::{
    fmt,
    future::poll_fn,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{Aborted, Overflow, Shared};
use crate::End;

/// Receives the values in the order in which they were sent; see [`channel`](crate::channel()).
///
/// It is a [`Stream`] of `Result<V, Aborted>`. Dropping it tells the senders [`End::PeerLeft`], unless it was closed with
/// another reason before.
pub struct Receiver<V> {
    shared: Arc<Shared<V>>,
    /// An error was given out: the stream is over.
    failed: bool,
}

impl<V> Receiver<V> {
    pub(super) fn new(shared: Arc<Shared<V>>) -> Self {
        Self {
            shared,
            failed: false,
        }
    }

    /// The next value; `None` when every sender has finished and all values were received.
    ///
    /// # Errors
    ///
    /// When a sender aborted, or was dropped before it finished: once, after the values that were sent before. Then the
    /// channel is closed and this gives `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no value.
    pub async fn recv(&mut self) -> Option<Result<V, Aborted>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// What [`recv`](Self::recv) polls.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<V, Aborted>>> {
        if self.failed {
            return Poll::Ready(None);
        }
        let mut state = self.shared.lock();
        if let Some((value, weight)) = state.pop() {
            drop(state);
            self.give_back(weight);
            return Poll::Ready(Some(Ok(value)));
        }
        let gone = state.senders == 0;
        let dropped = (gone && state.unfinished).then_some(Aborted(None));
        if let Some(aborted) = state.failure.take().or(dropped) {
            drop(state);
            self.failed = true;
            self.close(End::Failed);
            return Poll::Ready(Some(Err(aborted)));
        }
        if gone {
            return Poll::Ready(None);
        }
        match &mut state.receiver {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
        Poll::Pending
    }

    /// Refuses further values and tells the senders why. Those in the channel can still be received. Only the first reason
    /// counts.
    pub fn close(&mut self, why: End) {
        self.shared.close(why);
    }

    /// How many values were dropped for lack of room so far.
    pub fn dropped(&self) -> u64 {
        self.shared.lock().dropped
    }

    /// The senders dropped so far count as finished.
    pub(super) fn forgive(&self) {
        self.shared.lock().unfinished = false;
    }

    fn give_back(&self, weight: u32) {
        if self.shared.limits.overflow == Overflow::Wait {
            self.shared.room.add_permits(1);
            self.shared.bytes.add_permits(weight as usize);
        }
    }
}

impl<V> Stream for Receiver<V> {
    type Item = Result<V, Aborted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_recv(cx)
    }
}

impl<V> Drop for Receiver<V> {
    fn drop(&mut self) {
        self.close(End::PeerLeft);
        let queue = std::mem::take(&mut self.shared.lock().queue);
        drop(queue);
    }
}

impl<V> fmt::Debug for Receiver<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("Receiver")
            .field("queued", &state.queue.len())
            .field("senders", &state.senders)
            .finish_non_exhaustive()
    }
}
