//! Listeners at work on a runtime.

use std::{
    future::poll_fn,
    io,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use socket2::{SockAddr, SockRef};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

#[cfg(feature = "tls")]
use super::Tls;
use super::{Listener, Socket, Stream, handed::Handed, unix::SocketFile};

/// A client that has come in.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) stream: Stream,
    pub(crate) peer: Option<SocketAddr>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

/// The listeners of one runtime, each asked in turn.
#[derive(Debug)]
pub(crate) struct Doors {
    doors: Vec<Door>,
    /// Which one is asked first: the one after that through which the last came.
    first: usize,
}

#[derive(Debug)]
struct Door {
    socket: Registered,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

#[derive(Debug)]
enum Registered {
    Tcp(TcpListener),
    Unix(
        UnixListener,
        #[expect(dead_code, reason = "it is dropped")] Option<SocketFile>,
    ),
    Handed(Handed),
}

impl Doors {
    /// Registers the listeners with the runtime that this is called on.
    pub(crate) fn open(listeners: Vec<Listener>) -> io::Result<Self> {
        let doors = listeners
            .into_iter()
            .map(Door::open)
            .collect::<Result<_, _>>();
        Ok(Self {
            doors: doors?,
            first: 0,
        })
    }

    /// Waits for the next client. Dropping the future loses none.
    pub(crate) async fn next(&mut self) -> io::Result<Arrived> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Arrived>> {
        let count = self.doors.len();
        for at in (self.first..count).chain(0..self.first) {
            if let Poll::Ready(arrived) = self.doors[at].poll_accept(cx) {
                self.first = (at + 1) % count;
                return Poll::Ready(arrived);
            }
        }
        Poll::Pending
    }

    pub(crate) fn close(&mut self) {
        self.doors.clear();
    }

    /// A client that has connected already, of whom the runtime may not know yet. Listeners that have none are closed.
    pub(crate) fn last(&mut self) -> Option<Arrived> {
        while let Some(door) = self.doors.last_mut() {
            match door.accept_now() {
                Ok(arrived) => return Some(arrived),
                Err(_none) => drop(self.doors.pop()),
            }
        }
        None
    }
}

impl Door {
    fn open(listener: Listener) -> io::Result<Self> {
        Ok(Self {
            socket: listener.socket.register()?,
            #[cfg(feature = "tls")]
            tls: listener.tls,
        })
    }

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Arrived>> {
        let (stream, peer) = ready!(self.socket.poll_accept(cx))?;
        Poll::Ready(Ok(Arrived {
            stream,
            peer,
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        }))
    }

    fn accept_now(&mut self) -> io::Result<Arrived> {
        let (stream, peer) = self.socket.accept_now()?;
        Ok(Arrived {
            stream,
            peer,
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        })
    }
}

impl Registered {
    fn poll_accept(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<(Stream, Option<SocketAddr>)>> {
        Poll::Ready(Ok(match self {
            Self::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(cx))?;
                (Stream::Tcp(stream), Some(canonical(peer)))
            }
            Self::Unix(listener, _) => {
                let (stream, _) = ready!(listener.poll_accept(cx))?;
                (Stream::Unix(stream), None)
            }
            Self::Handed(handed) => (Stream::Handed(ready!(handed.poll_next(cx))), None),
        }))
    }

    fn accept_now(&mut self) -> io::Result<(Stream, Option<SocketAddr>)> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (socket, peer) = accept_now(&SockRef::from(&*listener))?;
                let stream = TcpStream::from_std(socket.into())?;
                (Stream::Tcp(stream), peer.as_socket().map(canonical))
            }
            Self::Unix(listener, _) => {
                let (socket, _) = accept_now(&SockRef::from(&*listener))?;
                (Stream::Unix(UnixStream::from_std(socket.into())?), None)
            }
            Self::Handed(handed) => {
                let handed = handed.try_next().ok_or(io::ErrorKind::WouldBlock)?;
                (Stream::Handed(handed), None)
            }
        })
    }
}

fn accept_now(listener: &socket2::Socket) -> io::Result<(socket2::Socket, SockAddr)> {
    let (socket, peer) = listener.accept()?;
    socket.set_nonblocking(true)?;
    Ok((socket, peer))
}

/// A client of IPv4 that came to a socket of IPv6 is shown as what it is.
pub(super) fn canonical(peer: SocketAddr) -> SocketAddr {
    match peer {
        SocketAddr::V4(_) => peer,
        SocketAddr::V6(address) => match address.ip().to_ipv4_mapped() {
            Some(ip) => (ip, address.port()).into(),
            None => peer,
        },
    }
}

impl Socket {
    fn register(self) -> io::Result<Registered> {
        Ok(match self {
            Self::Bound(listener) | Self::Given(listener) => {
                listener.set_nonblocking(true)?;
                Registered::Tcp(TcpListener::from_std(listener)?)
            }
            Self::Registered(listener) => Registered::Tcp(listener),
            Self::Unix(listener, file) => {
                listener.set_nonblocking(true)?;
                Registered::Unix(UnixListener::from_std(listener)?, file)
            }
            Self::Handed(handed) => Registered::Handed(handed),
        })
    }
}
