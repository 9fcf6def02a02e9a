//! Events, encoded once into the text that goes over the wire.
//!
//! Whatever could make an event unreadable or let a value add lines of its own is refused when the
//! event is built, as [`InvalidEvent`]; an [`Event`] that exists is valid.

mod builder;
mod error;
mod id;
#[cfg(feature = "json")]
mod json;
mod lines;
mod stamp;
mod writer;

use std::{
    fmt::{self, Write},
    time::Duration,
};

use bytes::Bytes;

pub(crate) use self::{builder::write_retry, id::is_id};

#[cfg(feature = "json")]
pub use self::json::JsonError;
pub(crate) use self::stamp::Unstamped;
pub use self::{builder::EventBuilder, error::InvalidEvent, writer::EventWriter};

/// One block of an event stream, encoded once; clones share the bytes.
///
/// Most events carry data only, and [`Event::data`] makes them. A name, an id or a retry delay
/// needs the [builder](Event::builder).
///
/// The bytes are UTF-8 without a byte order mark and end with the blank line that dispatches the
/// event (WHATWG HTML §9.2.5, "Parsing an event stream"), so events can be written one after the
/// other as they are.
///
/// ```
/// use peristyle_sse::Event;
///
/// let event = Event::builder().event("price").id("42").data("1.25").build()?;
/// assert_eq!(event.as_bytes(), "event: price\nid: 42\ndata: 1.25\n\n");
/// # Ok::<(), peristyle_sse::InvalidEvent>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Event(Bytes);

impl Event {
    /// A `message` event with this data.
    ///
    /// Every line of `data` becomes a `data:` line of its own; a line ends at CRLF, LF or CR. The
    /// client reads back the same text with LF for each of them, since the format cannot tell them
    /// apart (§9.2.6, "Interpreting an event stream"). Empty data fires an event with empty data.
    ///
    /// ```
    /// use peristyle_sse::Event;
    ///
    /// assert_eq!(Event::data("one\r\ntwo").as_bytes(), "data: one\ndata: two\n\n");
    /// assert_eq!(Event::data("").as_bytes(), "data: \n\n");
    /// ```
    pub fn data(data: &str) -> Self {
        Self::builder().data(data).encode()
    }

    /// A `message` event whose data is how a value displays itself, or any
    /// [`format_args!`](std::format_args), without a [`String`] of it.
    ///
    /// With a name or an id, [`EventBuilder::writer`] does the same.
    ///
    /// ```
    /// use peristyle_sse::Event;
    ///
    /// let event = Event::display(format_args!("{}\n{:.2}", "ACME", 1.25))?;
    /// assert_eq!(event.as_bytes(), "data: ACME\ndata: 1.25\n\n");
    /// # Ok::<(), std::fmt::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The value's `Display` fails; writing its text does not.
    pub fn display(data: impl fmt::Display) -> Result<Self, fmt::Error> {
        let mut writer = EventWriter::after(String::new());
        write!(writer, "{data}")?;
        Ok(writer.finish())
    }

    /// A comment, which clients read and drop: it fires nothing.
    ///
    /// Every line of `text` becomes a comment line of its own, as in [`data`](Self::data).
    ///
    /// ```
    /// use peristyle_sse::Event;
    ///
    /// assert_eq!(Event::comment("still here").as_bytes(), ": still here\n\n");
    /// ```
    pub fn comment(text: &str) -> Self {
        Self::builder().comment(text).encode()
    }

    /// An event to be put together field by field.
    pub fn builder<'a>() -> EventBuilder<'a> {
        EventBuilder::default()
    }

    /// The same event with a `retry:` line, unless it has one already.
    ///
    /// `delay` is written as [`EventBuilder::retry`] writes it. A [comment](Self::is_comment) is
    /// returned unchanged.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use peristyle_sse::Event;
    ///
    /// let event = Event::data("ready").with_retry(Duration::from_secs(2));
    /// assert_eq!(event.as_bytes(), "retry: 2000\ndata: ready\n\n");
    /// ```
    #[must_use]
    pub fn with_retry(self, delay: Duration) -> Self {
        match self.retry_position() {
            Some(at) => self.insert_retry(at, delay),
            None => self,
        }
    }

    /// Whether this is a comment and nothing else: it fires nothing, moves no cursor and carries no
    /// retry delay.
    ///
    /// An event without data that has an id or a retry delay is not a comment, though it fires
    /// nothing either.
    pub fn is_comment(&self) -> bool {
        self.0[self.skip_lines(0, &[b":"])..] == *b"\n"
    }

    /// The event as it goes over the wire, ending with the blank line.
    pub fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The event as it goes over the wire, ending with the blank line.
    pub fn into_bytes(self) -> Bytes {
        self.0
    }

    fn insert_retry(&self, at: usize, delay: Duration) -> Self {
        let mut line = String::new();
        write_retry(&mut line, delay).expect("a string takes any text");
        let (before, after) = self.0.split_at(at);
        Self([before, line.as_bytes(), after].concat().into())
    }

    fn retry_position(&self) -> Option<usize> {
        let fields = self.skip_lines(0, &[b":"]);
        let at = self.skip_lines(fields, &[b"event:", b"id:"]);
        let taken = self.0[at..].starts_with(b"retry:");
        let comment = self.0[fields..] == *b"\n";
        (!taken && !comment).then_some(at)
    }

    /// The start of the first line at or after `from` that begins with none of `prefixes`.
    fn skip_lines(&self, from: usize, prefixes: &[&[u8]]) -> usize {
        let mut at = from;
        while prefixes
            .iter()
            .any(|prefix| self.0[at..].starts_with(prefix))
        {
            let end = self.0[at..].iter().position(|&byte| byte == b'\n');
            at += end.expect("every line of an event has an end") + 1;
        }
        at
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Event")
            .field(&String::from_utf8_lossy(&self.0))
            .finish()
    }
}
