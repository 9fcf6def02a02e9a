//! What an event says: its number, the time for which it was due, and letters up to its size.

use std::time::Duration;

/// Of the events that are measured, in bytes.
pub(crate) const SIZE: usize = 64;

/// The data of an event. The time is counted from the start of the load.
///
/// Each number has other letters, so that no two events are alike from their first byte to their last.
pub(crate) fn data(number: u32, due: Duration, size: usize) -> Vec<u8> {
    let letter = char::from(b'a' + (number % 26) as u8);
    let start = format!("{number:010} {:020} ", due.as_nanos());
    format!(
        "{start}{}",
        letter.to_string().repeat(size.saturating_sub(start.len()))
    )
    .into_bytes()
}

/// The number of an event with this data.
pub(crate) fn number(data: &[u8]) -> Option<u32> {
    let digits = data.get(..10)?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_its_number_its_time_and_its_size() {
        let data = data(27, Duration::from_micros(5), SIZE);
        assert_eq!(data.len(), SIZE);
        assert!(data.starts_with(b"0000000027 00000000000000005000 bbb"));
        assert_eq!(number(&data), Some(27));
        assert_eq!(number(b"gap"), None);
    }
}
