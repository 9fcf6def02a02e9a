//! Clients that the system turned away, because a server's queue of those who wait to be accepted was full.

use std::{fs, io};

use peristyle_peers::Failure;

use crate::reading::Reading;

const COUNTERS: &str = "/proc/net/netstat";

/// Of all servers on the machine, since it was started.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Turned {
    /// A client that found the queue full.
    overflows: u64,
    /// A client that was turned away, for this reason or another. It tries again after a second.
    drops: u64,
}

impl Turned {
    pub(crate) fn away() -> Result<Self, Failure> {
        let text = fs::read_to_string(COUNTERS)?;
        let missing = || io::Error::other(format!("`{COUNTERS}` does not count"));
        Ok(Self::read(&text).ok_or_else(missing)?)
    }

    fn read(text: &str) -> Option<Self> {
        Some(Self {
            overflows: counter(text, "ListenOverflows")?,
            drops: counter(text, "ListenDrops")?,
        })
    }

    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            overflows: self.overflows - earlier.overflows,
            drops: self.drops - earlier.drops,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
    pub(crate) fn readings(self) -> [Reading; 2] {
        [
            Reading::new("overflows", "clients", self.overflows as f64),
            Reading::new("drops", "clients", self.drops as f64),
        ]
    }
}

/// A line of names, and under it a line of as many numbers.
fn counter(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines();
    while let (Some(names), Some(numbers)) = (lines.next(), lines.next()) {
        let mut pairs = names.split(' ').zip(numbers.split(' '));
        if let Some((_, number)) = pairs.find(|pair| pair.0 == name) {
            return number.parse().ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_found_by_their_names() {
        let text = "TcpExt: A ListenOverflows ListenDrops\nTcpExt: 1 20 300\nIpExt: B\nIpExt: 4\n";
        let turned = Turned::read(text).unwrap();
        let expected = Turned {
            overflows: 20,
            drops: 300,
        };
        assert_eq!(turned, expected);
        let later = Turned::read(&text.replace("300", "307")).unwrap();
        assert_eq!(later.since(turned).readings()[1].value.to_string(), "7");
        assert_eq!(Turned::read("TcpExt: A\nTcpExt: 1\n"), None);
    }
}
