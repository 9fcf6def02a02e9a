//! All that was published, in a list.

use std::time::Duration;

use fastrand::Rng;
use peristyle_sse::feed::{Epoch, Lag};
use tokio::time::Instant;

pub(super) struct Twin {
    pub(super) max_events: usize,
    pub(super) max_bytes: usize,
    pub(super) max_age: Duration,
    /// The event with offset 1 is the first.
    events: Vec<Known>,
    /// The offset of the first in the log.
    first: u64,
}

pub(super) struct Known {
    topic: Option<&'static str>,
    key: Option<&'static str>,
    idempotency_key: Option<&'static str>,
    last: bool,
    pub(super) text: String,
    weight: usize,
    at: Instant,
    /// It was no longer the newest of its key when the log let go of it.
    was_replaced: bool,
}

impl Twin {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self {
            max_events: rng.usize(1..20),
            max_bytes: rng.usize(1..2_000),
            max_age: Duration::from_millis(rng.u64(0..8_000)),
            events: Vec::new(),
            first: 1,
        }
    }

    pub(super) fn publish(
        &mut self,
        topic: Option<&'static str>,
        key: Option<&'static str>,
        idempotency_key: Option<&'static str>,
        last: bool,
        data: &str,
        epoch: Epoch,
    ) -> u64 {
        self.age();
        if let Some(offset) = self.repeated(idempotency_key) {
            return offset;
        }
        let offset = self.tip() + 1;
        let epoch = epoch.number();
        assert!(epoch < 10, "one digit");
        let text = format!("id: {epoch}-{offset}\ndata: {data}\n\n");
        let labels = [topic, key, idempotency_key].into_iter().flatten();
        self.events.push(Known {
            weight: text.len() + labels.map(str::len).sum::<usize>(),
            topic,
            key,
            idempotency_key,
            last,
            text,
            at: Instant::now(),
            was_replaced: false,
        });
        while self.retained().len() > 1
            && (self.retained().len() > self.max_events || self.bytes() > self.max_bytes)
        {
            self.evict();
        }
        offset
    }

    fn repeated(&self, key: Option<&str>) -> Option<u64> {
        let key = key?;
        let known = self
            .retained()
            .iter()
            .position(|it| it.idempotency_key == Some(key))?;
        Some(self.first + known as u64)
    }

    fn age(&mut self) {
        let limit = self.max_age;
        while self
            .retained()
            .first()
            .is_some_and(|it| it.at.elapsed() > limit)
        {
            self.evict();
        }
    }

    fn evict(&mut self) {
        let replaced = self.is_replaced(self.first);
        self.events[index(self.first)].was_replaced = replaced;
        self.first += 1;
    }

    pub(super) fn restart(&mut self) {
        self.events.clear();
        self.first = 1;
    }

    /// The log has let go of no more than it must; of what is too old, perhaps not yet.
    pub(super) fn check_retained(&mut self, first: u64, bytes: usize) {
        assert!(self.first <= first, "kept {first}, not {}", self.first);
        let limit = self.max_age;
        while self.first < first {
            assert!(self.event(self.first).at.elapsed() > limit, "evicted early");
            self.evict();
        }
        assert_eq!(bytes, self.bytes());
    }

    fn retained(&self) -> &[Known] {
        &self.events[index(self.first)..]
    }

    fn bytes(&self) -> usize {
        self.retained().iter().map(|it| it.weight).sum()
    }

    pub(super) fn first(&self) -> u64 {
        self.first
    }

    pub(super) fn tip(&self) -> u64 {
        self.events.len() as u64
    }

    pub(super) fn event(&self, offset: u64) -> &Known {
        &self.events[index(offset)]
    }

    /// Whether a follower of these topics is to get the event.
    pub(super) fn is_asked(&self, offset: u64, names: Option<&[&str]>) -> bool {
        let event = self.event(offset);
        let Some(topic) = event.topic else {
            return names.is_none() || (event.last && offset == self.tip());
        };
        names.is_none_or(|names| names.iter().any(|name| matches(name, topic)))
    }

    /// Whether a newer event has taken its place for those who want only the newest.
    pub(super) fn is_replaced(&self, offset: u64) -> bool {
        let event = self.event(offset);
        let newer = offset + 1..=self.tip();
        let same = |other: &Known| other.topic == event.topic && other.key == event.key;
        event.key.is_some() && newer.into_iter().any(|newer| same(self.event(newer)))
    }

    /// Whether it left the log as the newest of its key.
    pub(super) fn is_lost(&self, offset: u64, lag: Lag) -> bool {
        let replaced = lag == Lag::Latest && self.event(offset).was_replaced;
        offset < self.first && !replaced
    }

    /// Whether all that these followers asked for has come to an end.
    pub(super) fn is_finished(&self, names: Option<&[&'static str]>) -> bool {
        let feed = self
            .events
            .last()
            .is_some_and(|it| it.last && it.topic.is_none());
        feed || names.is_some_and(|names| names.iter().all(|name| self.is_last(name)))
    }

    /// A pattern is the topic of no event.
    fn is_last(&self, topic: &str) -> bool {
        let mut newest = self.events.iter().rev();
        newest
            .find(|it| it.topic == Some(topic))
            .is_some_and(|it| it.last)
    }

    /// The position after which there are `count` for this follower.
    pub(super) fn before_last(&self, count: usize, names: Option<&[&str]>, lag: Lag) -> u64 {
        let retained = (self.first..=self.tip()).rev();
        let asked = retained.filter(|offset| {
            let topic = self.event(*offset).topic;
            let is_asked = match (names, topic) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(names), Some(topic)) => names.iter().any(|name| matches(name, topic)),
            };
            is_asked && !(lag == Lag::Latest && self.is_replaced(*offset))
        });
        match count {
            0 => self.tip(),
            _ => asked
                .take(count)
                .last()
                .map_or_else(|| self.tip(), |offset| offset - 1),
        }
    }
}

fn index(offset: u64) -> usize {
    usize::try_from(offset - 1).expect("a short list")
}

/// Segment by segment.
fn matches(pattern: &str, topic: &str) -> bool {
    let mut topic = topic.split('/');
    for segment in pattern.split('/') {
        match (segment, topic.next()) {
            ("**", _) => return true,
            ("*", Some(_)) => {}
            (segment, Some(name)) if segment == name => {}
            _ => return false,
        }
    }
    topic.next().is_none()
}
