//! Laws that hold for any bytes.
//!
//! `cargo test` tries each with its seeds and with some thousand variations of them, the same every time. `cargo xtask fuzz`
//! has libFuzzer look for bytes that reach more of the code. What it finds becomes a seed of the law.

#![expect(clippy::unwrap_used, reason = "a law that cannot be tried is broken")]

#[path = "../../../server/tests/laws/law.rs"]
mod law;
mod parts;
#[cfg(feature = "files")]
mod range;
mod reading;
#[cfg(test)]
#[path = "../../../server/tests/laws/variations.rs"]
mod variations;

use std::task::{Context, Poll, Waker};

pub use self::law::Law;

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
