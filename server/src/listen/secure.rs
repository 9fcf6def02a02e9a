//! A connection over TLS, on which the client speaks what it agreed on.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};

use peristyle_core::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::Stream;
use crate::{
    link::Link,
    wire::{PREFACE, Protocol},
};

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

impl Link for Secure {
    fn sent(&self) -> BoxFuture<'static, ()> {
        self.stream.get_ref().0.sent()
    }

    fn reset(&self) {
        self.stream.get_ref().0.reset();
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is spoken, and how many bytes have shown it, when they come one after the other.
    fn spoken(bytes: &[u8]) -> (Option<Protocol>, usize) {
        let mut agreed = Agreed::new(b"h2").unwrap();
        for (at, byte) in bytes.iter().enumerate() {
            if let Some(spoken) = agreed.spoken(&[*byte]) {
                return (Some(spoken), at + 1);
            }
        }
        (None, bytes.len())
    }

    #[test]
    fn the_protocol_is_told_by_the_first_byte_that_shows_it() {
        assert_eq!(spoken(PREFACE), (Some(Protocol::Http2), 24));
        assert_eq!(spoken(&PREFACE[..23]), (None, 23));
        assert_eq!(spoken(b"GET / HTTP/1.1"), (Some(Protocol::Http1), 1));
        assert_eq!(spoken(b"PUT / HTTP/1.1"), (Some(Protocol::Http1), 2));
    }

    #[test]
    fn the_preface_is_known_wherever_it_is_split() {
        let longer = [PREFACE, b"more"].concat();
        for split in 0..PREFACE.len() {
            let mut agreed = Agreed::new(b"http/1.1").unwrap();
            assert_eq!(agreed.spoken(&longer[..split]), None);
            assert_eq!(agreed.spoken(&longer[split..]), Some(Protocol::Http2));
        }
    }

    #[test]
    fn what_nobody_here_knows_is_not_looked_for() {
        assert!(Agreed::new(b"spdy/1").is_none());
    }
}
