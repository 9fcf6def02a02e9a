//! What a subscriber gets next.

use std::task::Waker;

use peristyle_core::End;
use tokio::time::Instant;

use super::{
    Batch, Entry, Id, Place, State,
    batch::MAX_EVENTS,
    subscribers::{Interest, Subscriber, Wait},
};
use crate::feed::{Cursor, Gap, Lag, Reason};

/// How many times an event is compared with a pattern while others wait for the log.
const MAX_LOOKS: usize = 1024;

/// What a look at the log gave.
pub(in crate::feed) enum Turn {
    /// Events were put into the batch.
    Batch,
    Gap(Gap),
    /// There may be more, but others are to have their turn first.
    Yield,
    /// There is nothing, and no waker was given.
    Idle,
    /// The waker will be woken.
    Armed,
    Revoked,
    Finished,
    Lagged,
}

impl State {
    /// Takes the waker only to arm it: also with a batch after which there is nothing, so that the log need not be asked again. What
    /// is in its place afterwards is for the caller to drop.
    pub(in crate::feed) fn turn(
        &mut self,
        place: &mut Place,
        waker: &mut Option<Waker>,
        batch: &mut Batch,
    ) -> Turn {
        if self.newest(place, waker, batch) {
            return Turn::Batch;
        }
        let turn = self.next(place, waker, batch);
        self.subscribers.get_mut(place.id).position = place.position;
        match turn {
            Turn::Batch => {
                self.counters.delivered += batch.len() as u64;
                self.counters.delivered_bytes += batch.bytes() as u64;
                if waker.is_some() && place.position == self.tip() && !self.is_finished(place) {
                    self.subscribers.get_mut(place.id).arm(waker);
                    batch.arm(place.position);
                }
            }
            Turn::Gap(_) => self.counters.gaps += 1,
            _ => {}
        }
        turn
    }

    /// Whether the subscriber was woken for the newest event, and gets it: what happens nearly always, in few steps.
    fn newest(&mut self, place: &mut Place, waker: &mut Option<Waker>, batch: &mut Batch) -> bool {
        let tip = self.tip();
        let subscriber = self.subscribers.get_mut(place.id);
        let woken = matches!(subscriber.wait, Wait::Woken(offset) if offset == tip);
        let Some(entry) = self.entries.back().filter(|entry| woken && !entry.last) else {
            return false;
        };
        if waker.is_none() || subscriber.revoked || place.gap.is_some() {
            return false;
        }
        subscriber.arm(waker);
        subscriber.position = tip;
        place.position = tip;
        batch.push(self.published(tip, entry));
        batch.arm(tip);
        self.counters.delivered += 1;
        self.counters.delivered_bytes += batch.bytes() as u64;
        true
    }

    pub(in crate::feed) fn next(
        &mut self,
        place: &mut Place,
        waker: &mut Option<Waker>,
        batch: &mut Batch,
    ) -> Turn {
        if self.is_revoked(place.id) {
            return Turn::Revoked;
        }
        self.pass_over(place);
        if place.position < self.tip() || place.gap.is_some() {
            if let Some(turn) = self.advance(place, batch) {
                return turn;
            }
        }
        if self.is_finished(place) {
            return Turn::Finished;
        }
        if waker.is_none() {
            return Turn::Idle;
        }
        self.subscribers.get_mut(place.id).arm(waker);
        Turn::Armed
    }

    /// `None` when there is nothing for the subscriber up to the end of the log.
    fn advance(&mut self, place: &mut Place, batch: &mut Batch) -> Option<Turn> {
        if place.position + 1 < self.tip() {
            self.evict_old(Instant::now());
        }
        if let Some(turn) = self.missing(place) {
            return Some(turn);
        }
        self.read(place, batch);
        if !batch.is_empty() {
            return Some(Turn::Batch);
        }
        (place.position < self.tip()).then_some(Turn::Yield)
    }

    /// Whether all that the subscriber asked for has come to an end at or before its position.
    pub(in crate::feed) fn is_finished(&self, place: &Place) -> bool {
        let reached = |last: Option<u64>| last.is_some_and(|last| last <= place.position);
        let topics = match &self.subscribers.get(place.id).interest {
            Interest::Topics(topics) => &topics[..],
            Interest::All | Interest::Matching(_) => &[],
        };
        let mut last = topics.iter().map(|topic| self.index.get(*topic).finished);
        reached(self.finished) || (!topics.is_empty() && last.all(reached))
    }

    /// Leaves out all that there is.
    pub(in crate::feed) fn skip(&mut self, place: &mut Place) -> Cursor {
        place.position = self.tip();
        self.subscribers.get_mut(place.id).position = place.position;
        self.cursor(place.position)
    }

    pub(in crate::feed) fn is_revoked(&self, id: Id) -> bool {
        self.subscribers.get(id).revoked
    }

    /// Whether it was revoked. If not, takes the waker for when it is. What is in its place afterwards
    /// is for the caller to drop.
    pub(in crate::feed) fn watch(&mut self, id: Id, waker: &mut Option<Waker>) -> bool {
        let subscriber = self.subscribers.get_mut(id);
        if !subscriber.revoked {
            subscriber.watch(waker);
        }
        subscriber.revoked
    }

    /// Who left is for the caller to drop, once nobody waits for the log.
    pub(in crate::feed) fn leave(&mut self, id: Id, why: End) -> Subscriber {
        let left = self.subscribers.remove(id, &mut self.index);
        if left.present {
            self.counters.ends.count(why);
        }
        left
    }

    /// At or after the last evicted event that the subscriber asked for: which it was is known for
    /// topics by name only.
    pub(super) fn lost(&self, id: Id, lag: Lag) -> u64 {
        let latest = lag == Lag::Latest;
        match &self.subscribers.get(id).interest {
            Interest::Topics(topics) => {
                let topics = topics.iter().map(|topic| self.index.get(*topic));
                let evicted = topics.map(|it| if latest { it.unreplaced } else { it.evicted });
                // The last of the feed is for everyone.
                let last = self.finished.filter(|last| *last < self.first);
                evicted.chain(last).max().unwrap_or(0)
            }
            _ if latest => self.unreplaced,
            _ => self.first - 1,
        }
    }

    /// While it waits, nothing is published that it asked for.
    pub(super) fn pass_over(&mut self, place: &mut Place) {
        let tip = self.tip();
        let wait = &mut self.subscribers.get_mut(place.id).wait;
        let passed = match wait {
            Wait::Reading | Wait::Elsewhere(_) | Wait::Behind(..) => return,
            Wait::Armed(_) => tip,
            Wait::Woken(offset) => *offset - 1,
        };
        if let Wait::Woken(_) = wait {
            *wait = Wait::Reading;
        }
        place.position = place.position.max(passed);
    }

    fn missing(&self, place: &mut Place) -> Option<Turn> {
        let position = self.cursor(place.position);
        let (from, reason) = match place.gap.take() {
            Some(gap) => *gap,
            None if self.lost(place.id, place.lag) <= place.position => return None,
            None if place.lag == Lag::Resume => return Some(Turn::Lagged),
            None => (Some(position), Reason::Lagged),
        };
        place.position = place.position.max(self.first - 1);
        let to = self.cursor(place.position);
        Some(Turn::Gap(Gap { from, to, reason }))
    }

    fn read(&self, place: &mut Place, batch: &mut Batch) {
        place.position = match &self.subscribers.get(place.id).interest {
            Interest::Topics(topics) => self.read_topics(topics, place, batch),
            interest => self.read_all(interest, place, batch),
        };
    }

    fn read_all(&self, interest: &Interest, place: &Place, batch: &mut Batch) -> u64 {
        let mut position = place.position.max(self.first - 1);
        let end = self.tip().min(position + looks(interest));
        while position < end && !batch.is_full(place.lag) {
            position += 1;
            let entry = self.entry(position);
            let last = self.finished == Some(position);
            if last || interest.includes(self.topic_of(entry)) {
                self.take(position, place.lag, batch);
            }
        }
        position
    }

    fn read_topics(&self, topics: &[Id], place: &Place, batch: &mut Batch) -> u64 {
        let after = place.position;
        let wanted = |offset: &u64| !(place.lag == Lag::Latest && self.entry(*offset).replaced);
        let in_topic = |topic: &Id| {
            let offsets = &self.index.get(*topic).offsets;
            let read = match offsets.back() {
                Some(newest) if *newest > after => offsets.partition_point(|it| *it <= after),
                _ => offsets.len(),
            };
            offsets
                .range(read..)
                .copied()
                .filter(wanted)
                .take(MAX_EVENTS)
        };
        let unread = after.max(self.first - 1);
        let last = self.finished.filter(|last| *last > unread);
        let mut position = after;
        let mut take = |offset| {
            position = offset;
            self.take(offset, place.lag, batch);
            !batch.is_full(place.lag)
        };
        let complete = match topics {
            [topic] => in_topic(topic).chain(last).all(&mut take),
            topics => {
                let mut offsets: Vec<u64> = topics.iter().flat_map(in_topic).chain(last).collect();
                offsets.sort_unstable();
                offsets.into_iter().all(&mut take)
            }
        };
        if complete { self.tip() } else { position }
    }

    fn take(&self, offset: u64, lag: Lag, batch: &mut Batch) {
        let entry = self.entry(offset);
        if !(lag == Lag::Latest && entry.replaced) {
            batch.push(self.published(offset, entry));
        }
    }

    pub(super) fn entry(&self, offset: u64) -> &Entry {
        &self.entries[self.index_of(offset)]
    }

    pub(super) fn topic_of(&self, entry: &Entry) -> Option<&str> {
        entry.topic.map(|topic| &*self.index.get(topic).name)
    }
}

/// How many events are looked at while others wait for the log.
fn looks(interest: &Interest) -> u64 {
    match interest {
        Interest::Matching(patterns) => (MAX_LOOKS / patterns.len()) as u64,
        Interest::All | Interest::Topics(_) => MAX_LOOKS as u64,
    }
}
