//! Lines to fields, and fields to events.

use std::{mem, time::Duration};

use memchr::memchr;

use super::{
    MessageEvent,
    error::{DecodeError, Kind},
    text::{self, Text},
};

/// The fields since the last blank line.
pub(super) struct Block {
    pub(super) max: usize,
    /// `None` is no `data` line at all, which is not the same as an empty one.
    data: Option<String>,
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
            data: None,
            event: Text::default(),
            id: None,
            usual: Text::default(),
            retry: None,
        }
    }

    pub(super) fn reset(&mut self) {
        self.data = None;
        self.event = Text::default();
        self.id = None;
    }

    /// A line that is not empty. A comment is a field without a name, which no field has.
    pub(super) fn line(&mut self, line: &[u8]) -> Result<(), DecodeError> {
        let (name, value) = field(line);
        match name {
            b"data" => return self.add_data(value),
            b"event" => self.event = self.named(value),
            // The standard has the whole field ignored for a NUL in it.
            b"id" if memchr(b'\0', value).is_none() => self.id = Some(Text::from_utf8_lossy(value)),
            b"retry" => self.retry = milliseconds(value).or(self.retry),
            _ => return Ok(()),
        }
        self.check(0)
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

    fn add_data(&mut self, value: &[u8]) -> Result<(), DecodeError> {
        let value = text::from_utf8_lossy(value);
        let joint = usize::from(self.data.is_some());
        self.check(joint + value.len())?;
        match &mut self.data {
            // Most events have one line: not a byte more than it needs.
            None => self.data = Some(value.into_owned()),
            Some(data) => {
                data.push('\n');
                data.push_str(&value);
            }
        }
        Ok(())
    }

    fn named(&mut self, value: &[u8]) -> Text {
        if self.usual.as_str().as_bytes() != value {
            self.usual = Text::from_utf8_lossy(value);
        }
        self.usual.clone()
    }

    fn check(&self, more: usize) -> Result<(), DecodeError> {
        let data = self.data.as_ref().map_or(0, String::len);
        let id = self.id.as_ref().map_or(0, Text::len);
        let length = data + self.event.len() + id + more;
        if length > self.max {
            return Err(Kind::Event(self.max).into());
        }
        Ok(())
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
