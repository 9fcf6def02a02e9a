//! What one client asked for, and what it got.

use std::{
    collections::{BTreeSet, VecDeque},
    mem,
    ops::RangeInclusive,
};

use super::{Book, EVERYONE, Position, Record, Tally, book::Log};

/// So many losses of one client are remembered, in case that what is lost comes late.
const MAX_MISSED: usize = 1_000;

/// A client from its first event to its last, over as many connections as it takes.
#[derive(Debug)]
pub(crate) struct Account {
    /// A bit for each topic.
    asked: u64,
    lag: Lag,
    /// It is told of gaps only where it misses something: it named its topics.
    exact: bool,
    /// It was given, or told that it misses, all that it asked for up to here.
    at: Option<Position>,
    connection: Connection,
    /// Not yet judged, since not all that was published before is known.
    pending: VecDeque<Noted>,
    missed: BTreeSet<Position>,
    /// Passed over: right if they were replaced, which the book may not know yet.
    passed: Vec<(Position, (u8, u8))>,
}

/// What happens when a client is slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lag {
    Resume,
    Gap,
    Latest,
}

/// What a client was told that it misses: all after `from`, up to and with `to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: Option<Position>,
    pub(crate) to: Position,
    pub(crate) reason: Reason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Evicted,
    Epoch,
    Lagged,
    Unknown,
}

impl Reason {
    pub(crate) const ALL: [(Self, &'static str); 4] = [
        (Self::Evicted, "evicted"),
        (Self::Epoch, "epoch"),
        (Self::Lagged, "lagged"),
        (Self::Unknown, "unknown"),
    ];

    pub(crate) fn named(word: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|(_, name)| *name == word);
        known.map(|(reason, _)| *reason)
    }
}

/// What came so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    /// Nothing, for a client that said its position.
    Opened,
    /// Nothing, for a client that said what is no position.
    Strayed,
    Begun,
}

#[derive(Debug, Clone, Copy)]
enum Noted {
    Connected(Connection),
    Start(Position),
    Event(Position),
    Gap(Gap),
    Done,
}

impl Account {
    /// Of a client that asks for these topics, a bit each.
    pub(crate) fn new(asked: u64, lag: Lag, exact: bool) -> Self {
        Self {
            asked: asked | 1 << EVERYONE,
            lag,
            exact,
            at: None,
            connection: Connection::Opened,
            pending: VecDeque::new(),
            missed: BTreeSet::new(),
            passed: Vec::new(),
        }
    }

    /// It has a connection, and said from where it goes on, if it knew.
    pub(crate) fn connected(&mut self) {
        let connected = Noted::Connected(Connection::Opened);
        self.pending.push_back(connected);
    }

    /// It has a connection, and said to have a position that is none.
    pub(crate) fn strayed(&mut self) {
        let strayed = Noted::Connected(Connection::Strayed);
        self.pending.push_back(strayed);
    }

    /// It was told from where it is given everything.
    pub(crate) fn start(&mut self, at: Position) {
        self.pending.push_back(Noted::Start(at));
    }

    pub(crate) fn event(&mut self, at: Position) {
        self.pending.push_back(Noted::Event(at));
    }

    pub(crate) fn gap(&mut self, gap: Gap) {
        self.pending.push_back(Noted::Gap(gap));
    }

    /// It was told that it has everything, and that nothing more will come.
    pub(crate) fn done(&mut self) {
        self.pending.push_back(Noted::Done);
    }

    /// Judges what can be judged by now.
    pub(crate) fn settle(&mut self, book: &Book, tally: &mut Tally) {
        while let Some(noted) = self.pending.front().copied() {
            if !self.is_ready(noted, book) {
                return;
            }
            self.pending.pop_front();
            self.judge(noted, book, tally);
        }
        self.judge_passed(book, tally);
    }

    /// Whether all was judged.
    pub(crate) fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.passed.is_empty()
    }

    fn is_ready(&self, noted: Noted, book: &Book) -> bool {
        match noted {
            Noted::Connected(_) | Noted::Start(_) => true,
            Noted::Event(at) => book.is_known(at),
            Noted::Gap(gap) => {
                let before = self.at.is_none_or(|at| is_over(book, at, gap.to));
                let evidence = match gap.reason {
                    Reason::Unknown => gap.to,
                    _ => book.evidence(gap.to),
                };
                before && book.is_known(evidence)
            }
            Noted::Done => self
                .at
                .is_some_and(|at| book.log(at.epoch).is_some_and(Log::is_closed)),
        }
    }

    fn judge(&mut self, noted: Noted, book: &Book, tally: &mut Tally) {
        match noted {
            Noted::Connected(connection) => self.connection = connection,
            Noted::Start(at) => {
                tally.silent += u64::from(self.at.is_some());
                self.begin();
                self.at = Some(at);
            }
            Noted::Event(at) => self.judge_event(at, book, tally),
            Noted::Gap(gap) => self.judge_gap(gap, book, tally),
            Noted::Done => {
                let at = self.at.expect("it is ready");
                let last = book.log(at.epoch).map_or(0, Log::last);
                self.pass(at.epoch, at.offset + 1..=last, book, tally);
            }
        }
    }

    fn judge_event(&mut self, event: Position, book: &Book, tally: &mut Tally) {
        tally.deliveries += 1;
        let strayed = self.begin() == Connection::Strayed;
        let log = book.log(event.epoch);
        let record = log.and_then(|log| log.get(event.offset));
        tally.unasked += u64::from(!record.is_some_and(|record| self.asks_for(record)));
        match self.at {
            Some(at) if at.epoch == event.epoch && event.offset <= at.offset => {
                return self.judge_late(event, tally);
            }
            Some(at) if at.epoch == event.epoch && !strayed => {
                let between = at.offset + 1..=event.offset - 1;
                self.pass(event.epoch, between, book, tally);
            }
            _ => tally.silent += 1,
        }
        self.at = Some(event);
    }

    fn judge_late(&mut self, event: Position, tally: &mut Tally) {
        if self.missed.remove(&event) {
            tally.lost -= 1;
            tally.reordered += 1;
        } else {
            tally.repeated += 1;
        }
    }

    fn judge_gap(&mut self, gap: Gap, book: &Book, tally: &mut Tally) {
        tally.gaps[gap.reason as usize] += 1;
        let connection = self.begin();
        let at = self.at;
        if gap.reason == Reason::Lagged {
            if let (Some(at), Some(from)) = (at, gap.from) {
                self.pass(at.epoch, at.offset + 1..=from.offset, book, tally);
            }
        }
        let covered = self.covered(gap, book);
        tally.covered += covered;
        let right = self.is_right(gap, connection, covered);
        let founded = gap.reason == Reason::Unknown || book.could_evict(gap.to);
        tally.false_gaps += u64::from(!(right && founded));
        // One that goes back would make a repetition of all that follows.
        self.at = at.filter(|at| at.epoch == gap.to.epoch).max(Some(gap.to));
    }

    fn is_right(&self, gap: Gap, connection: Connection, covered: u64) -> bool {
        let Some(at) = self.at else {
            return gap.reason == Reason::Unknown && connection == Connection::Strayed;
        };
        let onwards = at.epoch == gap.to.epoch && gap.to.offset > at.offset;
        let needed = covered > 0 || !self.exact;
        let opened = connection == Connection::Opened && gap.from == Some(at);
        match gap.reason {
            Reason::Evicted => opened && onwards && needed,
            Reason::Epoch => opened && at.epoch != gap.to.epoch,
            Reason::Lagged => {
                let from = gap.from.filter(|from| from.epoch == at.epoch);
                let ahead =
                    from.is_some_and(|from| (at.offset..gap.to.offset).contains(&from.offset));
                ahead
                    && onwards
                    && needed
                    && self.lag != Lag::Resume
                    && connection != Connection::Strayed
            }
            Reason::Unknown => connection == Connection::Strayed && gap.from.is_none(),
        }
    }

    /// How much of what it asked for is in the gap.
    fn covered(&self, gap: Gap, book: &Book) -> u64 {
        let (old, new) = match self.at {
            Some(at) if at.epoch == gap.to.epoch => {
                let from = gap.from.map_or(at.offset, |from| from.offset);
                (0, self.count(gap.to.epoch, from + 1..=gap.to.offset, book))
            }
            Some(at) => {
                let last = book.log(at.epoch).map_or(0, Log::last);
                let old = self.count(at.epoch, at.offset + 1..=last, book);
                (old, self.count(gap.to.epoch, 1..=gap.to.offset, book))
            }
            None => (0, 0),
        };
        old + new
    }

    fn count(&self, epoch: u64, offsets: RangeInclusive<u64>, book: &Book) -> u64 {
        self.asked_in(epoch, offsets, book).count() as u64
    }

    /// These were not given. Those that were asked for should have been, unless newer ones took their places.
    fn pass(&mut self, epoch: u64, offsets: RangeInclusive<u64>, book: &Book, tally: &mut Tally) {
        let passed: Vec<_> = self.asked_in(epoch, offsets, book).collect();
        for (at, record) in passed {
            match record.key {
                Some(key) if self.lag == Lag::Latest => self.passed.push((at, (record.topic, key))),
                _ => self.lose(at, tally),
            }
        }
    }

    fn lose(&mut self, at: Position, tally: &mut Tally) {
        tally.lost += 1;
        if self.missed.len() < MAX_MISSED {
            self.missed.insert(at);
        }
    }

    fn judge_passed(&mut self, book: &Book, tally: &mut Tally) {
        for (at, (topic, key)) in mem::take(&mut self.passed) {
            let Some(log) = book.log(at.epoch) else {
                continue;
            };
            if log.replaced(topic, key, at.offset) {
                continue;
            }
            if !log.is_closed() {
                self.passed.push((at, (topic, key)));
            } else if !log.may_be_replaced(topic, key) {
                self.lose(at, tally);
            }
        }
    }

    fn asked_in<'a>(
        &'a self,
        epoch: u64,
        offsets: RangeInclusive<u64>,
        book: &'a Book,
    ) -> impl Iterator<Item = (Position, Record)> + 'a {
        let log = book.log(epoch);
        let records = offsets.filter_map(move |offset| Some((offset, log?.get(offset)?)));
        records
            .filter(|(_, record)| self.asks_for(*record))
            .map(move |(offset, record)| (Position { epoch, offset }, record))
    }

    fn asks_for(&self, record: Record) -> bool {
        self.asked >> record.topic & 1 == 1
    }

    /// What was before something came.
    fn begin(&mut self) -> Connection {
        mem::replace(&mut self.connection, Connection::Begun)
    }
}

/// Whether nothing more can become known of the life of the feed in which the client was, if it is in another now.
fn is_over(book: &Book, at: Position, now: Position) -> bool {
    at.epoch == now.epoch || book.log(at.epoch).is_none_or(Log::is_closed)
}
