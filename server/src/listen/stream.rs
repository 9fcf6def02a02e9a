//! A client's connection, whichever kind of socket it came through.

use std::{
    fmt,
    future::ready,
    io::{self, IoSlice},
    mem::{self, MaybeUninit},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use peristyle_core::BoxFuture;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

use super::{door::canonical, handed::Transport, tcp};
use crate::link::Link;

pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
    Handed(Box<dyn Transport>),
    /// Somebody else has the socket.
    Gone,
}

impl Stream {
    /// A socket that was [handed over](Link::hand_over), with the options that it had. `None` when the runtime does not take it.
    pub(crate) fn given_back(socket: std::net::TcpStream) -> Option<Self> {
        let registered = TcpStream::from_std(socket);
        let failed = |error: &io::Error| tracing::debug!(%error, "connection failed");
        registered.inspect_err(failed).ok().map(Self::Tcp)
    }

    /// The client's end.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(stream) => stream.peer_addr().ok().map(canonical),
            Self::Unix(_) | Self::Handed(_) | Self::Gone => None,
        }
    }

    /// Sets the options that a server needs.
    pub(crate) fn configure(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => tcp::configure(stream),
            Self::Unix(_) | Self::Handed(_) | Self::Gone => Ok(()),
        }
    }

    /// Waits until the runtime has learned that something was sent, if that is so.
    pub(crate) async fn settled(&mut self) -> io::Result<()> {
        if self.has_received() {
            match self {
                Self::Tcp(stream) => stream.readable().await?,
                Self::Unix(stream) => stream.readable().await?,
                Self::Handed(_) | Self::Gone => {}
            }
        }
        Ok(())
    }

    fn has_received(&self) -> bool {
        let socket = match self {
            Self::Tcp(stream) => SockRef::from(stream),
            Self::Unix(stream) => SockRef::from(stream),
            Self::Handed(_) | Self::Gone => return false,
        };
        let received = socket.peek(&mut [MaybeUninit::uninit()]);
        received.is_ok_and(|length| length > 0)
    }
}

impl Link for Stream {
    fn sent(&self) -> BoxFuture<'static, ()> {
        match self {
            Self::Tcp(stream) => Box::pin(tcp::sent(stream)),
            Self::Unix(_) | Self::Handed(_) | Self::Gone => Box::pin(ready(())),
        }
    }

    fn reset(&self) {
        if let Self::Tcp(stream) = self {
            tcp::reset(stream);
        }
    }

    fn is_plain_socket(&self) -> bool {
        matches!(self, Self::Tcp(_))
    }

    fn hand_over(&mut self) -> Option<std::net::TcpStream> {
        match mem::replace(self, Self::Gone) {
            Self::Tcp(stream) => stream.into_std().ok(),
            other => {
                *self = other;
                None
            }
        }
    }
}

/// Calls a method of the socket, whichever kind it is.
macro_rules! socket {
    ($this:expr, $method:ident($($argument:expr),*)) => {
        match $this {
            Self::Tcp(stream) => Pin::new(stream).$method($($argument),*),
            Self::Unix(stream) => Pin::new(stream).$method($($argument),*),
            Self::Handed(stream) => Pin::new(stream).$method($($argument),*),
            Self::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    };
}

impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(stream) => stream.fmt(f),
            Self::Unix(stream) => stream.fmt(f),
            Self::Handed(_) => f.write_str("Handed(..)"),
            Self::Gone => f.write_str("Gone"),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        socket!(&mut *self, poll_read(cx, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        socket!(&mut *self, poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        socket!(&mut *self, poll_write_vectored(cx, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
            Self::Handed(stream) => stream.is_write_vectored(),
            Self::Gone => false,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket!(&mut *self, poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        socket!(&mut *self, poll_shutdown(cx))
    }
}
