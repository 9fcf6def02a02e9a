//! Events on their way from the log to a subscriber.

use std::{mem, vec};

use crate::{
    Event,
    feed::{Lag, Published},
};

/// How many events are taken at once; they may outlive their place in the log.
pub(super) const MAX_EVENTS: usize = 32;

/// After how many bytes no more are taken at once.
const MAX_BYTES: usize = 64 * 1024;

/// Events that were taken from the log together, in their order. A single one needs no allocation.
#[derive(Debug, Default)]
pub(in crate::feed) struct Batch {
    first: Option<Published>,
    rest: Vec<Published>,
    bytes: usize,
    /// The newest event of the log, after which the subscriber's waker waits.
    armed: Option<u64>,
}

impl Batch {
    pub(super) fn push(&mut self, event: Published) {
        self.bytes += event.event.as_bytes().len();
        match self.first {
            None => self.first = Some(event),
            Some(_) => self.rest.push(event),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn arm(&mut self, tip: u64) {
        self.armed = Some(tip);
    }

    /// The newest event of the log, if the subscriber will be woken for the next: it has all up to there.
    pub(in crate::feed) fn armed(&self) -> Option<u64> {
        self.armed
    }

    pub(super) fn is_full(&self, lag: Lag) -> bool {
        let max_events = match lag {
            // The others could be replaced before they are asked for.
            Lag::Latest => 1,
            Lag::Resume | Lag::Gap => MAX_EVENTS,
        };
        self.bytes >= MAX_BYTES || self.len() >= max_events
    }

    /// As they go over the wire.
    pub(in crate::feed) fn into_events(self) -> impl Iterator<Item = Event> {
        let all = self.first.into_iter().chain(self.rest);
        all.map(Published::into_event)
    }

    /// The first, and those after it.
    pub(in crate::feed) fn take(&mut self) -> (Option<Published>, vec::IntoIter<Published>) {
        self.bytes = 0;
        (self.first.take(), mem::take(&mut self.rest).into_iter())
    }
}
