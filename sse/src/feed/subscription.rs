//! A position in a feed that moves with what is published.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    vec,
};

use futures_core::Stream;
use peristyle_core::{End, Panicked};
use tokio::time::Instant;

use super::{
    Cursor, Delivery, Feed, Follow, Gap, Peer, Published, Shared,
    follow::Filter,
    memory::{Batch, Place, Turn},
    sync::{Arc, Ordering},
};
use crate::{Event, alarm::Alarm, event::Unstamped, waker::Identity};

/// A follower of a [`Feed`](super::Feed) in this process: a `Stream` of events and gaps.
///
/// It holds a position, not a queue: events wait for it in the log, where they are for all, and
/// nobody waits for it. It has up to 32 events or 64 KiB taken from the log at once. Dropping it is
/// leaving.
///
/// It ends, with `None`, when the feed or all the topics that it follows by name are
/// [finished](super::Publish::last), or when it is too slow under [`Lag::Resume`]; see
/// [`end`](Self::end). It needs no tokio runtime, unless it [expires](Follow::expires_at).
///
/// [`Lag::Resume`]: super::Lag::Resume
#[must_use = "it does nothing unless it is polled"]
pub struct Subscription {
    pub(super) shared: Arc<Shared>,
    pub(super) place: Place,
    first: Option<Box<Event>>,
    /// Taken from the log, and not yet given out; nearly always nothing.
    rest: Option<Box<vec::IntoIter<Published>>>,
    /// Of what was given out last.
    cursor: Option<Cursor>,
    /// There was nothing more the last time, so that the next may have to wait.
    waits: bool,
    /// It will be woken for the next event, until it has looked at the log again.
    armed: Option<Armed>,
    filter: Option<Filter>,
    expires: Option<Box<(Instant, Pin<Box<Alarm>>)>>,
    /// How many revocations it has looked at.
    revocations: u64,
    /// For those who are told when it leaves, once it has joined.
    peer: Option<Box<Peer>>,
    /// It has left.
    end: Option<End>,
}

impl Subscription {
    pub(super) fn new(shared: &Arc<Shared>, mut follow: Follow) -> Self {
        let first = follow.first.take().map(Box::new);
        let peer = shared.hooks.peer(|| Feed(Arc::clone(shared)), &follow);
        let filter = follow.filter.take();
        let expires = follow.expires.take();
        let revocations = shared.revocations.load(Ordering::Acquire);
        Self {
            place: shared.enter(follow),
            shared: Arc::clone(shared),
            first,
            rest: None,
            cursor: None,
            waits: false,
            armed: None,
            filter,
            expires: expires.map(|at| Box::new((at, Box::pin(Alarm::default())))),
            revocations,
            peer,
            end: None,
        }
    }

    /// Counts it among those who are present. One that has not joined leaves without a word.
    pub(super) fn join(&self) {
        self.shared.lock().join(self.place.id);
        if let Some(peer) = &self.peer {
            self.shared.hooks.joined(peer);
        }
    }

    /// The position of what was given out or passed over last; before that, the position at which it
    /// starts.
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

    /// Whether it has nothing to give but what comes next in the log, as it is there.
    pub(super) fn is_plain(&self) -> bool {
        let given = self.first.is_none() && self.rest.is_none() && self.place.gap.is_none();
        given && self.filter.is_none() && self.expires.is_none() && self.end.is_none()
    }

    /// Somebody else gave out what there was up to this cursor.
    pub(super) fn went_on(&mut self, cursor: Cursor) {
        self.cursor = Some(cursor);
        self.armed = None;
        self.waits = true;
    }

    /// Leaves out what has been published so far.
    pub(super) fn skip(&mut self) -> Cursor {
        let cursor = self.shared.lock().skip(&mut self.place);
        self.cursor = Some(cursor);
        cursor
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        if self.end.is_some() {
            return Poll::Ready(None);
        }
        if self.is_revoked() {
            return self.ended(End::Revoked);
        }
        if self.has_expired() {
            return self.ended(End::Expired);
        }
        let polled = self.poll_open(cx);
        if polled.is_pending() && self.poll_expiry(cx).is_ready() {
            return self.ended(End::Expired);
        }
        polled
    }

    /// Ready once it was revoked or has expired, after which it has left, for whoever waits for
    /// something else than the log.
    pub(super) fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.end.is_some() {
            return Poll::Ready(());
        }
        if self.poll_expiry(cx).is_ready() {
            self.leave(End::Expired);
            return Poll::Ready(());
        }
        // Publishing wakes it no more.
        self.armed = None;
        let mut waker = Some(cx.waker().clone());
        let revoked = self.shared.lock().watch(self.place.id, &mut waker);
        if !revoked {
            return Poll::Pending;
        }
        self.leave(End::Revoked);
        Poll::Ready(())
    }

    /// Takes the lock only if somebody was revoked since the last time.
    fn is_revoked(&mut self) -> bool {
        let revocations = self.shared.revocations.load(Ordering::Acquire);
        if self.revocations == revocations {
            return false;
        }
        self.revocations = revocations;
        self.shared.lock().is_revoked(self.place.id)
    }

    fn has_expired(&self) -> bool {
        let at = self.expires.as_ref().map(|expires| expires.0);
        at.is_some_and(|at| at <= Instant::now())
    }

    fn poll_expiry(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.expires.as_deref_mut() {
            Some((at, alarm)) => alarm.as_mut().poll(*at, cx),
            None => Poll::Pending,
        }
    }

    fn poll_open(&mut self, cx: &Context<'_>) -> Poll<Option<Delivery>> {
        if let Some(event) = self.take_first() {
            self.cursor = Some(event.cursor);
            return Poll::Ready(Some(Delivery::Event(event)));
        }
        for _ in 0..MAX_LOOKS {
            let delivery = match self.take_rest() {
                Some(event) => Some(Delivery::Event(event)),
                None => ready!(self.poll_log(cx)),
            };
            let Some(Delivery::Event(event)) = delivery else {
                return Poll::Ready(delivery);
            };
            let asked = self.asks_for(&event);
            self.cursor = Some(event.cursor);
            if asked {
                return Poll::Ready(Some(Delivery::Event(event)));
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn take_rest(&mut self) -> Option<Published> {
        let event = self.rest.as_mut()?.next();
        if event.is_none() {
            self.rest = None;
        }
        event
    }

    fn asks_for(&self, event: &Published) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter(event))
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
        if self.is_armed(cx) {
            return Poll::Pending;
        }
        self.armed = None;
        // Cloned before the log is locked, and only if it is likely to be of use.
        let mut waker = self.waits.then(|| cx.waker().clone());
        let mut batch = Batch::default();
        loop {
            match self.turn(&mut waker, &mut batch) {
                Turn::Batch => {
                    let tip = batch.armed();
                    let waker = Identity::of(cx.waker());
                    self.armed = tip.map(|tip| Armed { tip, waker });
                    return self.unpack(batch);
                }
                Turn::Gap(gap) => return self.give_gap(gap),
                Turn::Yield => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Turn::Idle => waker = Some(cx.waker().clone()),
                Turn::Armed => return Poll::Pending,
                Turn::Revoked => return self.ended(End::Revoked),
                Turn::Finished => return self.ended(End::Finished),
                Turn::Lagged => return self.ended(End::Lagged),
            }
        }
    }

    fn is_armed(&self, cx: &Context<'_>) -> bool {
        self.armed.as_ref().is_some_and(|armed| {
            armed.waker == Identity::of(cx.waker())
                && armed.tip == self.shared.tip.load(Ordering::Acquire)
        })
    }

    fn turn(&mut self, waker: &mut Option<Waker>, batch: &mut Batch) -> Turn {
        self.shared.lock().turn(&mut self.place, waker, batch)
    }

    fn unpack(&mut self, mut batch: Batch) -> Poll<Option<Delivery>> {
        let (first, rest) = batch.take();
        self.rest = (rest.len() > 0).then(|| Box::new(rest));
        self.waits = true;
        let first = first.expect("the log gives no empty batch");
        Poll::Ready(Some(Delivery::Event(first)))
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
        self.rest = None;
        let left = self.shared.lock().leave(self.place.id, why);
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

/// The log has a waker, for what comes after its newest event.
struct Armed {
    tip: u64,
    waker: Identity,
}

/// How many events are compared with a filter before others have their turn.
const MAX_LOOKS: usize = 256;

/// With this position as its id.
pub(super) fn stamped(event: &Event, cursor: Cursor) -> Event {
    Unstamped::new(event, Cursor::MAX_LEN).stamp(cursor.text().as_bytes())
}

impl Stream for Subscription {
    type Item = Delivery;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
        // As the body of a response does, which makes an error of it.
        Panicked::catch(|| self.poll(cx)).unwrap_or_else(|panicked| {
            tracing::error!(%panicked, "the filter of a subscriber failed");
            self.ended(End::Failed)
        })
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
