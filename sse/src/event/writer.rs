//! Data written piece by piece.

use std::{fmt, mem};

use super::{Event, builder::DATA, lines::lines};

/// An [`Event`] whose data is being written, by `write!` for instance, without a [`String`] of its
/// own.
///
/// Every line that is written becomes a `data:` line, as in [`Event::data`], wherever the pieces
/// end: a CR at the end of one and an LF at the start of the next are one line end. Nothing written
/// is empty data, which fires. Writing never fails.
///
/// ```
/// use std::fmt::Write;
///
/// use peristyle_sse::Event;
///
/// let mut event = Event::builder().event("price").id("42").writer()?;
/// for (name, price) in [("ACME", 1.25), ("EMCA", 0.8)] {
///     writeln!(event, "{name} {price:.2}")?;
/// }
/// write!(event, "end")?;
/// assert_eq!(
///     event.finish().as_bytes(),
///     "event: price\nid: 42\ndata: ACME 1.25\ndata: EMCA 0.80\ndata: end\n\n"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "an event is made by `finish`"]
pub struct EventWriter {
    /// All of it up to here, in UTF-8; the last line is not ended.
    text: Vec<u8>,
    /// The data ends with CR: an LF now is part of the same line end.
    after_cr: bool,
}

impl EventWriter {
    /// Goes on after these lines.
    pub(super) fn after(mut lines: String) -> Self {
        lines.push_str(DATA);
        Self {
            text: lines.into_bytes(),
            after_cr: false,
        }
    }

    /// The event with the data that was written.
    pub fn finish(mut self) -> Event {
        self.text.extend_from_slice(b"\n\n");
        Event(self.text.into())
    }

    #[cfg(feature = "json")]
    pub(super) fn write_json<T>(&mut self, value: &T) -> Result<(), serde_json::Error>
    where
        T: serde::Serialize + ?Sized,
    {
        let start = self.text.len();
        serde_json::to_writer(&mut self.text, value)?;
        // Only a raw value has line ends, since those in texts are escaped.
        if memchr::memchr2(b'\r', b'\n', &self.text[start..]).is_some() {
            let json = self.text.split_off(start);
            self.push(&String::from_utf8_lossy(&json));
        }
        Ok(())
    }

    fn push(&mut self, text: &str) {
        for (number, line) in lines(text).enumerate() {
            if number > 0 {
                self.text.push(b'\n');
                self.text.extend_from_slice(DATA.as_bytes());
            }
            self.text.extend_from_slice(line.as_bytes());
        }
    }
}

impl fmt::Write for EventWriter {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.is_empty() {
            return Ok(());
        }
        let after_cr = mem::replace(&mut self.after_cr, text.ends_with('\r'));
        let rest = text.strip_prefix('\n').filter(|_| after_cr);
        self.push(rest.unwrap_or(text));
        Ok(())
    }
}
