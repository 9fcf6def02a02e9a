//! Where a subscriber starts.

use std::task::Waker;

use tokio::time::Instant;

use super::{Id, State, subscribers::Interest};
use crate::feed::{
    Cursor, Lag, Presence, Reason, Topic,
    follow::{Follow, Start},
    peer::Principal,
};

/// A subscriber's place in the log. It has got, or been told that it misses, all that it asked for
/// up to its position.
#[derive(Debug)]
pub(in crate::feed) struct Place {
    pub(in crate::feed) id: Id,
    pub(in crate::feed) position: u64,
    pub(in crate::feed) lag: Lag,
    /// It has yet to be told that it misses what was after this cursor.
    pub(in crate::feed) gap: Option<Box<(Option<Cursor>, Reason)>>,
}

impl State {
    /// Adds a subscriber.
    pub(in crate::feed) fn enter(&mut self, follow: Follow, now: Instant) -> Place {
        self.evict_old(now);
        let choice = follow.topics.into_choice();
        let id = self
            .subscribers
            .insert(choice, follow.principal, &mut self.index);
        let lag = follow.lag;
        let (position, gap) = self.start(follow.start, id, lag);
        self.subscribers.get_mut(id).position = position;
        Place {
            id,
            position,
            lag,
            gap: gap.map(Box::new),
        }
    }

    /// Counts the subscriber among those who are present.
    pub(in crate::feed) fn join(&mut self, id: Id) {
        self.subscribers.join(id);
    }

    pub(in crate::feed) fn presence(&self, topic: &Topic) -> Presence {
        self.subscribers.presence(&self.index, topic)
    }

    /// Of those who have one.
    pub(in crate::feed) fn principals(&self) -> Vec<(Id, Principal)> {
        self.subscribers.principals()
    }

    /// How many were not revoked before, and who is to be woken.
    pub(in crate::feed) fn revoke(&mut self, revoked: &[(Id, Principal)]) -> (usize, Vec<Waker>) {
        self.subscribers.revoke(revoked)
    }

    fn start(&self, start: Start, id: Id, lag: Lag) -> (u64, Option<(Option<Cursor>, Reason)>) {
        match start {
            Start::Live => (self.tip(), None),
            Start::Earliest => (self.first - 1, None),
            Start::Last(count) => (self.before_last(count, id, lag), None),
            Start::Since(time) => {
                let missing = self.evicted_at.is_some_and(|at| at >= time);
                let gap = missing && self.lost(id, lag) > 0;
                let before = self.entries.partition_point(|entry| entry.at < time) as u64;
                let position = self.first - 1 + before;
                (position, gap.then_some((None, Reason::Evicted)))
            }
            Start::After(cursor) => self.after(cursor, id, lag),
            Start::Unknown => (self.tip(), Some((None, Reason::Unknown))),
        }
    }

    fn after(&self, cursor: Cursor, id: Id, lag: Lag) -> (u64, Option<(Option<Cursor>, Reason)>) {
        let offset = cursor.offset();
        if cursor.epoch() != self.epoch {
            return (self.first - 1, Some((Some(cursor), Reason::Epoch)));
        }
        if offset > self.tip() {
            return (self.tip(), Some((Some(cursor), Reason::Unknown)));
        }
        let lost = self.lost(id, lag) > offset;
        (offset, lost.then_some((Some(cursor), Reason::Evicted)))
    }

    /// The position after which there are `count` events for the subscriber, or all there are.
    fn before_last(&self, count: usize, id: Id, lag: Lag) -> u64 {
        let wanted = |offset: &u64| !(lag == Lag::Latest && self.entry(*offset).replaced);
        let first = match &self.subscribers.get(id).interest {
            Interest::Topics(topics) => {
                let topics = topics.iter().map(|topic| &self.index.get(*topic).offsets);
                let mut newest: Vec<u64> = topics
                    .flat_map(|offsets| offsets.iter().copied().rev().filter(wanted).take(count))
                    .collect();
                newest.sort_unstable_by(|a, b| b.cmp(a));
                newest.truncate(count);
                newest.pop()
            }
            interest => {
                let asked = (self.first..=self.tip())
                    .rev()
                    .filter(|offset| interest.includes(self.topic_of(self.entry(*offset))));
                asked.filter(wanted).take(count).last()
            }
        };
        first.map_or_else(|| self.tip(), |first| first - 1)
    }
}
