//! What one client has got of what it asked for.

use crate::feed::{Cursor, Topics};

use super::record::{ORIGIN, Published};

/// The topics of a world.
const TOPICS: u64 = 8;

/// What a client asks for: a quarter asks for all, the others for one topic each.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    All,
    One(u64),
}

impl Choice {
    pub(super) fn of(number: usize) -> Self {
        match number as u64 {
            number if number % 4 == 0 => Self::All,
            number => Self::One(number % TOPICS),
        }
    }

    pub(super) fn topics(self) -> Topics {
        match self {
            Self::All => Topics::all(),
            Self::One(topic) => name(topic).parse().expect("it is a topic"),
        }
    }

    pub(super) fn includes(self, topic: u64) -> bool {
        match self {
            Self::All => true,
            Self::One(own) => own == topic,
        }
    }
}

pub(super) fn topic(random: u64) -> u64 {
    random % TOPICS
}

pub(super) fn name(topic: u64) -> String {
    format!("prices/{topic}")
}

/// Where a client is, by what it was sent.
#[derive(Debug)]
pub(super) struct Progress {
    choice: Choice,
    /// `None` until it was told where it starts.
    at: Option<Cursor>,
    /// What was passed over, and may still come late.
    skipped: Vec<Cursor>,
    pub(super) tally: Tally,
}

/// What is wrong, and what was said to be missing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) got: u64,
    /// Never came, and nobody said so. A stream of another epoch that says nothing loses what it brings.
    pub(super) lost: u64,
    pub(super) repeated: u64,
    pub(super) reordered: u64,
    /// Was not asked for, is not what was published under its id, or says something else than what happened.
    pub(super) foreign: u64,
    pub(super) gaps: u64,
}

impl Tally {
    pub(super) fn add(&mut self, other: Self) {
        self.got += other.got;
        self.lost += other.lost;
        self.repeated += other.repeated;
        self.reordered += other.reordered;
        self.foreign += other.foreign;
        self.gaps += other.gaps;
    }
}

impl Progress {
    pub(super) fn new(choice: Choice) -> Self {
        Self {
            choice,
            at: None,
            skipped: Vec::new(),
            tally: Tally::default(),
        }
    }

    /// It comes for the first time, and is told where it starts: with what comes next.
    pub(super) fn start(&mut self, at: Cursor, published: &Published) {
        let is_newest = published.between(at, u64::MAX).next().is_none();
        if self.at.is_some() || !is_newest {
            self.tally.foreign += 1;
        }
        self.at = Some(at);
    }

    /// It is told that events are missing. Here that can only be since the log began anew, all of which follows.
    pub(super) fn gap(&mut self, to: Cursor, data: &str) {
        self.tally.gaps += 1;
        if to.offset() > 0 || !data.contains(r#""reason":"epoch""#) {
            self.tally.foreign += 1;
        }
        self.at = Some(to);
    }

    /// It gets an event.
    pub(super) fn event(&mut self, cursor: Cursor, data: &str, published: &Published) {
        self.tally.got += 1;
        let asked = |(topic, text): &(u64, String)| self.choice.includes(*topic) && text == data;
        if !published.get(cursor).is_some_and(asked) {
            self.tally.foreign += 1;
        }
        let Some(at) = self.at.filter(|at| at.epoch() == cursor.epoch()) else {
            self.tally.lost += 1;
            return;
        };
        if cursor > at {
            let between = published.between(at, cursor.offset() - 1);
            let missing = between.filter(|(_, topic)| self.choice.includes(*topic));
            self.skipped.extend(missing.map(|(cursor, _)| cursor));
            self.at = Some(cursor);
        } else if let Some(late) = self.skipped.iter().position(|it| *it == cursor) {
            self.skipped.swap_remove(late);
            self.tally.reordered += 1;
        } else {
            self.tally.repeated += 1;
        }
    }

    /// Whether there is nothing more for it.
    pub(super) fn is_complete(&self, published: &Published) -> bool {
        self.owed(published) == 0
    }

    fn owed(&self, published: &Published) -> u64 {
        let at = self.at.unwrap_or(ORIGIN);
        let rest = published.between(at, u64::MAX);
        let rest = rest.filter(|(_, topic)| self.choice.includes(*topic));
        rest.count() as u64 + published.after(at.epoch())
    }

    /// Nothing more will come.
    pub(super) fn end(mut self, published: &Published) -> Tally {
        self.tally.lost += self.skipped.len() as u64 + self.owed(published);
        self.tally
    }
}
