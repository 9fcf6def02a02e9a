//! A body cut at its delimiters.

use std::{
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use futures_core::Stream;
use http_body::Body;
use memchr::memchr;
use peristyle_core::BoxError;
use pin_project_lite::pin_project;

use super::{
    ReadBytes, ReadError,
    error::Fault,
    framing::{Framing, Piece},
};

/// How many chunks are read for one value before other tasks get their turn.
const READ_AT_ONCE: usize = 32;

pin_project! {
    /// The values of a body, as bytes.
    pub(super) struct Pieces<B> {
        #[pin]
        body: ReadBytes<B>,
        framing: Framing,
        limit: usize,
        // What came last, from where no value has begun.
        chunk: Bytes,
        // The value that began in chunks before.
        begun: BytesMut,
        // Where the value that is read next begins.
        offset: u64,
        // How many values were given out.
        count: u64,
        ended: bool,
    }
}

/// A value as bytes, and where it stands.
pub(super) struct Value {
    pub(super) bytes: Bytes,
    offset: u64,
    number: u64,
}

impl Value {
    pub(super) fn error(&self, fault: Fault) -> ReadError {
        ReadError::new(self.offset, fault).of_value(self.number)
    }
}

impl<B> Pieces<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    pub(super) fn new(body: ReadBytes<B>, framing: Framing, limit: usize) -> Self {
        Self {
            body,
            framing,
            limit,
            chunk: Bytes::new(),
            begun: BytesMut::new(),
            offset: 0,
            count: 0,
            ended: false,
        }
    }

    /// The next value; none after an error.
    pub(super) fn poll_value(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Value, ReadError>>> {
        for _ in 0..READ_AT_ONCE {
            if let Some(value) = self.as_mut().value_there().transpose() {
                return Poll::Ready(Some(value));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let chunk = ready!(self.as_mut().project().body.poll_next(cx));
            match chunk.transpose() {
                Ok(Some(chunk)) => *self.as_mut().project().chunk = chunk,
                Ok(None) => *self.as_mut().project().ended = true,
                Err(error) => return Poll::Ready(Some(Err(self.broken(error)))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The next value of those that have come.
    fn value_there(mut self: Pin<&mut Self>) -> Result<Option<Value>, ReadError> {
        while let Some(piece) = self.as_mut().piece_there()? {
            let offset = piece.offset;
            let number = self.count + 1;
            match self.framing.value(piece) {
                Ok(Some(bytes)) if bytes.len() > self.limit => return Err(self.too_long(offset)),
                Ok(Some(bytes)) => {
                    *self.as_mut().project().count = number;
                    return Ok(Some(Value {
                        bytes,
                        offset,
                        number,
                    }));
                }
                Ok(None) => {}
                Err(fault) => return Err(self.failed(offset, fault)),
            }
        }
        Ok(None)
    }

    /// The next piece of those that have come. One that has not ended is kept.
    fn piece_there(mut self: Pin<&mut Self>) -> Result<Option<Piece>, ReadError> {
        let end = memchr(self.framing.delimiter(), &self.chunk);
        let length = self.begun.len() + end.unwrap_or(self.chunk.len());
        // A byte before the delimiter may be no part of the value.
        if length > self.limit.saturating_add(1) {
            let offset = self.offset;
            return Err(self.too_long(offset));
        }
        let ended = self.ended;
        let this = self.as_mut().project();
        let offset = *this.offset;
        let bytes = match end {
            Some(end) => {
                let bytes = this.chunk.split_to(end);
                this.chunk.advance(1);
                *this.offset += length as u64 + 1;
                joined(this.begun, bytes)
            }
            None if ended && length > 0 => {
                *this.offset += length as u64;
                joined(this.begun, mem::take(this.chunk))
            }
            None => {
                this.begun.extend_from_slice(&mem::take(this.chunk));
                return Ok(None);
            }
        };
        let delimited = end.is_some();
        Ok(Some(Piece {
            bytes,
            offset,
            delimited,
        }))
    }

    fn too_long(self: Pin<&mut Self>, offset: u64) -> ReadError {
        let limit = self.limit;
        self.failed(offset, Fault::TooLong(limit))
    }

    fn broken(self: Pin<&mut Self>, error: ReadError) -> ReadError {
        let offset = self.offset;
        self.failed(offset, error.into_fault())
    }

    fn failed(mut self: Pin<&mut Self>, offset: u64, fault: Fault) -> ReadError {
        self.as_mut().end();
        ReadError::new(offset, fault).of_value(self.count + 1)
    }

    /// Lets go of what has come.
    pub(super) fn end(self: Pin<&mut Self>) {
        let mut this = self.project();
        *this.ended = true;
        *this.chunk = Bytes::new();
        *this.begun = BytesMut::new();
        this.body.as_mut().end();
    }
}

fn joined(begun: &mut BytesMut, rest: Bytes) -> Bytes {
    if begun.is_empty() {
        return rest;
    }
    begun.extend_from_slice(&rest);
    mem::take(begun).freeze()
}
