//! What keeps an event from being built.

use std::{error::Error, fmt};

/// Why [`EventBuilder::build`](super::EventBuilder::build) refused an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidEvent(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    EventLineBreak,
    EventWithoutData,
    IdLineBreak,
    IdNul,
    IdTooLong,
    IdByte(u8),
    Empty,
}

impl InvalidEvent {
    /// Whether the value of `event` is refused: it holds a line break.
    pub fn is_event(&self) -> bool {
        self.0 == Kind::EventLineBreak
    }

    /// Whether the value of `id` is refused, for any reason.
    pub fn is_id(&self) -> bool {
        matches!(self.0, Kind::IdLineBreak | Kind::IdNul) || self.is_restricted_id()
    }

    /// Whether the `id` is refused for its length or its characters only:
    /// [`id_unrestricted`](super::EventBuilder::id_unrestricted) takes it.
    pub fn is_restricted_id(&self) -> bool {
        matches!(self.0, Kind::IdTooLong | Kind::IdByte(_))
    }

    /// Whether the event lacks the data without which it would do nothing.
    pub fn is_missing_data(&self) -> bool {
        matches!(self.0, Kind::EventWithoutData | Kind::Empty)
    }
}

impl From<Kind> for InvalidEvent {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for InvalidEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::EventLineBreak => f.write_str("line break in `event`"),
            Kind::EventWithoutData => f.write_str("`event` without `data` would never fire"),
            Kind::IdLineBreak => f.write_str("line break in `id`"),
            Kind::IdNul => f.write_str("NUL in `id`"),
            Kind::IdTooLong => f.write_str("`id` longer than 128 bytes"),
            Kind::IdByte(byte) => write!(f, "byte {byte:#04x} in `id` is not CORS-safelisted"),
            Kind::Empty => f.write_str("no `data`, nor any other field"),
        }
    }
}

impl Error for InvalidEvent {}
