//! The bytes of a response, read as they are asked for.

use std::{
    collections::VecDeque,
    fmt,
    future::Future,
    io,
    ops::Range,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;

use super::Addressable;

/// The most that is read at a time, in bytes, and so the most that a response holds by itself.
///
/// Of a file each read is a trip to the blocking pool. Half of this takes a third more of the processor and a quarter twice as
/// much; hyper holds more than this for a client that does not read, whatever the size.
pub(super) const CHUNK: usize = 256 * 1024;

type Reading = Pin<Box<dyn Future<Output = io::Result<Bytes>> + Send>>;

/// What is read of an [`Addressable`]. Nothing is before the host asks for it, and each read waits for the one before.
pub struct Ranges<S> {
    source: Option<Arc<S>>,
    pieces: VecDeque<Piece>,
    // Of the first piece.
    reading: Option<Reading>,
}

/// A part of a body.
pub(super) enum Piece {
    /// Of the source.
    Range(Range<u64>),
    /// What stands around the ranges.
    Text(Bytes),
}

impl Piece {
    pub(super) fn length(&self) -> u64 {
        match self {
            Self::Range(range) => range.end - range.start,
            Self::Text(text) => text.len() as u64,
        }
    }
}

impl<S> Ranges<S> {
    pub(super) fn none() -> Self {
        Self {
            source: None,
            pieces: VecDeque::new(),
            reading: None,
        }
    }
}

impl<S: Addressable> Ranges<S> {
    pub(super) fn new(source: S, pieces: Vec<Piece>) -> Self {
        Self {
            source: Some(Arc::new(source)),
            pieces: pieces.into(),
            reading: None,
        }
    }

    /// How much of the first piece is read at once.
    fn next_read(&self) -> Option<(u64, usize)> {
        match self.pieces.front()? {
            Piece::Text(_) => None,
            Piece::Range(range) => {
                let rest = usize::try_from(range.end - range.start).unwrap_or(CHUNK);
                Some((range.start, rest.min(CHUNK)))
            }
        }
    }

    fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        offset: u64,
        length: usize,
    ) -> Poll<io::Result<Bytes>> {
        let Some(source) = &self.source else {
            return Poll::Ready(Err(ended()));
        };
        let reading = self
            .reading
            .get_or_insert_with(|| Box::pin(Arc::clone(source).read_at(offset, length)));
        let read = ready!(reading.as_mut().poll(cx));
        self.reading = None;
        let bytes = read?;
        if bytes.is_empty() {
            return Poll::Ready(Err(ended()));
        }
        if bytes.len() > length {
            return Poll::Ready(Err(io::Error::other("the source gave more than asked for")));
        }
        self.advance(bytes.len() as u64);
        Poll::Ready(Ok(bytes))
    }

    fn advance(&mut self, by: u64) {
        let Some(Piece::Range(range)) = self.pieces.front_mut() else {
            return;
        };
        range.start += by;
        if range.is_empty() {
            self.pieces.pop_front();
        }
    }
}

fn ended() -> io::Error {
    let kind = io::ErrorKind::UnexpectedEof;
    io::Error::new(kind, "the source ended before its length")
}

/// The future is pinned in its own box.
impl<S> Unpin for Ranges<S> {}

impl<S: Addressable> Stream for Ranges<S> {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some((offset, length)) = self.next_read() {
            return self.poll_read(cx, offset, length).map(Some);
        }
        let text = match self.pieces.pop_front() {
            Some(Piece::Text(text)) => Some(Ok(text)),
            _ => None,
        };
        Poll::Ready(text)
    }
}

impl<S> fmt::Debug for Ranges<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ranges")
            .field("pieces", &self.pieces.len())
            .finish_non_exhaustive()
    }
}
