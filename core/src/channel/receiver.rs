//! The consumer's side.

use std::{
    fmt,
    future::poll_fn,
    mem,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{
    Aborted, Overflow, Shared, State,
    sync::{Arc, MutexGuard},
};
use crate::End;

/// Receives the values in the order in which they were sent; see [`channel`](crate::channel()).
///
/// It is a [`Stream`] of `Result<V, Aborted>`. Dropping it tells the senders [`End::PeerLeft`], unless it was closed with
/// another reason before.
pub struct Receiver<V> {
    shared: Arc<Shared<V>>,
    /// The end or an error was given out.
    over: bool,
}

impl<V> Receiver<V> {
    pub(super) fn new(shared: Arc<Shared<V>>) -> Self {
        Self {
            shared,
            over: false,
        }
    }

    /// The next value; `None` when all values were received, and every sender has finished or the receiver was
    /// [closed](Self::close).
    ///
    /// # Errors
    ///
    /// When a sender aborted, or was dropped before it finished and before the receiver was closed: once, after the values
    /// that were sent before. Then the channel is closed and this gives `None`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no value.
    pub async fn recv(&mut self) -> Option<Result<V, Aborted>> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// What [`recv`](Self::recv) polls.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<V, Aborted>>> {
        if self.over {
            return Poll::Ready(None);
        }
        let item = self.poll_item(cx);
        self.over = matches!(item, Poll::Ready(None | Some(Err(_))));
        item
    }

    /// What [`poll_recv`](Self::poll_recv) gives, except that the end need not be the last word: a closed channel is at its
    /// end while its senders may yet abort.
    pub(super) fn poll_item(&self, cx: &Context<'_>) -> Poll<Option<Result<V, Aborted>>> {
        let item = self.take(self.shared.lock());
        if item.is_ready() {
            return item;
        }
        let waker = cx.waker().clone();
        let mut state = self.shared.lock();
        let replaced = state.receiver.replace(waker);
        // What came since the first look found no waker.
        let item = self.take(state);
        drop(replaced);
        item
    }

    fn take(&self, mut state: MutexGuard<'_, State<V>>) -> Poll<Option<Result<V, Aborted>>> {
        let Some((value, weight)) = state.pop() else {
            return state.end().map(|aborted| aborted.map(Err));
        };
        drop(state);
        self.give_back(weight);
        Poll::Ready(Some(Ok(value)))
    }

    /// The next value, if one is there.
    pub(super) fn try_take(&self) -> Option<V> {
        let (value, weight) = self.shared.lock().pop()?;
        self.give_back(weight);
        Some(value)
    }

    /// Refuses further values and tells the senders why. Those in the channel can still be received, then comes the end,
    /// whatever the senders do with what they were told; an abort before it is still an error. Only the first reason counts.
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
            if weight > 0 {
                self.shared.bytes.add_permits(weight as usize);
            }
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
        let waker = self.shared.lock().receiver.take();
        self.close(End::PeerLeft);
        let queue = mem::take(&mut self.shared.lock().queue);
        drop((waker, queue));
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
