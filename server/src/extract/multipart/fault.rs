//! What can be wrong with a form of parts.

use std::{error, fmt, str::Utf8Error};

use http::StatusCode;

use super::{head::MOST_HEADERS, splitter::LONGEST_HEAD};
use crate::BodyError;

#[derive(Debug, Clone)]
pub(super) enum Fault {
    Body(BodyError),
    /// The body ended before the last delimiter.
    Unclosed,
    Malformed(&'static str),
    NotText(Utf8Error),
    ManyFields(usize),
    LongHead,
    ManyHeaders,
    LongField(u64),
}

impl Fault {
    pub(super) fn status(&self) -> StatusCode {
        match self {
            Self::Body(error) => error.problem().status(),
            Self::Unclosed | Self::Malformed(_) | Self::NotText(_) => StatusCode::BAD_REQUEST,
            Self::ManyFields(_) | Self::LongHead | Self::ManyHeaders | Self::LongField(_) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(error) => error.fmt(f),
            Self::Unclosed => f.write_str("the form ends before the boundary that closes it"),
            Self::Malformed(what) => f.write_str(what),
            Self::NotText(error) => error.fmt(f),
            Self::ManyFields(most) => {
                write!(f, "the form has more fields than the limit of {most}")
            }
            Self::LongHead => write!(f, "its head is longer than {LONGEST_HEAD} bytes"),
            Self::ManyHeaders => write!(f, "its head has more than {MOST_HEADERS} headers"),
            Self::LongField(limit) => write!(f, "it is larger than its limit of {limit} bytes"),
        }
    }
}

/// A fault, and in which part it is, counted from 1.
#[derive(Debug, Clone)]
pub(super) struct Located {
    pub(super) part: Option<usize>,
    pub(super) fault: Fault,
}

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(part) = self.part {
            write!(f, "part {part}: ")?;
        }
        self.fault.fmt(f)
    }
}

/// What stands in the text is not told again.
impl error::Error for Located {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.fault {
            Fault::Body(error) => error.source(),
            _ => None,
        }
    }
}
