//! What ends the decoding of a stream.

use std::{error::Error, fmt};

/// A line or an event was longer than its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Line(usize),
    Event(usize),
}

impl DecodeError {
    /// Whether a line has more bytes than [`Decoder::max_line`](super::Decoder::max_line) allows.
    pub fn is_line_too_long(&self) -> bool {
        matches!(self.0, Kind::Line(_))
    }

    /// Whether an event has more bytes than [`Decoder::max_event`](super::Decoder::max_event)
    /// allows.
    pub fn is_event_too_long(&self) -> bool {
        matches!(self.0, Kind::Event(_))
    }
}

impl From<Kind> for DecodeError {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Line(max) => write!(f, "line of an event stream longer than {max} bytes"),
            Kind::Event(max) => write!(f, "event of an event stream longer than {max} bytes"),
        }
    }
}

impl Error for DecodeError {}
