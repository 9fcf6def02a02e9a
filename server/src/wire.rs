//! A connection's bytes: with those already read to tell the protocol, past a guard, and with an eye on what was written.

use std::{
    future::Future,
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::{Buf, Bytes};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    time::{Sleep, sleep},
};

use crate::{
    guard::{Guard, Place},
    outgoing::Flushes,
    request_body::Unread,
};

/// What HTTP/2 connections start with (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Reads no more than it takes to tell the protocol. Returns what was read.
pub(crate) async fn detect(io: &mut (impl AsyncRead + Unpin)) -> io::Result<(Protocol, Bytes)> {
    let mut start = [0; PREFACE.len()];
    let mut read = 0;
    while read < PREFACE.len() {
        let more = io.read(&mut start[read..]).await?;
        read += more;
        if more == 0 || start[..read] != PREFACE[..read] {
            return Ok((Protocol::Http1, Bytes::copy_from_slice(&start[..read])));
        }
    }
    Ok((Protocol::Http2, Bytes::from_static(PREFACE)))
}

/// A transport of which the first bytes were read already.
pub(crate) struct Wire<I> {
    io: I,
    start: Bytes,
    flushes: Flushes,
    unread: Unread,
    guarded: Guarded,
    linger: Option<Pin<Box<Sleep>>>,
}

/// Whether what is read passes a guard.
enum Guarded {
    No,
    Yes(Guard),
    Refused(Place),
}

/// What is read in place of a head's refused rest, once all requests before are answered: hyper refuses NUL wherever in a head
/// it stands, and looks for it when the head has ended.
const REFUSAL: &[u8] = b"\0\r\n\r\n";

/// How long a client may go on sending what nobody reads. A connection that is closed at once is reset by what still comes,
/// and the reset may overtake the response (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

impl<I> Wire<I> {
    pub(crate) fn new(
        io: I,
        start: Bytes,
        flushes: Flushes,
        unread: Unread,
        guard: Option<Guard>,
    ) -> Self {
        Self {
            io,
            start,
            flushes,
            unread,
            guarded: guard.map_or(Guarded::No, Guarded::Yes),
            linger: None,
        }
    }

    /// Takes from what was read, all after the first `before` bytes, that which the guard refuses. Returns whether nothing is
    /// left, which a reader would take for the end.
    fn refuses_all(&mut self, before: usize, buffer: &mut ReadBuf<'_>) -> bool {
        let Guarded::Yes(guard) = &mut self.guarded else {
            return false;
        };
        let Err(refused) = guard.read(&buffer.filled()[before..]) else {
            return false;
        };
        tracing::debug!(why = refused.why, "request refused");
        buffer.set_filled(before + refused.good);
        self.guarded = Guarded::Refused(refused.place);
        self.start = match refused.place {
            Place::Head => Bytes::from_static(REFUSAL),
            Place::Body => Bytes::new(),
        };
        refused.good == 0
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Wire<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        if !this.start.is_empty() {
            let length = this.start.len().min(buffer.remaining());
            buffer.put_slice(&this.start[..length]);
            this.start.advance(length);
        } else if let Guarded::Refused(place) = this.guarded {
            return Poll::Ready(place.end());
        } else {
            ready!(Pin::new(&mut this.io).poll_read(cx, buffer))?;
        }
        if this.refuses_all(before, buffer) {
            return self.poll_read(cx, buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl Place {
    /// What comes after a refusal: a body that is malformed must not look complete.
    fn end(self) -> io::Result<()> {
        match self {
            Self::Head => Ok(()),
            Self::Body => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "malformed chunks",
            )),
        }
    }
}

impl<I: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    /// hyper flushes when its own buffer is empty.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes.poll(cx);
        ready!(Pin::new(&mut self.io).poll_flush(cx))?;
        self.flushes.ended();
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more will be written, then takes what a client still sends.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let refused = matches!(this.guarded, Guarded::Refused(_));
        let mut sending = refused || this.unread.is_set();
        if let Some(deadline) = &mut this.linger {
            if deadline.as_mut().poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            sending = true;
        } else {
            ready!(Pin::new(&mut this.io).poll_shutdown(cx))?;
        }
        while let Poll::Ready(length) = this.discard(cx)? {
            if length == 0 {
                return Poll::Ready(Ok(()));
            }
            sending = true;
        }
        if !sending {
            return Poll::Ready(Ok(()));
        }
        let deadline = this.linger.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        deadline.as_mut().poll(cx).map(Ok)
    }
}

impl<I: AsyncRead + Unpin> Wire<I> {
    fn discard(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut scratch = [0; 8 * 1024];
        let mut scratch = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut self.io).poll_read(cx, &mut scratch))?;
        Poll::Ready(Ok(scratch.filled().len()))
    }
}
