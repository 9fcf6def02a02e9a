//! How long events stay in the log.

use std::time::Duration;

use tokio::time::Instant;

use super::{Entry, State};

/// Bounds of a log, all of which hold.
#[derive(Clone, Copy, Debug)]
pub(in crate::feed) struct Retention {
    pub(in crate::feed) max_events: usize,
    pub(in crate::feed) max_bytes: usize,
    pub(in crate::feed) max_age: Duration,
    pub(in crate::feed) max_quiet_topics: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            max_events: 10_000,
            max_bytes: 16 * 1024 * 1024,
            max_age: Duration::from_secs(5 * 60),
            max_quiet_topics: 10_000,
        }
    }
}

impl State {
    /// Lets go of what is too old.
    pub(in crate::feed) fn evict_old(&mut self, now: Instant) {
        let max_age = self.retention.max_age;
        while let Some(oldest) = self.entries.front() {
            if now.saturating_duration_since(oldest.at) <= max_age {
                return;
            }
            self.evict();
        }
    }

    /// Lets go of what is too much. The newest event stays, however large: nobody could have got it
    /// yet.
    pub(super) fn evict_excess(&mut self) {
        let limits = self.retention;
        while self.entries.len() > 1
            && (self.entries.len() > limits.max_events || self.bytes > limits.max_bytes)
        {
            self.evict();
        }
    }

    fn evict(&mut self) {
        let Some(entry) = self.entries.pop_front() else {
            return;
        };
        let offset = self.first;
        self.first += 1;
        self.bytes -= entry.weight;
        self.evicted_at = Some(entry.at);
        if !entry.replaced {
            self.unreplaced = offset;
        }
        self.forget_keys(&entry);
        if let Some(topic) = entry.topic {
            self.index.evict(topic, offset, entry.replaced);
        }
    }

    fn forget_keys(&mut self, entry: &Entry) {
        let Some(keys) = &entry.keys else {
            return;
        };
        if let Some(key) = &keys.idempotency {
            self.idempotency.remove(key);
        }
        if let Some(key) = keys.key.as_ref().filter(|_| !entry.replaced) {
            self.newest.remove(&(entry.topic, key.clone()));
        }
    }
}
