//! Laws that hold for any bytes.
//!
//! `cargo test` tries each with its seeds and with some thousand variations of them, the same every time. `cargo xtask fuzz`
//! has libFuzzer look for bytes that reach more of the code. What it finds becomes a seed of the law.

#![expect(clippy::unwrap_used, reason = "a law that cannot be tried is broken")]

mod range;
#[cfg(test)]
#[path = "../../../server/tests/laws/variations.rs"]
mod variations;

use std::fmt;

/// Something that is true of any bytes.
#[non_exhaustive]
pub struct Law {
    /// Panics when it is not true.
    pub holds: fn(&[u8]),
    /// Bytes that mean something, and those that were found once.
    pub seeds: Vec<Vec<u8>>,
    /// What makes a difference when it stands in them.
    pub words: &'static [&'static str],
}

impl Law {
    /// The law of this name.
    pub fn named(name: &str) -> Option<Self> {
        (name == "range").then(range::law)
    }
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Law").finish_non_exhaustive()
    }
}
