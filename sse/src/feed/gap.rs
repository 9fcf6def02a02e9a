//! What is said when events are missing.

use std::fmt;

use super::Cursor;
use crate::Event;

/// Events that a subscriber asked for may be missing: all those after `from`, up to and with `to`.
///
/// Over an event stream it is an event named `gap`, whose data is JSON and whose id is `to`, so
/// that a client that loses its connection then resumes after the gap:
///
/// ```text
/// event: gap
/// id: 1z-42
/// data: {"from":"1z-17","to":"1z-42","reason":"evicted"}
/// ```
///
/// `from` is `null` where the client had no position that could be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Gap {
    /// The position that the subscriber had, if any.
    pub from: Option<Cursor>,
    /// The position from which it goes on.
    pub to: Cursor,
    /// Why events are missing.
    pub reason: Reason,
}

/// Why events are missing; see [`Gap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The log kept them no longer when the subscriber came.
    Evicted,
    /// The cursor is from another epoch: another feed, or this one before a restart. All that is in
    /// the log follows.
    Epoch,
    /// The subscriber was so slow that the log kept them no longer.
    Lagged,
    /// The cursor is none that this log has given, though its epoch may be right. What is published
    /// from now on follows.
    Unknown,
}

impl Reason {
    /// The word in the data of the event: `evicted`, `epoch`, `lagged` or `unknown`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Evicted => "evicted",
            Self::Epoch => "epoch",
            Self::Lagged => "lagged",
            Self::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Gap {
    /// The event that says so.
    #[expect(clippy::missing_panics_doc, reason = "a cursor is always a valid id")]
    pub fn to_event(&self) -> Event {
        let (to, data) = (self.to.to_string(), self.to_json());
        Event::builder()
            .event("gap")
            .id(&to)
            .data(&data)
            .build()
            .expect("neither the name nor a cursor has what is refused")
    }

    pub(super) fn to_json(self) -> String {
        let from = match self.from {
            Some(from) => format!("\"{from}\""),
            None => "null".to_owned(),
        };
        let (to, reason) = (self.to, self.reason);
        format!(r#"{{"from":{from},"to":"{to}","reason":"{reason}"}}"#)
    }
}
