//! What every server streams.

use std::{iter, num::ParseIntError, sync::LazyLock};

use bytes::Bytes;

/// How many values a producer may be ahead of its connection, where there is a channel.
pub(crate) const AHEAD: usize = 16;

/// The text of an event that is encoded in 64 bytes.
pub(crate) const TEXT: &str = "a price of 1.25 for 16 columns of marble, and of 9 tiles";

const EVENT: &[u8] = b"data: a price of 1.25 for 16 columns of marble, and of 9 tiles\n\n";

static LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| (0..=255).cycle().take(64 * 1024).collect());

/// 64 KiB.
pub(crate) fn large() -> &'static [u8] {
    &LARGE
}

/// 64 bytes.
pub(crate) fn small() -> &'static [u8] {
    &LARGE[..64]
}

pub(crate) fn event() -> &'static [u8] {
    EVENT
}

/// A value so many times, shared as what is sent to many clients is.
pub(crate) fn times(value: &'static [u8], count: usize) -> impl Iterator<Item = Bytes> {
    iter::repeat_n(Bytes::from_owner(value), count)
}

/// How many values are asked for by this path.
pub(crate) fn count(path: &str) -> Result<usize, ParseIntError> {
    path.trim_start_matches('/').parse()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_values_are_of_one_size() {
        assert_eq!((small().len(), event().len()), (64, 64));
        assert_eq!(EVENT, format!("data: {TEXT}\n\n").as_bytes());
    }
}
