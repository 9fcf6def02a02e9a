//! The data of an event, decoded as it comes.

use std::{mem, str};

use super::text::{from_utf8, from_utf8_lossy};

/// Less than this is decoded together with what follows, in bytes: a call for every short piece
/// would cost more than what it decodes.
const BATCH: usize = 1024;

/// The most room that is made for data because the event before had as much, in bytes.
const ROOM: usize = 64 * 1024;

#[derive(Default)]
pub(super) struct Data {
    /// `None` before the first line, which is not the same as an empty one.
    text: Option<String>,
    /// What follows the text and is not decoded yet: less than a batch.
    raw: Vec<u8>,
    /// How long the data of the event before was.
    room: usize,
}

impl Data {
    /// Adds a whole line.
    pub(super) fn add_line(&mut self, value: &[u8]) {
        match &self.text {
            // Most events have one line: not a byte more than it needs.
            None => self.text = Some(from_utf8_lossy(value).into_owned()),
            Some(_) => self.start_line(value),
        }
    }

    /// Adds the first part of a line.
    pub(super) fn start_line(&mut self, value: &[u8]) {
        match &self.text {
            None => self.text = Some(String::with_capacity(self.room)),
            Some(_) => self.raw.push(b'\n'),
        }
        self.add(value);
    }

    /// Adds another part of the line.
    pub(super) fn add(&mut self, value: &[u8]) {
        if value.len() < BATCH {
            self.raw.extend_from_slice(value);
            if self.raw.len() >= BATCH {
                self.decode();
            }
        } else {
            self.add_long(value);
        }
    }

    /// Whether the text is within this bound, of what ends with a whole line.
    pub(super) fn is_within(&mut self, max: usize) -> bool {
        const REPLACEMENT: usize = char::REPLACEMENT_CHARACTER.len_utf8();
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        if length(&self.text) + REPLACEMENT * self.raw.len() <= max {
            return true;
        }
        self.decode();
        let cut = if self.raw.is_empty() { 0 } else { REPLACEMENT };
        length(&self.text) + cut <= max
    }

    /// All of it, if there is a line.
    pub(super) fn take(&mut self) -> Option<String> {
        self.end();
        let text = self.text.take()?;
        self.room = text.len().min(ROOM);
        Some(text)
    }

    /// Forgets it.
    pub(super) fn clear(&mut self) {
        self.text = None;
        self.raw.clear();
    }

    /// Decodes it where it stands, but for a character that was cut before it.
    fn add_long(&mut self, value: &[u8]) {
        self.decode();
        let mut rest = value;
        if !self.raw.is_empty() {
            let more = value.iter().take(3);
            let more = more
                .take_while(|&&byte| matches!(byte, 0x80..=0xbf))
                .count();
            let (more, after) = value.split_at(more);
            self.raw.extend_from_slice(more);
            self.end();
            rest = after;
        }
        let cut = decode(rest, self.text.get_or_insert_default());
        self.raw.extend_from_slice(cut);
    }

    /// Decodes what is raw, but for a character that is cut at its end.
    fn decode(&mut self) {
        if self.raw.is_empty() {
            return;
        }
        let mut raw = mem::take(&mut self.raw);
        let text = self.text.get_or_insert_default();
        text.reserve(self.room.saturating_sub(text.len()));
        let cut = decode(&raw, text).len();
        raw.drain(..raw.len() - cut);
        self.raw = raw;
    }

    /// Decodes what is raw, to which nothing will be added.
    fn end(&mut self) {
        self.decode();
        if !self.raw.is_empty() {
            self.raw.clear();
            let text = self.text.get_or_insert_default();
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

/// Adds the text of these bytes, and returns the character that is cut at their end.
fn decode<'a>(bytes: &'a [u8], text: &mut String) -> &'a [u8] {
    match from_utf8(bytes) {
        Ok(valid) => {
            text.push_str(valid);
            b""
        }
        Err(error) => {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            text.push_str(&from_utf8_lossy(valid));
            decode_malformed(rest, text)
        }
    }
}

fn decode_malformed<'a>(bytes: &'a [u8], text: &mut String) -> &'a [u8] {
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        text.push_str(chunk.valid());
        let invalid = chunk.invalid();
        let is_cut = || str::from_utf8(invalid).is_err_and(|it| it.error_len().is_none());
        if chunks.peek().is_none() && is_cut() {
            return invalid;
        }
        if !invalid.is_empty() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    b""
}
