//! What all clients got, and what should not have been.

use super::{Book, Reason};

/// Counts over all clients and lives of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) deliveries: u64,
    /// Gaps that clients were told of, by reason.
    pub(crate) gaps: [u64; Reason::ALL.len()],
    /// Events that clients asked for and were told that they miss.
    pub(crate) covered: u64,
    /// Asked for, not given, and not in any gap that was told.
    pub(crate) lost: u64,
    /// Given again, or given after it was told to be missing.
    pub(crate) repeated: u64,
    /// Given after one that comes after it.
    pub(crate) reordered: u64,
    /// Nothing was said where the life of the feed, or the position, was another.
    pub(crate) silent: u64,
    /// A gap was told where there was none, or another one.
    pub(crate) false_gaps: u64,
    /// Not asked for.
    pub(crate) unasked: u64,
    /// See [`Book::enter`]: an offset or an event that is told otherwise to different people.
    pub(crate) contradicted: u64,
    /// Events of which nobody has heard; in a life that was cut off there may be some.
    pub(crate) unknown: u64,
}

impl Tally {
    /// Takes over what the book alone can tell.
    pub(crate) fn close(&mut self, book: &Book) {
        self.contradicted = book.contradictions() + book.impossible();
        self.unknown = book.unknown();
    }

    /// What must not be, by name.
    pub(crate) fn wrongs(&self) -> [(&'static str, u64); 7] {
        [
            ("lost", self.lost),
            ("repeated", self.repeated),
            ("reordered", self.reordered),
            ("silent gaps", self.silent),
            ("false gaps", self.false_gaps),
            ("not asked for", self.unasked),
            ("contradicted", self.contradicted),
        ]
    }

    pub(crate) fn told(&self, reason: Reason) -> u64 {
        self.gaps[reason as usize]
    }
}
