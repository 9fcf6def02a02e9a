//! What came and what went.

use std::{collections::HashMap, fmt, hash::Hash};

use crate::Error;

/// What came and what went. It displays as `+name +name -name`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Difference<N> {
    /// What is there now and was not before.
    pub added: Vec<N>,
    /// What was there before and is not now.
    pub removed: Vec<N>,
}

impl<N> Difference<N> {
    /// Whether nothing came and nothing went.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }

    pub(super) fn map<M>(&self, f: impl Fn(&N) -> M) -> Difference<M> {
        Difference {
            added: self.added.iter().map(&f).collect(),
            removed: self.removed.iter().map(&f).collect(),
        }
    }
}

impl<N: Clone + Eq + Hash> Difference<N> {
    pub(super) fn between(found: &[N], left: &[N]) -> Self {
        Self {
            added: without(left, found),
            removed: without(found, left),
        }
    }
}

/// What remains of `all` when each of `others` has taken one that equals it.
fn without<N: Clone + Eq + Hash>(all: &[N], others: &[N]) -> Vec<N> {
    let mut counts: HashMap<&N, usize> = HashMap::new();
    for other in others {
        *counts.entry(other).or_default() += 1;
    }
    let unmatched = all.iter().filter(|one| match counts.get_mut(*one) {
        Some(count @ 1..) => {
            *count -= 1;
            false
        }
        _ => true,
    });
    unmatched.cloned().collect()
}

impl Difference<Error> {
    pub(super) fn between_errors(found: Option<Error>, left: Option<Error>) -> Self {
        let same = matches!((&found, &left), (Some(found), Some(left)) if found.same(left));
        let changed = |error: Option<Error>| error.filter(|_| !same).into_iter().collect();
        Self {
            added: changed(left),
            removed: changed(found),
        }
    }
}

impl<N: fmt::Display> fmt::Display for Difference<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let added = self.added.iter().map(|name| ('+', name));
        let removed = self.removed.iter().map(|name| ('-', name));
        let mut all = added.chain(removed).enumerate();
        all.try_for_each(|(at, (sign, name))| {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{sign}{name}")
        })
    }
}
