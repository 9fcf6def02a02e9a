//! Text of a peer.
//!
//! U+FFFD takes the place of each maximal subpart of an ill-formed sequence, as the "UTF-8 decode"
//! of the Encoding Standard has it. Neither a line end nor a colon can be part of one, so that what
//! stands between them can be decoded by itself.

use std::{
    borrow::Cow,
    fmt,
    str::{self, Utf8Error},
    sync::Arc,
};

/// From here on it pays to call for wider registers, in bytes.
const LONG: usize = 64;

/// A type or an id: shared by the events that have it, and often empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Text(Option<Arc<str>>);

impl Text {
    pub(super) fn from_utf8_lossy(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return Self(None);
        }
        Self(Some(from_utf8_lossy(bytes).into()))
    }

    pub(super) fn as_str(&self) -> &str {
        self.0.as_deref().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.as_str().len()
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// The text of these bytes, which is they unless there is something in them to replace.
pub(super) fn from_utf8_lossy(bytes: &[u8]) -> Cow<'_, str> {
    match from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(bytes),
    }
}

pub(super) fn from_utf8(bytes: &[u8]) -> Result<&str, Utf8Error> {
    match bytes.len() {
        LONG.. => simdutf8::basic::from_utf8(bytes).or_else(|_| str::from_utf8(bytes)),
        _ => str::from_utf8(bytes),
    }
}
