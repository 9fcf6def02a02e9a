//! The line that an execution walks: segments of chains, and one cursor that moves right, then left.

use smallvec::SmallVec;

use crate::{Chain, Link};

/// What is left of the cursor has been entered (the stack); what is right of it is still to come (the queue).
pub(crate) struct Walk<T> {
    line: SmallVec<[Segment<T>; 2]>,
    /// The segment that the cursor is in.
    segment: usize,
    /// Where the cursor is in that segment's chain: all before it has been entered.
    at: usize,
    /// The bounds of that segment, at hand for each step. `end` may have been drawn in to the cursor.
    start: usize,
    end: usize,
    heading: Heading,
}

/// A stretch of a chain: the links from `start` to `end`.
struct Segment<T> {
    chain: Chain<T>,
    start: usize,
    end: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heading {
    /// No execution is under way.
    Still,
    In,
    Back,
}

impl<T> Walk<T> {
    pub(crate) fn still() -> Self {
        Self {
            line: SmallVec::new(),
            segment: 0,
            at: 0,
            start: 0,
            end: 0,
            heading: Heading::Still,
        }
    }

    /// Sets out along `chain`, or on the way back from its end. No other walk is under way.
    pub(crate) fn set_out(&mut self, chain: Chain<T>, heading: Heading) {
        self.heading = heading;
        self.end = chain.len();
        if heading == Heading::Back {
            self.at = self.end;
        }
        self.append(chain);
    }

    /// No walk is under way any more. The chains that it went along are foreign, and may panic when they are dropped: each call
    /// drops some.
    pub(crate) fn stand_still(&mut self) {
        self.heading = Heading::Still;
        (self.segment, self.at, self.start, self.end) = (0, 0, 0, 0);
        self.line.clear();
    }

    /// The chain right of the cursor, which then stands at its first link. `None` at the end of the line.
    pub(crate) fn next_chain(&mut self) -> Option<Chain<T>> {
        while self.at == self.end {
            let next = self.line.get(self.segment + 1)?;
            let (start, end) = (next.start, next.end);
            self.line[self.segment].end = self.end;
            self.segment += 1;
            (self.start, self.at, self.end) = (start, start, end);
        }
        Some(self.line[self.segment].chain.clone())
    }

    /// Moves right by one link of `chain`, the one that the cursor is in.
    pub(crate) fn step_right<'c>(&mut self, chain: &'c Chain<T>) -> Option<&'c Link<T>> {
        if self.at == self.end {
            return None;
        }
        self.at += 1;
        chain.get(self.at - 1)
    }

    /// Turns around. What was still to come is forgotten.
    pub(crate) fn turn_back(&mut self) {
        self.drop_queue();
        if self.heading == Heading::In {
            self.heading = Heading::Back;
        }
    }

    /// The chain left of the cursor, which then stands at its last link. `None` at the start of the line.
    pub(crate) fn previous_chain(&mut self) -> Option<Chain<T>> {
        while self.at == self.start {
            self.segment = self.segment.checked_sub(1)?;
            let previous = &self.line[self.segment];
            (self.start, self.at, self.end) = (previous.start, previous.end, previous.end);
        }
        Some(self.line[self.segment].chain.clone())
    }

    /// Moves left by one link of `chain`, the one that the cursor is in.
    pub(crate) fn step_left<'c>(&mut self, chain: &'c Chain<T>) -> Option<&'c Link<T>> {
        if self.at == self.start {
            return None;
        }
        self.at -= 1;
        chain.get(self.at)
    }

    /// The link whose stage is running. `None` when none has been reached.
    pub(crate) fn current(&self) -> Option<&Link<T>> {
        let at = match self.heading {
            Heading::Still => return None,
            Heading::In => self.at.checked_sub(1)?,
            Heading::Back => self.at,
        };
        self.line[self.segment].chain.get(at)
    }

    pub(crate) fn is_under_way(&self) -> bool {
        self.heading != Heading::Still
    }

    pub(crate) fn is_going_in(&self) -> bool {
        self.heading == Heading::In
    }

    /// Puts `chain` at the end of the line.
    pub(crate) fn append(&mut self, chain: Chain<T>) {
        self.line.push(Segment::whole(chain));
    }

    /// Puts `chain` right of the cursor, splitting the segment that it is in.
    pub(crate) fn insert(&mut self, chain: Chain<T>) {
        if self.at < self.end {
            let rest = Segment {
                chain: self.line[self.segment].chain.clone(),
                start: self.at,
                end: self.end,
            };
            self.line.insert(self.segment + 1, rest);
            self.end = self.at;
        }
        self.line.insert(self.segment + 1, Segment::whole(chain));
    }

    /// Forgets all that is right of the cursor.
    pub(crate) fn drop_queue(&mut self) {
        self.line.truncate(self.segment + 1);
        self.end = self.at;
    }

    /// What is still to come, in order. On the way back what is right of the cursor has been left.
    pub(crate) fn queue(&self) -> impl Iterator<Item = &Link<T>> {
        let (end, later) = match self.heading {
            Heading::In => (self.end, self.segment + 1),
            Heading::Still | Heading::Back => (self.at, self.line.len()),
        };
        let later = self.line.iter().skip(later);
        self.here(self.at, end)
            .chain(later.flat_map(Segment::links))
    }

    /// What has been entered and not been left, in the order of entering.
    pub(crate) fn entered(&self) -> impl Iterator<Item = &Link<T>> {
        let before = self.line.iter().take(self.segment);
        before
            .flat_map(Segment::links)
            .chain(self.here(self.start, self.at))
    }

    fn here(&self, from: usize, to: usize) -> impl Iterator<Item = &Link<T>> {
        let here = self.line.get(self.segment);
        here.into_iter()
            .flat_map(move |here| &here.chain.as_slice()[from..to])
    }
}

impl<T> Segment<T> {
    fn whole(chain: Chain<T>) -> Self {
        Self {
            start: 0,
            end: chain.len(),
            chain,
        }
    }

    fn links(&self) -> &[Link<T>] {
        &self.chain.as_slice()[self.start..self.end]
    }
}
