//! Laws that hold for any bytes.
//!
//! `cargo test` tries each with its seeds and with some thousand variations of them, the same every time. `cargo xtask fuzz`
//! has libFuzzer look for bytes that reach more of the code. What it finds becomes a seed of the law.

#[expect(dead_code, reason = "what the cases expect is a test of its own")]
#[path = "../conformance/cases.rs"]
mod cases;
mod event_law;
mod events;
#[path = "../../../server/tests/laws/law.rs"]
mod law;
#[path = "../it/reading.rs"]
mod reading;
#[path = "../it/twin.rs"]
mod twin;
#[cfg(test)]
#[path = "../../../server/tests/laws/variations.rs"]
mod variations;

pub use self::law::Law;

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

/// Different for most bytes, and always the same for the same.
fn sum(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(7, |sum: u64, byte| sum.wrapping_mul(31) ^ u64::from(*byte))
}
