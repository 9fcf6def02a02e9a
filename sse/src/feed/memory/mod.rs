//! The log in memory: what is published, for as long as it is retained, and who follows it.
//!
//! All of it is behind one lock, under which nothing of others runs: events are prepared before it
//! is taken, and wakers are cloned, woken and dropped after it is given back.

mod batch;
mod index;
mod lead;
mod page;
mod read;
mod retention;
mod start;
mod subscribers;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    task::Waker,
};

use tokio::time::Instant;

pub(super) use self::{batch::Batch, lead::Same, read::Turn, retention::Retention, start::Place};
use self::{index::Index, subscribers::Subscribers};
use super::{
    Cursor, Epoch, Metrics, Publish, Published, Stats, Topic, metrics::Counters, publish::Keys,
};
pub(super) use crate::slab::Id;
use crate::{Event, event::Unstamped};

#[derive(Debug)]
pub(super) struct State {
    epoch: Epoch,
    retention: Retention,
    entries: VecDeque<Entry>,
    /// The offset of the oldest entry, or of the next event when there is none.
    first: u64,
    bytes: usize,
    index: Index,
    /// The newest event of each key in each topic.
    newest: HashMap<(Option<Id>, Arc<str>), u64>,
    idempotency: HashMap<Arc<str>, u64>,
    /// The newest event, when it was marked as the last of the feed.
    finished: Option<u64>,
    /// When the last evicted event was published.
    evicted_at: Option<Instant>,
    /// The last evicted event that no other of its key had replaced.
    unreplaced: u64,
    subscribers: Subscribers,
    counters: Counters,
}

#[derive(Debug)]
struct Entry {
    event: Event,
    at: Instant,
    keys: Option<Arc<Keys>>,
    /// Of the byte bound.
    weight: usize,
    topic: Option<Id>,
    /// There is a newer one with its topic and key.
    replaced: bool,
    last: bool,
}

/// All of an event that can be made before the log is locked.
pub(super) struct Prepared {
    event: Unstamped,
    topic: Option<Topic>,
    keys: Option<Arc<Keys>>,
    last: bool,
}

impl Prepared {
    pub(super) fn new(publish: Publish) -> Self {
        Self {
            event: Unstamped::new(&publish.event, Cursor::MAX_LEN),
            topic: publish.topic,
            keys: publish.keys.map(Arc::new),
            last: publish.last,
        }
    }

    fn idempotency_key(&self) -> Option<&str> {
        self.keys.as_ref()?.idempotency.as_deref()
    }
}

impl State {
    pub(super) fn new(epoch: Epoch, retention: Retention) -> Self {
        Self {
            epoch,
            retention,
            entries: VecDeque::new(),
            first: 1,
            bytes: 0,
            index: Index::new(retention.max_quiet_topics),
            newest: HashMap::new(),
            idempotency: HashMap::new(),
            finished: None,
            evicted_at: None,
            unreplaced: 0,
            subscribers: Subscribers::default(),
            counters: Counters::default(),
        }
    }

    /// The offset of the newest event.
    pub(super) fn tip(&self) -> u64 {
        self.first + self.entries.len() as u64 - 1
    }

    pub(super) fn cursor(&self, offset: u64) -> Cursor {
        Cursor::new(self.epoch, offset)
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            events: self.entries.len(),
            bytes: self.bytes,
            topics: self.index.len(),
            subscribers: self.subscribers.len(),
        }
    }

    pub(super) fn metrics(&self) -> Metrics {
        let counters = &self.counters;
        Metrics {
            published: self.tip(),
            delivered: counters.delivered,
            delivered_bytes: counters.delivered_bytes,
            evicted: self.first - 1,
            gaps: counters.gaps,
            subscribers: self.subscribers.len(),
            lag: self.subscribers.lag(self.tip()),
            ends: counters.ends.clone(),
        }
    }

    /// Where the event is, and who is to be woken.
    pub(super) fn append(&mut self, prepared: Prepared, now: Instant) -> (Cursor, Vec<Waker>) {
        self.evict_old(now);
        let known = prepared.idempotency_key();
        if let Some(offset) = known.and_then(|key| self.idempotency.get(key)) {
            return (self.cursor(*offset), Vec::new());
        }
        let offset = self.tip() + 1;
        let entry = self.index(prepared, offset, now);
        let topic = entry.topic;
        self.bytes += entry.weight;
        self.entries.push_back(entry);
        self.evict_excess();
        let wakers = match self.finished {
            Some(_) => self.subscribers.wake_all(offset),
            None => self.subscribers.wake(&self.index, topic, offset),
        };
        (self.cursor(offset), wakers)
    }

    fn index(&mut self, prepared: Prepared, offset: u64, at: Instant) -> Entry {
        let event = prepared.event.stamp(self.cursor(offset).text().as_bytes());
        let weight = event.as_bytes().len()
            + prepared.topic.as_ref().map_or(0, |topic| topic.len())
            + prepared.keys.as_ref().map_or(0, |keys| keys.len());
        let finishes = prepared.last && prepared.topic.is_none();
        self.finished = finishes.then_some(offset);
        let topic = prepared.topic;
        let topic = topic.map(|topic| self.index.publish(topic, offset, prepared.last));
        if let Some(keys) = &prepared.keys {
            self.index_keys(keys, topic, offset);
        }
        Entry {
            event,
            at,
            keys: prepared.keys,
            weight,
            topic,
            replaced: false,
            last: prepared.last,
        }
    }

    fn index_keys(&mut self, keys: &Keys, topic: Option<Id>, offset: u64) {
        if let Some(key) = &keys.idempotency {
            self.idempotency.insert(key.clone(), offset);
        }
        let Some(key) = &keys.key else {
            return;
        };
        if let Some(replaced) = self.newest.insert((topic, key.clone()), offset) {
            let entry = self.index_of(replaced);
            self.entries[entry].replaced = true;
        }
    }

    /// Of the event at or first after this offset.
    fn index_of(&self, offset: u64) -> usize {
        usize::try_from(offset.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }

    fn published(&self, offset: u64, entry: &Entry) -> Published {
        Published {
            event: entry.event.clone(),
            cursor: self.cursor(offset),
            topic: entry.topic.map(|topic| self.index.get(topic).name.clone()),
            keys: entry.keys.clone(),
        }
    }
}
