//! The log as a [`Log`](crate::feed::Log).

use std::task::Waker;

use tokio::time::Instant;

use super::{Entry, Id, State};
use crate::feed::{Page, Publish};

impl State {
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

    fn recorded(&self, entry: &Entry) -> Publish {
        Publish {
            event: entry.event.clone(),
            topic: entry.topic.map(|topic| self.index.get(topic).name.clone()),
            keys: entry.keys.as_deref().cloned(),
            last: entry.last,
        }
    }
}
