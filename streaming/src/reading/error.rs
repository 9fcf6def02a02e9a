//! Why a body could not be read.

use std::{error, fmt, str::Utf8Error};

use http::StatusCode;
use peristyle_core::BoxError;

/// Why, and where, a body could not be read further; see [`Reading`](crate::Reading).
///
/// It knows the [status](Self::status) that tells it to the client. No server knows its type: a handler makes of it what its
/// server takes for a refusal, and of a body that failed its [own error](Self::into_body_error).
pub struct ReadError(Box<Details>);

#[derive(Debug)]
struct Details {
    value: Option<u64>,
    offset: u64,
    fault: Fault,
}

#[derive(Debug)]
pub(super) enum Fault {
    TooLong(usize),
    TooLarge(u64),
    NotUtf8(Utf8Error),
    NotJson {
        path: Option<String>,
        source: serde_json::Error,
    },
    /// Something stands before the first record separator.
    NotBegun,
    /// The text may have been longer.
    Cut,
    Broken(BoxError),
}

impl ReadError {
    pub(super) fn new(offset: u64, fault: Fault) -> Self {
        Self(Box::new(Details {
            value: None,
            offset,
            fault,
        }))
    }

    pub(super) fn of_value(mut self, number: u64) -> Self {
        self.0.value = Some(number);
        self
    }

    pub(super) fn into_fault(self) -> Fault {
        self.0.fault
    }

    /// The body's own error, if it failed before its end: one that the server knows already.
    ///
    /// # Errors
    ///
    /// This error, if it is of another kind.
    pub fn into_body_error(self) -> Result<BoxError, Self> {
        let Details {
            value,
            offset,
            fault,
        } = *self.0;
        match fault {
            Fault::Broken(error) => Ok(error),
            fault => Err(Self(Box::new(Details {
                value,
                offset,
                fault,
            }))),
        }
    }

    /// Which value failed, counted from 1; `None` where bytes were read.
    pub fn value(&self) -> Option<u64> {
        self.0.value
    }

    /// Where in the body that value begins, in bytes from 0; where bytes were read, how many came before.
    pub fn offset(&self) -> u64 {
        self.0.offset
    }

    /// Where in a JSON value, such as `items[2].price`; `None` where that is the value as a whole. It may be as long as the
    /// value.
    pub fn path(&self) -> Option<&str> {
        match &self.0.fault {
            Fault::NotJson { path, .. } => path.as_deref(),
            _ => None,
        }
    }

    /// Whether a value is longer than the [limit of values](crate::Reading::value_limit).
    pub fn is_too_long(&self) -> bool {
        matches!(self.0.fault, Fault::TooLong(_))
    }

    /// Whether the body is larger than its [limit](crate::Reading::total_limit).
    pub fn is_too_large(&self) -> bool {
        matches!(self.0.fault, Fault::TooLarge(_))
    }

    /// Whether a line is not text in UTF-8. The source is a [`Utf8Error`].
    pub fn is_not_utf8(&self) -> bool {
        matches!(self.0.fault, Fault::NotUtf8(_))
    }

    /// Whether a value is not JSON, or not that of the type that was asked for. The source is serde's error, if it came to that.
    pub fn is_not_json(&self) -> bool {
        let fault = &self.0.fault;
        matches!(fault, Fault::NotJson { .. } | Fault::NotBegun | Fault::Cut)
    }

    /// Whether the body failed before its end. The source is its own error, as it came.
    pub fn is_broken(&self) -> bool {
        matches!(self.0.fault, Fault::Broken(_))
    }

    /// The status that says so to the client: 413 for what is too long or too large, else 400.
    pub fn status(&self) -> StatusCode {
        if self.is_too_long() || self.is_too_large() {
            return StatusCode::PAYLOAD_TOO_LARGE;
        }
        StatusCode::BAD_REQUEST
    }
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.value {
            Some(number) => write!(f, "value {number}, at byte {}, ", self.0.offset)?,
            None => write!(f, "the body, after {} bytes, ", self.0.offset)?,
        }
        match &self.0.fault {
            Fault::TooLong(limit) => write!(f, "is longer than {limit} bytes"),
            Fault::TooLarge(limit) => write!(f, "goes beyond the {limit} bytes allowed in all"),
            Fault::NotUtf8(_) => f.write_str("is not UTF-8"),
            Fault::NotJson { .. } => f.write_str("is not the JSON expected"),
            Fault::NotBegun => f.write_str("does not begin with a record separator"),
            Fault::Cut => f.write_str("may have been cut"),
            Fault::Broken(_) => f.write_str("broke off"),
        }
    }
}

impl error::Error for ReadError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0.fault {
            Fault::NotUtf8(source) => Some(source),
            Fault::NotJson { source, .. } => Some(source),
            Fault::Broken(source) => Some(&**source),
            Fault::TooLong(_) | Fault::TooLarge(_) | Fault::NotBegun | Fault::Cut => None,
        }
    }
}

impl fmt::Debug for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReadError").field(&self.0).finish()
    }
}
