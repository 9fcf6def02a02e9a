//! Laws that hold for any bytes.
//!
//! `cargo test` tries each with its seeds and with some thousand variations of them, the same every time. `cargo xtask fuzz`
//! has libFuzzer look for bytes that reach more of the code. What it finds becomes a seed of the law.

#![expect(clippy::unwrap_used, reason = "a law that cannot be tried is broken")]

mod parts;
#[cfg(feature = "files")]
mod range;
mod reading;
#[cfg(test)]
#[path = "../../../server/tests/laws/variations.rs"]
mod variations;

use std::{
    fmt,
    task::{Context, Poll, Waker},
};

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
            "parts" => parts::law(),
            #[cfg(feature = "files")]
            "range" => range::law(),
            "reading" => reading::law(),
            _ => return None,
        })
    }
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Law").finish_non_exhaustive()
    }
}

fn seeds(seeds: &[&[u8]]) -> Vec<Vec<u8>> {
    seeds.iter().map(|seed| seed.to_vec()).collect()
}

/// Polls what never waits for anything but its next turn.
fn ready<T>(mut poll: impl FnMut(&mut Context<'_>) -> Poll<T>) -> T {
    let mut cx = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(ready) = poll(&mut cx) {
            return ready;
        }
    }
}
