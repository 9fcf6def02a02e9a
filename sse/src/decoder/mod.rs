//! Event streams, read as the standard says: by clients, tests and tools.
//!
//! What a peer sends is never trusted: malformed UTF-8 is replaced, unknown fields are ignored, and
//! what is longer than its bound is a [`DecodeError`].

mod block;
mod data;
mod error;
mod lines;
mod message;
mod reader;
mod text;

use std::{fmt, time::Duration};

use self::{
    block::Block,
    lines::{Lines, Piece},
    text::Text,
};

pub use self::{
    error::DecodeError,
    message::MessageEvent,
    reader::{EventReader, ReadError},
};

/// Reads the events of a stream from its bytes, however these are cut into chunks.
///
/// Obeys WHATWG HTML §9.2.5, "Parsing an event stream", and §9.2.6, "Interpreting an event stream".
/// The bytes are UTF-8 whatever the response says of their charset.
///
/// ```
/// use peristyle_sse::Decoder;
///
/// let mut decoder = Decoder::new();
/// for mut chunk in [&b"id: 7\nevent: price\ndata: 1."[..], b"25\n\n: still here\n"] {
///     while let Some(event) = decoder.decode(&mut chunk)? {
///         assert_eq!((event.event(), event.data(), event.id()), ("price", "1.25", "7"));
///     }
/// }
/// assert_eq!(decoder.last_event_id(), "7");
/// # Ok::<(), peristyle_sse::DecodeError>(())
/// ```
///
/// It holds one unfinished line and one unfinished event at most, both [bounded](Self::max_line).
/// When the stream is over, dropping the decoder drops them, as the standard wants of an event
/// without its blank line; [`reset`](Self::reset) does so for a client that reconnects.
pub struct Decoder {
    lines: Lines,
    block: Block,
    last_event_id: Text,
    failed: Option<DecodeError>,
}

impl Decoder {
    /// A decoder at the start of a stream, without a last event id.
    pub fn new() -> Self {
        Self {
            lines: Lines::new(),
            block: Block::new(),
            last_event_id: Text::default(),
            failed: None,
        }
    }

    /// Bounds a line, of any field or comment, to so many bytes without its line end.
    ///
    /// Default is 4 MiB: JSON comes on one line, a picture in base64 within it.
    #[must_use]
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.lines.max = bytes;
        self
    }

    /// Bounds an event to so many bytes of text: its data, and the type and the id that came with
    /// it. A malformed byte may count three, for it is replaced by U+FFFD.
    ///
    /// Default is 8 MiB: two of the longest lines.
    ///
    /// It holds for blocks that fire nothing too.
    #[must_use]
    pub fn max_event(mut self, bytes: usize) -> Self {
        self.block.max = bytes;
        self
    }

    /// Starts with a last event id that was kept from before, which [`Decoder::last_event_id`] and
    /// the events say until the stream changes it.
    #[must_use]
    pub fn with_last_event_id(mut self, id: &str) -> Self {
        self.last_event_id = Text::from_utf8_lossy(id.as_bytes());
        self
    }

    /// Takes bytes from the front of `input`, up to and including those that complete an event.
    ///
    /// `None` when all were taken and no event is complete. An event comes with the first byte that
    /// completes it: one that ends with CR does not wait for an LF.
    ///
    /// # Errors
    ///
    /// A line or an event is longer than its bound. What is left of `input` means nothing then, and
    /// every later call gives the same error until [`reset`](Self::reset). The events before it have
    /// been returned.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<MessageEvent>, DecodeError> {
        match self.failed {
            Some(error) => Err(error),
            None => self
                .advance(input)
                .inspect_err(|&error| self.failed = Some(error)),
        }
    }

    /// The id of the last block that had one, as of the blank line that ended it: what a client
    /// that reconnects sends in `Last-Event-ID`. Empty when there is none.
    ///
    /// A block without data moves it too, though no event is fired.
    pub fn last_event_id(&self) -> &str {
        self.last_event_id.as_str()
    }

    /// How long the stream wants clients to wait before they reconnect, at most [`u64::MAX`]
    /// milliseconds. `None` until it has said so.
    ///
    /// Takes effect with its line, whether or not an event is fired.
    pub fn retry(&self) -> Option<Duration> {
        self.block.retry
    }

    /// Begins anew with another stream of the same source: a new connection.
    ///
    /// The unfinished event goes, with its id. The last event id and the retry delay stay, as they
    /// do in browsers.
    pub fn reset(&mut self) {
        self.lines.reset();
        self.block.reset();
        self.failed = None;
    }

    fn advance(&mut self, input: &mut &[u8]) -> Result<Option<MessageEvent>, DecodeError> {
        while let Some(piece) = self.lines.next(input)? {
            match piece {
                Piece::Line(b"") => {
                    if let Some(event) = self.block.dispatch(&mut self.last_event_id) {
                        return Ok(Some(event));
                    }
                }
                Piece::Line(line) => self.block.line(line)?,
                Piece::DataStart(value) => self.block.start_data(value),
                Piece::DataPart(value) => self.block.add_part(value),
                Piece::DataEnd(value) => self.block.end_data(value)?,
            }
        }
        Ok(None)
    }
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("last_event_id", &self.last_event_id())
            .field("retry", &self.retry())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
