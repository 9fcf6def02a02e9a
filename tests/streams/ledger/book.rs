//! What was published in each life of a feed.

use std::collections::{HashMap, HashSet};

/// The topic of what goes to everyone, whatever it asked for: the last event of a feed.
pub(crate) const EVERYONE: u8 = 63;

/// An offset in one life of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Position {
    pub(crate) epoch: u64,
    pub(crate) offset: u64,
}

/// What is at an offset. Topics are numbered, below 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) topic: u8,
    pub(crate) key: Option<u8>,
    pub(crate) publisher: u16,
    /// Of those of its publisher, in the order in which it gave them.
    pub(crate) number: u32,
}

/// All lives of a feed.
#[derive(Debug)]
pub(crate) struct Book {
    /// How many events the feed keeps; nothing else bounds its log.
    retained: u64,
    logs: HashMap<u64, Log>,
}

/// One life of a feed, by offset from 1.
#[derive(Debug, Default)]
pub(crate) struct Log {
    records: Vec<Option<Record>>,
    /// Up to this offset nothing is missing in `records`.
    known: u64,
    newest: HashMap<(u8, u8), u64>,
    offsets: HashMap<(u16, u32), u64>,
    numbers: HashMap<u16, u32>,
    /// What may be in the log without anyone's knowing.
    unacknowledged: HashSet<(u16, u32)>,
    unacknowledged_keys: HashSet<(u8, u8)>,
    closed: bool,
    contradictions: u64,
}

impl Book {
    pub(crate) fn new(retained: u64) -> Self {
        Self {
            retained,
            logs: HashMap::new(),
        }
    }

    /// Its publisher was told that it is there, or a client got it from there.
    pub(crate) fn enter(&mut self, at: Position, record: Record) {
        let retained = self.retained;
        self.open(at.epoch).enter(at.offset, record, retained);
    }

    /// Its publisher was told nothing: it may be in the log.
    pub(crate) fn unacknowledged(&mut self, epoch: u64, record: Record) {
        self.open(epoch).unacknowledged(record);
    }

    /// This life is over, and whoever published in it has said so: what nobody knows by now is judged by nobody.
    pub(crate) fn close(&mut self, epoch: u64) {
        self.open(epoch).closed = true;
    }

    pub(crate) fn is_known(&self, to: Position) -> bool {
        let log = self.log(to.epoch);
        log.is_some_and(|log| log.closed || log.known >= to.offset)
    }

    /// What must have been published for the log to let go of all up to here.
    pub(super) fn evidence(&self, to: Position) -> Position {
        let offset = match to.offset {
            0 => 0,
            offset => offset + self.retained,
        };
        Position { offset, ..to }
    }

    /// Whether the log could have let go of all up to here.
    pub(super) fn could_evict(&self, to: Position) -> bool {
        let evidence = self.evidence(to).offset;
        self.log(to.epoch).map_or(0, Log::most) >= evidence
    }

    pub(super) fn log(&self, epoch: u64) -> Option<&Log> {
        self.logs.get(&epoch)
    }

    /// Offsets that were told otherwise to different people, or given twice, or not in their publisher's order.
    pub(super) fn contradictions(&self) -> u64 {
        self.logs.values().map(|log| log.contradictions).sum()
    }

    /// Events of which nobody has heard, though later ones are known.
    pub(super) fn unknown(&self) -> u64 {
        self.logs.values().map(Log::unknown).sum()
    }

    /// Those of them that no publisher can have published.
    pub(super) fn impossible(&self) -> u64 {
        self.logs.values().map(Log::impossible).sum()
    }

    pub(crate) fn published(&self) -> u64 {
        self.logs.values().map(|log| log.records.len() as u64).sum()
    }

    fn open(&mut self, epoch: u64) -> &mut Log {
        self.logs.entry(epoch).or_default()
    }
}

impl Log {
    pub(super) fn get(&self, offset: u64) -> Option<Record> {
        *self.records.get(index(offset)?)?
    }

    /// The greatest offset that is known.
    pub(super) fn last(&self) -> u64 {
        self.records.len() as u64
    }

    /// Whether an event of this topic and key came after this offset.
    pub(super) fn replaced(&self, topic: u8, key: u8, offset: u64) -> bool {
        self.newest
            .get(&(topic, key))
            .is_some_and(|it| *it > offset)
    }

    /// As [`replaced`](Self::replaced), by one that nobody has heard of.
    pub(super) fn may_be_replaced(&self, topic: u8, key: u8) -> bool {
        self.unacknowledged_keys.contains(&(topic, key))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    fn enter(&mut self, offset: u64, record: Record, retained: u64) {
        let Some(index) = index(offset) else {
            self.contradictions += 1;
            return;
        };
        if self.records.len() <= index {
            self.records.resize(index + 1, None);
        }
        if let Some(known) = self.records[index] {
            self.contradictions += u64::from(known != record);
            return;
        }
        self.records[index] = Some(record);
        self.add(offset, record, retained);
        self.advance();
    }

    fn add(&mut self, offset: u64, record: Record, retained: u64) {
        if let Some(key) = record.key {
            let newest = self.newest.entry((record.topic, key)).or_default();
            *newest = offset.max(*newest);
        }
        let number = (record.publisher, record.number);
        self.unacknowledged.remove(&number);
        let first = self.offsets.entry(number).or_insert(offset);
        let apart = first.abs_diff(offset);
        // Repeated with its idempotency key, an event is another one only once the first has left the log.
        self.contradictions += u64::from(apart > 0 && apart < retained);
        *first = offset.min(*first);
    }

    fn advance(&mut self) {
        while let Some(record) = self.get(self.known + 1) {
            self.known += 1;
            let number = self.numbers.entry(record.publisher).or_default();
            let again = self.offsets.get(&(record.publisher, record.number)) != Some(&self.known);
            self.contradictions += u64::from(record.number <= *number && !again);
            *number = record.number.max(*number);
        }
    }

    fn unacknowledged(&mut self, record: Record) {
        let number = (record.publisher, record.number);
        if self.offsets.contains_key(&number) {
            return;
        }
        self.unacknowledged.insert(number);
        if let Some(key) = record.key {
            self.unacknowledged_keys.insert((record.topic, key));
        }
    }

    /// How many events there can be.
    fn most(&self) -> u64 {
        self.last() + self.unacknowledged.len() as u64
    }

    fn unknown(&self) -> u64 {
        self.records
            .iter()
            .filter(|record| record.is_none())
            .count() as u64
    }

    fn impossible(&self) -> u64 {
        self.unknown()
            .saturating_sub(self.unacknowledged.len() as u64)
    }
}

/// `None` for offset 0, which is before the first event.
fn index(offset: u64) -> Option<usize> {
    usize::try_from(offset).ok()?.checked_sub(1)
}
