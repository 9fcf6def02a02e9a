//! Conditions that end the way in.

use crate::Context;

/// The newest is at hand, because most contexts have one at most: asking it needs no list, and setting it no allocation.
pub(crate) struct Terminators<T> {
    newest: Option<Terminator<T>>,
    older: Vec<Terminator<T>>,
}

type Terminator<T> = Box<dyn Fn(&Context<T>) -> bool + Send + Sync>;

impl<T> Terminators<T> {
    pub(crate) fn new() -> Self {
        Self {
            newest: None,
            older: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, terminator: Terminator<T>) {
        self.older.extend(self.newest.replace(terminator));
    }

    pub(crate) fn len(&self) -> usize {
        self.older.len() + usize::from(self.newest.is_some())
    }

    /// Drops the newest, until there are `len`.
    pub(crate) fn truncate(&mut self, len: usize) {
        while self.len() > len {
            self.newest = self.older.pop();
        }
    }

    /// Asks the newest first, until one says yes.
    pub(crate) fn any(&self, cx: &Context<T>) -> bool {
        let Some(newest) = &self.newest else {
            return false;
        };
        newest(cx) || self.older.iter().rev().any(|older| older(cx))
    }
}
