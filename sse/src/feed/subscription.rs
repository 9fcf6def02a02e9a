//! A position in a feed that moves with what is published.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker},
    vec,
};

use futures_core::Stream;
use peristyle_core::End;

use super::{
    Cursor, Delivery, Follow, Gap, Peer, Published, Shared,
    memory::{Batch, Place, Turn},
    sync::Arc,
};
use crate::{Event, event::Unstamped};

/// A follower of a [`Feed`](super::Feed) in this process: a `Stream` of events and gaps.
///
/// It holds a position, not a queue: events wait for it in the log, where they are for all, and
/// nobody waits for it. It has up to 32 events or 64 KiB taken from the log at once. Dropping it is
/// leaving.
///
/// It ends, with `None`, when the feed or all the topics that it follows by name are
/// [finished](super::Publish::last), or when it is too slow under [`Lag::Resume`]; see
/// [`end`](Self::end). It needs no tokio runtime.
///
/// [`Lag::Resume`]: super::Lag::Resume
#[must_use = "it does nothing unless it is polled"]
pub struct Subscription {
    shared: Arc<Shared>,
    place: Place,
    first: Option<Event>,
    /// Taken from the log, and not yet given out.
    rest: vec::IntoIter<Published>,
    /// Of what was given out last.
    cursor: Option<Cursor>,
    /// There was nothing more the last time, so that the next may have to wait.
    waits: bool,
    /// For those who are told when it leaves, once it has joined.
    peer: Option<Box<Peer>>,
    /// It has left.
    end: Option<End>,
}

impl Subscription {
    pub(super) fn new(shared: &Arc<Shared>, mut follow: Follow) -> Self {
        let first = follow.first.take();
        let peer = shared.hooks.peer(&follow);
        Self {
            place: shared.enter(follow),
            shared: Arc::clone(shared),
            first,
            rest: Vec::new().into_iter(),
            cursor: None,
            waits: false,
            peer,
            end: None,
        }
    }

    /// Counts it among those who are present. One that has not joined leaves without a word.
    pub(super) fn join(&mut self) {
        self.shared.lock().join(self.place.id);
        if let Some(peer) = &self.peer {
            self.shared.hooks.joined(peer);
        }
    }

    /// The position of what was given out last; before that, the position at which it starts.
    ///
    /// Following [after](Follow::after) it misses nothing and repeats nothing.
    pub fn cursor(&self) -> Cursor {
        self.cursor
            .unwrap_or_else(|| self.shared.lock().cursor(self.place.position))
    }

    /// Why it ended; `None` while it has not.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Whether it will give nothing at all, because all that it follows has come to an end.
    pub(super) fn is_finished(&self) -> bool {
        let nothing = self.place.gap.is_none() && self.first.is_none();
        nothing && self.shared.lock().is_finished(&self.place)
    }

    /// Leaves out what has been published so far.
    pub(super) fn skip(&mut self) -> Cursor {
        let cursor = self.shared.lock().skip(&mut self.place);
        self.cursor = Some(cursor);
        cursor
    }

    pub(super) fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Delivery>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        if let Some(event) = self.rest.next() {
            return self.give(event);
        }
        if let Some(event) = self.take_first() {
            return self.give(event);
        }
        self.poll_log(cx)
    }

    /// Ready once there is an event after this offset, whatever it is.
    pub(super) fn poll_tip(&self, after: u64, cx: &Context<'_>) -> Poll<()> {
        let mut waker = Some(cx.waker().clone());
        let mut log = self.shared.lock();
        let more = log.has_more(after, self.place.id, &mut waker);
        drop(log);
        if more { Poll::Ready(()) } else { Poll::Pending }
    }

    fn poll_log(&mut self, cx: &Context<'_>) -> Poll<Option<Delivery>> {
        // Cloned before the log is locked, and only if it is likely to be of use.
        let mut waker = self.waits.then(|| cx.waker().clone());
        let mut batch = Batch::default();
        loop {
            match self.turn(&mut waker, &mut batch) {
                Turn::Batch => return self.unpack(batch),
                Turn::Gap(gap) => return self.give_gap(gap),
                Turn::Yield => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Turn::Idle => waker = Some(cx.waker().clone()),
                Turn::Armed => return Poll::Pending,
                Turn::Finished => return self.ended(End::Finished),
                Turn::Lagged => return self.ended(End::Lagged),
            }
        }
    }

    fn turn(&mut self, waker: &mut Option<Waker>, batch: &mut Batch) -> Turn {
        self.shared.lock().turn(&mut self.place, waker, batch)
    }

    fn unpack(&mut self, mut batch: Batch) -> Poll<Option<Delivery>> {
        let (first, rest) = batch.take();
        self.rest = rest;
        self.waits = true;
        let first = first.expect("the log gives no empty batch");
        self.give(first)
    }

    fn give(&mut self, event: Published) -> Poll<Option<Delivery>> {
        self.cursor = Some(event.cursor);
        Poll::Ready(Some(Delivery::Event(event)))
    }

    fn give_gap(&mut self, gap: Gap) -> Poll<Option<Delivery>> {
        self.cursor = Some(gap.to);
        Poll::Ready(Some(Delivery::Gap(gap)))
    }

    fn ended(&mut self, why: End) -> Poll<Option<Delivery>> {
        self.leave(why);
        Poll::Ready(None)
    }

    /// Only the first reason counts.
    pub(super) fn leave(&mut self, why: End) {
        if self.end.is_some() {
            return;
        }
        self.end = Some(why);
        let left = self.shared.lock().leave(self.place.id);
        let joined = left.present;
        drop(left);
        if let Some(peer) = self.peer.take().filter(|_| joined) {
            self.shared.hooks.left(&peer, why);
        }
    }

    /// After the gap, if there is one.
    fn take_first(&mut self) -> Option<Published> {
        if self.place.gap.is_some() {
            return None;
        }
        let event = self.first.take()?;
        let cursor = self.cursor();
        Some(Published {
            event: stamped(&event, cursor),
            cursor,
            topic: None,
            keys: None,
        })
    }
}

/// With this position as its id.
pub(super) fn stamped(event: &Event, cursor: Cursor) -> Event {
    Unstamped::new(event, Cursor::MAX_LEN).stamp(cursor.text().as_bytes())
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        self.poll(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.leave(End::PeerLeft);
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("place", &self.place)
            .field("cursor", &self.cursor)
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}
