//! Text of a peer.
//!
//! U+FFFD takes the place of each maximal subpart of an ill-formed sequence, as the "UTF-8 decode"
//! of the Encoding Standard has it. Neither a line end nor a colon can be part of one, so that what
//! stands between them can be decoded by itself.

use std::{
    borrow::Cow,
    fmt, mem,
    str::{self, Utf8Error},
    sync::Arc,
};

/// From here on it pays to call for wider registers, in bytes.
const LONG: usize = 128;

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

/// What is left of a character that was cut: at most its first three bytes.
#[derive(Default)]
pub(super) struct Cut(Vec<u8>);

impl Cut {
    /// Adds the text of bytes that go on after those before.
    pub(super) fn add(&mut self, mut bytes: &[u8], text: &mut String) {
        while let ([_, ..], Some((&byte, rest))) = (&self.0[..], bytes.split_first()) {
            self.0.push(byte);
            match str::from_utf8(&self.0) {
                Ok(character) => text.push_str(character),
                Err(error) if error.error_len().is_none() => {
                    bytes = rest;
                    continue;
                }
                // The byte is no part of it: it is read again.
                Err(_) => {
                    self.0.clear();
                    text.push(char::REPLACEMENT_CHARACTER);
                    continue;
                }
            }
            self.0.clear();
            bytes = rest;
        }
        match from_utf8(bytes) {
            Ok(valid) => text.push_str(valid),
            Err(error) if error.error_len().is_none() => {
                let (valid, cut) = bytes.split_at(error.valid_up_to());
                text.push_str(&from_utf8_lossy(valid));
                self.0.extend_from_slice(cut);
            }
            Err(_) => self.add_malformed(bytes, text),
        }
    }

    /// Nothing follows: a character that is cut now stays so.
    pub(super) fn end(&mut self, text: &mut String) {
        if !mem::take(&mut self.0).is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn add_malformed(&mut self, bytes: &[u8], text: &mut String) {
        let mut chunks = bytes.utf8_chunks().peekable();
        while let Some(chunk) = chunks.next() {
            text.push_str(chunk.valid());
            let invalid = chunk.invalid();
            let is_cut = || str::from_utf8(invalid).is_err_and(|it| it.error_len().is_none());
            if chunks.peek().is_none() && is_cut() {
                self.0.extend_from_slice(invalid);
            } else if !invalid.is_empty() {
                text.push(char::REPLACEMENT_CHARACTER);
            }
        }
    }
}

fn from_utf8(bytes: &[u8]) -> Result<&str, Utf8Error> {
    match bytes.len() {
        LONG.. => simdutf8::basic::from_utf8(bytes).or_else(|_| str::from_utf8(bytes)),
        _ => str::from_utf8(bytes),
    }
}
