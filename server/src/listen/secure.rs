//! A connection over TLS, on which the client speaks what it agreed on.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::Stream;
use crate::wire::{PREFACE, Protocol};

pub(crate) struct Secure {
    stream: TlsStream<Stream>,
    agreed: Option<Agreed>,
}

impl Secure {
    pub(super) fn new(stream: TlsStream<Stream>) -> Self {
        let agreed = stream.get_ref().1.alpn_protocol().and_then(Agreed::new);
        Self { stream, agreed }
    }

    /// Looks at what was read until it shows the protocol.
    fn check(&mut self, read: &[u8]) -> io::Result<()> {
        let Some(agreed) = &mut self.agreed else {
            return Ok(());
        };
        match agreed.spoken(read) {
            Some(spoken) if spoken != agreed.protocol => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the client speaks another protocol than it agreed on",
            )),
            Some(_) => {
                self.agreed = None;
                Ok(())
            }
            None => Ok(()),
        }
    }
}

/// The protocol that was agreed on, and how much of the preface of HTTP/2 has been read.
struct Agreed {
    protocol: Protocol,
    preface: usize,
}

impl Agreed {
    fn new(name: &[u8]) -> Option<Self> {
        let protocol = match name {
            b"h2" => Protocol::Http2,
            b"http/1.1" => Protocol::Http1,
            _ => return None,
        };
        Some(Self {
            protocol,
            preface: 0,
        })
    }

    fn spoken(&mut self, read: &[u8]) -> Option<Protocol> {
        let left = &PREFACE[self.preface..];
        let both = left.len().min(read.len());
        if read[..both] != left[..both] {
            return Some(Protocol::Http1);
        }
        self.preface += both;
        (self.preface == PREFACE.len()).then_some(Protocol::Http2)
    }
}

impl AsyncRead for Secure {
    /// A client that closes the connection without `close_notify` (RFC 8446, section 6.1) cuts off no more than HTTP notices.
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        match ready!(Pin::new(&mut self.stream).poll_read(cx, buffer)) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Poll::Ready(Ok(())),
            Err(error) => Poll::Ready(Err(error)),
            Ok(()) => Poll::Ready(self.check(&buffer.filled()[before..])),
        }
    }
}

impl AsyncWrite for Secure {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    /// Says `close_notify`, then closes.
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
