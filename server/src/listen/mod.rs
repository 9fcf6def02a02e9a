//! Where clients come in: addresses, Unix sockets, and sockets that were open when the process began.

mod door;
#[cfg(feature = "inherited")]
mod inherited;
#[cfg(feature = "tls")]
mod secure;
mod stream;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod unix;

use std::{
    io,
    net::{self, SocketAddr},
    os::unix::net::UnixListener,
    path::Path,
};

use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};

#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsError};
use self::unix::SocketFile;
pub(crate) use self::{
    door::{Arrived, Doors},
    stream::Stream,
};

/// A socket that clients connect to, and whether they speak TLS on it.
///
/// Clients that connect wait until the server accepts them; some systems let no more than a number of their own wait, whatever
/// is asked for: on Linux `net.core.somaxconn`, which is 4096 unless set otherwise.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    #[cfg(feature = "tls")]
    tls: Option<Tls>,
}

#[derive(Debug)]
enum Socket {
    /// Bound here, so that it can be had again for another thread.
    Bound(net::TcpListener),
    Given(net::TcpListener),
    /// With the runtime that it was made on.
    Registered(TcpListener),
    Unix(UnixListener, Option<SocketFile>),
}

/// How many clients may wait to be accepted.
const BACKLOG: i32 = 4096;

impl Listener {
    /// Listens on an address; of several, on the first that can be had. `[::]` takes clients of IPv4 as well as of IPv6, and
    /// [`peer`](crate::Exchange::peer) shows the former with their addresses of IPv4. Port 0 is any that is free.
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved, or none can be listened on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        let mut refused = io::Error::from(io::ErrorKind::AddrNotAvailable);
        for address in lookup_host(address).await? {
            match tcp::listen(address, tcp::Port::Alone) {
                Ok(listener) => return Ok(Socket::Bound(listener).into()),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Listens on a Unix socket, which whoever may write to its file can connect to: by the umask of the process most often its
    /// user alone. See [`unix_with_mode`](Self::unix_with_mode).
    ///
    /// A socket's file that nobody listens on any more, left by a process that was killed, is replaced. The file is removed when
    /// the server accepts no more, unless another has taken its place. Such a client has no
    /// [`peer`](crate::Exchange::peer) address.
    ///
    /// # Errors
    ///
    /// When somebody listens on it, when the path is that of another kind of file, and when the file cannot be made.
    pub fn unix(path: impl AsRef<Path>) -> io::Result<Self> {
        unix::listen(path.as_ref(), None).map(Self::of_file)
    }

    /// Listens on a [Unix socket](Self::unix) whose file has this mode, `0o660` for instance, before anybody can connect.
    ///
    /// # Errors
    ///
    /// As for [`unix`](Self::unix), and when the mode cannot be set.
    pub fn unix_with_mode(path: impl AsRef<Path>, mode: u32) -> io::Result<Self> {
        unix::listen(path.as_ref(), Some(mode)).map(Self::of_file)
    }

    fn of_file((listener, file): (UnixListener, SocketFile)) -> Self {
        Socket::Unix(listener, Some(file)).into()
    }

    /// Speaks TLS, and nothing else, with the clients of this listener.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(mut self, tls: &Tls) -> Self {
        self.tls = Some(tls.clone());
        self
    }

    /// The address of the socket, if it has one: a Unix socket has a path.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<Option<SocketAddr>> {
        match &self.socket {
            Socket::Bound(listener) | Socket::Given(listener) => listener.local_addr().map(Some),
            Socket::Registered(listener) => listener.local_addr().map(Some),
            Socket::Unix(..) => Ok(None),
        }
    }

    /// This listener once more, for another thread: a socket of its own on the same address where that can be, which spreads the
    /// clients evenly, else the same socket.
    pub(crate) fn once_more(&self) -> io::Result<Self> {
        let socket = match &self.socket {
            Socket::Bound(listener) => match tcp::beside(listener) {
                Ok(beside) => Socket::Bound(beside),
                Err(error) => {
                    tracing::debug!(%error, "no second socket on the address: the first is shared");
                    Socket::Given(listener.try_clone()?)
                }
            },
            Socket::Given(listener) => Socket::Given(listener.try_clone()?),
            Socket::Registered(listener) => Socket::Given(tcp::same(listener)?),
            Socket::Unix(listener, file) => Socket::Unix(listener.try_clone()?, file.clone()),
        };
        Ok(Self {
            socket,
            #[cfg(feature = "tls")]
            tls: self.tls.clone(),
        })
    }
}

impl From<Socket> for Listener {
    fn from(socket: Socket) -> Self {
        Self {
            socket,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Socket::Registered(listener).into()
    }
}

impl From<net::TcpListener> for Listener {
    fn from(listener: net::TcpListener) -> Self {
        Socket::Given(listener).into()
    }
}

/// Its file is left where it is at the end.
impl From<UnixListener> for Listener {
    fn from(listener: UnixListener) -> Self {
        Socket::Unix(listener, None).into()
    }
}
