//! Lines to fields, and fields to events.

use std::{mem, time::Duration};

use memchr::memchr;

use super::{
    MessageEvent,
    data::Data,
    error::{DecodeError, Kind},
    text::Text,
};

/// The fields since the last blank line.
pub(super) struct Block {
    pub(super) max: usize,
    data: Data,
    event: Text,
    id: Option<Text>,
    /// The type of the event before, which most events share.
    usual: Text,
    /// Of all blocks so far.
    pub(super) retry: Option<Duration>,
}

impl Block {
    pub(super) fn new() -> Self {
        Self {
            max: 8 * 1024 * 1024,
            data: Data::default(),
            event: Text::default(),
            id: None,
            usual: Text::default(),
            retry: None,
        }
    }

    pub(super) fn reset(&mut self) {
        self.data.clear();
        self.event = Text::default();
        self.id = None;
    }

    /// A line that is not empty. A comment is a field without a name, which no field has.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        if let Some(value) = line.strip_prefix(b"data:") {
            return self.add_data(value.strip_prefix(b" ").unwrap_or(value));
        }
        let (name, value) = field(line);
        match name {
            b"data" => return self.add_data(value),
            b"event" => self.event = self.named(value),
            // The standard has the whole field ignored for a NUL in it.
            b"id" if memchr(b'\0', value).is_none() => self.id = Some(Text::from_utf8_lossy(value)),
            b"retry" => self.retry = milliseconds(value).or(self.retry),
            _ => return Ok(()),
        }
        self.check()
    }

    /// What the blank line fires, if there is anything.
    pub(super) fn dispatch(&mut self, last_event_id: &mut Text) -> Option<MessageEvent> {
        if let Some(id) = self.id.take() {
            *last_event_id = id;
        }
        let event = mem::take(&mut self.event);
        let data = self.data.take()?;
        Some(MessageEvent {
            event,
            data,
            id: last_event_id.clone(),
        })
    }

    /// A line of data comes in parts, of which this is the first.
    pub(super) fn start_data(&mut self, value: &[u8]) {
        self.data.start_line(value);
    }

    pub(super) fn add_part(&mut self, value: &[u8]) {
        self.data.add(value);
    }

    /// Only here is it checked, as with a line that comes whole: a line that is beyond its own bound
    /// is found first, however it is cut.
    pub(super) fn end_data(&mut self, value: &[u8]) -> Result<(), DecodeError> {
        self.data.add(value);
        self.check()
    }

    fn add_data(&mut self, value: &[u8]) -> Result<(), DecodeError> {
        self.data.add_line(value);
        self.check()
    }

    fn named(&mut self, value: &[u8]) -> Text {
        if self.usual.as_str().as_bytes() != value {
            self.usual = Text::from_utf8_lossy(value);
        }
        self.usual.clone()
    }

    /// At the end of each line, so that there is never more than one line too much.
    fn check(&mut self) -> Result<(), DecodeError> {
        let names = self.event.len() + self.id.as_ref().map_or(0, Text::len);
        match self.max.checked_sub(names) {
            Some(rest) if self.data.is_within(rest) => Ok(()),
            _ => Err(Kind::Event(self.max).into()),
        }
    }
}

/// The name before the first colon, and the value after it without one leading space.
fn field(line: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr(b':', line) else {
        return (line, b"");
    };
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    (name, value.strip_prefix(b" ").unwrap_or(value))
}

fn milliseconds(digits: &[u8]) -> Option<Duration> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let millis = digits.iter().fold(0_u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    });
    Some(Duration::from_millis(millis))
}
