//! Positions in a log, and the text in which clients carry them.

use std::{
    cmp::Ordering,
    error::Error,
    fmt,
    hash::{BuildHasher, RandomState},
    str::FromStr,
};

/// Which life of a log a [`Cursor`] belongs to.
///
/// Offsets of different epochs say nothing about each other. A log that is gone when its process
/// ends has a new epoch at each start, at random; one that lasts keeps its epoch, and takes a new
/// one only when it was restored to an earlier state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// An epoch that no other log has, but for a chance of one in 2^64.
    pub fn random() -> Self {
        // The keys are from the operating system, so that processes started together differ.
        Self(RandomState::new().hash_one(()))
    }

    /// The epoch with this number: for a log that lasts, and for tests.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number given to [`new`](Self::new).
    pub const fn number(self) -> u64 {
        self.0
    }
}

/// A position in a log: that of an event, and of whoever has got everything up to it.
///
/// It is the `id:` of the event, which a client sends back in `Last-Event-ID`. Its text is the epoch
/// in base 36, `-`, and the offset in base 10: at most 34 bytes of lower-case letters, digits and
/// one `-`, which a browser may send to another origin without asking first.
///
/// Cursors of one epoch are ordered; those of different epochs are not.
///
/// ```
/// use peristyle_sse::feed::{Cursor, Epoch};
///
/// let cursor = Cursor::new(Epoch::new(36), 7);
/// assert_eq!(cursor.to_string(), "10-7");
/// assert_eq!("10-7".parse(), Ok(cursor));
/// assert!(cursor < Cursor::new(Epoch::new(36), 8));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cursor {
    epoch: Epoch,
    offset: u64,
}

impl Cursor {
    /// The longest text of a cursor, in bytes: 13 digits, `-`, and 20 digits.
    pub const MAX_LEN: usize = 34;

    /// The position with this offset. Events are numbered from 1; 0 is before the first.
    pub const fn new(epoch: Epoch, offset: u64) -> Self {
        Self { epoch, offset }
    }

    /// Which life of the log it belongs to.
    pub const fn epoch(self) -> Epoch {
        self.epoch
    }

    /// Where in the log it is.
    pub const fn offset(self) -> u64 {
        self.offset
    }

    pub(crate) fn text(self) -> CursorText {
        let mut text = CursorText {
            bytes: [0; Self::MAX_LEN],
            start: Self::MAX_LEN,
        };
        text.push_number(self.offset, 10);
        text.push(b'-');
        text.push_number(self.epoch.0, 36);
        text
    }
}

impl PartialOrd for Cursor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        (self.epoch == other.epoch).then(|| self.offset.cmp(&other.offset))
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.text().as_str())
    }
}

impl FromStr for Cursor {
    type Err = InvalidCursor;

    /// Takes what [`Display`](fmt::Display) writes, and nothing else: each cursor has one text.
    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let (epoch, offset) = text.split_once('-').ok_or(InvalidCursor(()))?;
        let epoch = Epoch(number(epoch, 36)?);
        let offset = number(offset, 10)?;
        Ok(Self { epoch, offset })
    }
}

fn number(text: &str, radix: u32) -> Result<u64, InvalidCursor> {
    let digits = text.bytes().all(|byte| match byte {
        b'0'..=b'9' => true,
        b'a'..=b'z' => radix == 36,
        _ => false,
    });
    let canonical = text == "0" || !text.starts_with('0');
    if !digits || !canonical {
        return Err(InvalidCursor(()));
    }
    u64::from_str_radix(text, radix).map_err(|_| InvalidCursor(()))
}

/// Written from its end, since an event is stamped while nobody else can publish.
pub(crate) struct CursorText {
    bytes: [u8; Cursor::MAX_LEN],
    start: usize,
}

impl CursorText {
    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[self.start..]).expect("digits and `-` are ASCII")
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    fn push(&mut self, byte: u8) {
        self.start -= 1;
        self.bytes[self.start] = byte;
    }

    fn push_number(&mut self, mut number: u64, radix: u64) {
        const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
        loop {
            let digit = usize::try_from(number % radix).expect("less than 36");
            self.push(DIGITS[digit]);
            number /= radix;
            if number == 0 {
                return;
            }
        }
    }
}

/// Why a text is not a [`Cursor`]: no log of this crate has written it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidCursor(());

impl fmt::Display for InvalidCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a cursor")
    }
}

impl Error for InvalidCursor {}
