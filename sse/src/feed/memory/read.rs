//! What a subscriber gets next.

use std::{mem, task::Waker, vec};

use tokio::time::Instant;

use super::{
    Entry, Id, Place, State,
    subscribers::{Interest, Wait},
};
use crate::feed::{Cursor, Gap, Lag, Page, Published, Reason};

/// How many events are taken at once; they may outlive their place in the log.
const MAX_EVENTS: usize = 32;

/// After how many bytes no more are taken at once.
const MAX_BYTES: usize = 64 * 1024;

/// How many events are looked at while others wait for the log.
const MAX_LOOKS: u64 = 1024;

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
    Finished,
    Lagged,
}

impl State {
    /// Takes the waker only to arm it. What is in its place afterwards is for the caller to drop.
    pub(in crate::feed) fn turn(
        &mut self,
        place: &mut Place,
        waker: &mut Option<Waker>,
        batch: &mut Batch,
    ) -> Turn {
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

    pub(in crate::feed) fn page(&mut self, after: u64, limit: usize) -> Page {
        self.evict_old(Instant::now());
        let start = after.saturating_add(1).max(self.first);
        let entries = (start..=self.tip()).take(limit);
        let events = entries.map(|offset| (offset, self.recorded(self.entry(offset))));
        Page::new(self.first, events.collect())
    }

    /// Whether there is an event after this offset. If not, takes the waker to arm it.
    pub(in crate::feed) fn has_more(
        &mut self,
        after: u64,
        id: Id,
        waker: &mut Option<Waker>,
    ) -> bool {
        let more = self.tip() > after;
        if !more {
            self.subscribers.get_mut(id).arm(waker);
        }
        more
    }

    /// Leaves out all that there is.
    pub(in crate::feed) fn skip(&self, place: &mut Place) -> Cursor {
        place.position = self.tip();
        self.cursor(place.position)
    }

    /// The waker that is left is for the caller to drop, once nobody waits for the log.
    pub(in crate::feed) fn leave(&mut self, id: Id) -> Option<Waker> {
        self.subscribers.remove(id, &mut self.index)
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
    fn pass_over(&mut self, place: &mut Place) {
        let tip = self.tip();
        let wait = &mut self.subscribers.get_mut(place.id).wait;
        let passed = match wait {
            Wait::Reading => return,
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
            Some(gap) => gap,
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
        let end = self.tip().min(position + MAX_LOOKS);
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

/// Events that were taken from the log together, in their order. A single one needs no allocation.
#[derive(Debug, Default)]
pub(in crate::feed) struct Batch {
    first: Option<Published>,
    rest: Vec<Published>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, event: Published) {
        self.bytes += event.event.as_bytes().len();
        match self.first {
            None => self.first = Some(event),
            Some(_) => self.rest.push(event),
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn is_full(&self, lag: Lag) -> bool {
        let max_events = match lag {
            // The others could be replaced before they are asked for.
            Lag::Latest => 1,
            Lag::Resume | Lag::Gap => MAX_EVENTS,
        };
        let events = usize::from(self.first.is_some()) + self.rest.len();
        self.bytes >= MAX_BYTES || events >= max_events
    }

    /// The first, and those after it.
    pub(in crate::feed) fn take(&mut self) -> (Option<Published>, vec::IntoIter<Published>) {
        self.bytes = 0;
        (self.first.take(), mem::take(&mut self.rest).into_iter())
    }
}
