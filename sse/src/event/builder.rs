//! Fields put together, checked and encoded.

use std::{
    fmt::{self, Write},
    time::Duration,
};

use super::{
    Event, EventWriter,
    error::{InvalidEvent, Kind},
    id::Id,
    lines::{has_break, lines},
};

/// What a line of data begins with.
pub(super) const DATA: &str = "data: ";

/// An [`Event`] to be put together field by field, in any order of calls.
///
/// The fields are borrowed until [`build`](Self::build) checks them and writes them in the order
/// comments, `event`, `id`, `retry`, `data`. Calling [`event`](Self::event), [`id`](Self::id) or
/// [`retry`](Self::retry) again replaces the value; calling [`data`](Self::data) or
/// [`comment`](Self::comment) again adds lines.
#[derive(Clone, Debug, Default)]
#[must_use = "an event is made by `build`"]
pub struct EventBuilder<'a> {
    comments: Pieces<'a>,
    event: Option<&'a str>,
    id: Option<Id<'a>>,
    retry: Option<Duration>,
    data: Pieces<'a>,
}

impl<'a> EventBuilder<'a> {
    /// Sets the name of the event, under which clients listen for it.
    ///
    /// Default is `message`, which an empty name means too (WHATWG HTML §9.2.6): no `event:` line
    /// is written for either. A name with a line break is refused by [`build`](Self::build).
    pub fn event(mut self, name: &'a str) -> Self {
        self.event = Some(name).filter(|name| !name.is_empty());
        self
    }

    /// Sets the id: the cursor that a client sends back in `Last-Event-ID` when it reconnects.
    ///
    /// Default is none, which leaves the client's cursor where it is; an empty id resets it, and
    /// the next request carries no `Last-Event-ID` (WHATWG HTML §9.2.6). The cursor moves even if
    /// the event has no data.
    ///
    /// The id must be one that a browser may send to another origin without asking first: at most
    /// 128 bytes of ASCII, no control character but TAB, and none of `"():<>?@[\]{}` (Fetch §2.2.2,
    /// "CORS-safelisted request-header"). Any other is refused by [`build`](Self::build). Spaces
    /// and TABs at either end are taken, but no header brings them back (RFC 9110 §5.5).
    pub fn id(mut self, id: &'a str) -> Self {
        self.id = Some(Id::Safelisted(id));
        self
    }

    /// Sets the id as [`id`](Self::id) does, to any text without a line break or NUL.
    ///
    /// The price: a client on another origin may need a CORS preflight to reconnect, servers may
    /// refuse the length, and clients differ in what they send back for control characters.
    pub fn id_unrestricted(mut self, id: &'a str) -> Self {
        self.id = Some(Id::Unrestricted(id));
        self
    }

    /// Sets how long the client waits before it reconnects, from now on.
    ///
    /// Written in whole milliseconds, rounded up so that a short delay never becomes none; more
    /// than [`u64::MAX`] milliseconds are written as that many. Default is not to say, which leaves
    /// the delay as it is; browsers start with a few seconds.
    pub fn retry(mut self, delay: Duration) -> Self {
        self.retry = Some(delay);
        self
    }

    /// Adds data, one `data:` line for each line of `data` as in [`Event::data`].
    ///
    /// What an earlier call added and this data are separate lines: the client reads them joined
    /// with LF.
    pub fn data(mut self, data: &'a str) -> Self {
        self.data.push(data);
        self
    }

    /// Adds a comment before the fields, one comment line for each line of `text`.
    pub fn comment(mut self, text: &'a str) -> Self {
        self.comments.push(text);
        self
    }

    /// Checks the fields and encodes the event.
    ///
    /// An event without data is built if it has an id, a retry delay or a comment, and no name: it
    /// fires nothing, but the id moves the cursor and the delay takes effect. Some client libraries
    /// hand their users an empty event for it.
    ///
    /// # Errors
    ///
    /// - The name or the id has a line break, or the id has a NUL.
    /// - An id set by [`id`](Self::id) is longer than 128 bytes or is not CORS-safelisted.
    /// - There is a name but no data, for clients would drop the name and fire nothing (WHATWG HTML
    ///   §9.2.6).
    /// - There is nothing at all.
    pub fn build(self) -> Result<Event, InvalidEvent> {
        self.check()?;
        if self.data.is_empty() {
            self.check_without_data()?;
        }
        Ok(self.encode())
    }

    /// Checks the fields, and lets the data be written piece by piece.
    ///
    /// What [`data`](Self::data) added before are lines of their own.
    ///
    /// # Errors
    ///
    /// The name or the id is refused, as by [`build`](Self::build).
    pub fn writer(self) -> Result<EventWriter, InvalidEvent> {
        self.check()?;
        Ok(EventWriter::after(self.lines(DATA.len())))
    }

    pub(super) fn encode(&self) -> Event {
        if let Some(line) = self.only_line() {
            return Event([DATA, line, "\n\n"].concat().into());
        }
        // A buffer of exactly this length becomes `Bytes` as it is, without a second allocation.
        let mut text = self.lines(1);
        text.push('\n');
        Event(text.into())
    }

    /// All but the blank line, in a buffer with so many bytes of room behind.
    fn lines(&self, room: usize) -> String {
        let data = if self.data.iter().any(has_break) {
            Data::Lines
        } else {
            Data::Line
        };
        let mut length = Length(room);
        self.write(&mut length, data)
            .expect("a length takes any text");
        let mut text = String::with_capacity(length.0);
        self.write(&mut text, data)
            .expect("a string takes any text");
        text
    }

    /// The data, if it is one line and there is nothing else: so are most events.
    fn only_line(&self) -> Option<&'a str> {
        let alone = self.event.is_none() && self.id.is_none() && self.retry.is_none();
        let line = self
            .data
            .first
            .filter(|_| alone && self.data.rest.is_empty())?;
        (self.comments.is_empty() && !has_break(line)).then_some(line)
    }

    fn check(&self) -> Result<(), InvalidEvent> {
        if self.event.is_some_and(has_break) {
            return Err(Kind::EventLineBreak.into());
        }
        self.id.map_or(Ok(()), Id::check)
    }

    fn check_without_data(&self) -> Result<(), InvalidEvent> {
        if self.event.is_some() {
            return Err(Kind::EventWithoutData.into());
        }
        if self.id.is_none() && self.retry.is_none() && self.comments.is_empty() {
            return Err(Kind::Empty.into());
        }
        Ok(())
    }

    fn write(&self, out: &mut impl Write, data: Data) -> fmt::Result {
        for text in self.comments.iter() {
            write_lines(out, ": ", text)?;
        }
        if let Some(event) = self.event {
            write_line(out, "event: ", event)?;
        }
        if let Some(id) = self.id {
            write_line(out, "id: ", id.as_str())?;
        }
        if let Some(delay) = self.retry {
            write_retry(out, delay)?;
        }
        for text in self.data.iter() {
            match data {
                Data::Line => write_line(out, DATA, text)?,
                Data::Lines => write_lines(out, DATA, text)?,
            }
        }
        Ok(())
    }
}

/// Whether some data is more than one line. Most is not, and then is looked through once.
#[derive(Clone, Copy)]
enum Data {
    Line,
    Lines,
}

/// The line that asks clients to wait for `delay` before they reconnect.
pub(crate) fn write_retry(out: &mut impl Write, delay: Duration) -> fmt::Result {
    let millis = delay.as_nanos().div_ceil(1_000_000);
    writeln!(out, "retry: {}", u64::try_from(millis).unwrap_or(u64::MAX))
}

fn write_lines(out: &mut impl Write, name: &str, text: &str) -> fmt::Result {
    lines(text).try_for_each(|line| write_line(out, name, line))
}

fn write_line(out: &mut impl Write, name: &str, value: &str) -> fmt::Result {
    out.write_str(name)?;
    out.write_str(value)?;
    out.write_str("\n")
}

/// Texts from several calls; the usual single one needs no allocation.
#[derive(Clone, Debug, Default)]
struct Pieces<'a> {
    first: Option<&'a str>,
    rest: Vec<&'a str>,
}

impl<'a> Pieces<'a> {
    fn push(&mut self, piece: &'a str) {
        match self.first {
            None => self.first = Some(piece),
            Some(_) => self.rest.push(piece),
        }
    }

    fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn iter(&self) -> impl Iterator<Item = &'a str> {
        self.first.into_iter().chain(self.rest.iter().copied())
    }
}

/// Counts what is written to it.
struct Length(usize);

impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}
