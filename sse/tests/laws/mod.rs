//! Laws that hold for any bytes.
//!
//! `cargo test` tries each with its seeds and with some thousand variations of them, the same every time. `cargo xtask fuzz`
//! has libFuzzer look for bytes that reach more of the code. What it finds becomes a seed of the law.

#[expect(dead_code, reason = "what the cases expect is a test of its own")]
#[path = "../conformance/cases.rs"]
mod cases;
mod event_law;
mod events;
#[path = "../it/reading.rs"]
mod reading;
#[path = "../it/twin.rs"]
mod twin;
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
        Some(match name {
            "event_law" => event_law::law(),
            "events" => events::law(),
            _ => return None,
        })
    }
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Law").finish_non_exhaustive()
    }
}

/// Different for most bytes, and always the same for the same.
fn sum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(7, |sum: u64, byte| sum.wrapping_mul(31) ^ u64::from(*byte))
}
