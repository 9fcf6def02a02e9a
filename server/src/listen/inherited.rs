//! Sockets that the process was started with.

use std::{
    env, io, net,
    os::unix::net::UnixListener,
    process,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use listenfd::ListenFd;
use socket2::SockRef;

use super::{Listener, Socket};

/// What the process inherited, of which each can be taken once.
static INHERITED: OnceLock<Mutex<Inherited>> = OnceLock::new();

struct Inherited {
    sockets: ListenFd,
    names: Vec<String>,
}

impl Listener {
    /// Takes a listening socket that the process was started with, as systemd's socket units do; the first is 0. It is one of
    /// TCP or a Unix socket, whose file is left where it is at the end.
    ///
    /// `LISTEN_PID` must be this process and `LISTEN_FDS` say how many there are (`sd_listen_fds(3)`). The first call removes both
    /// from the environment, so that no child takes them for its own: make it before there are threads that read the
    /// environment other than through [`std::env`](mod@std::env).
    ///
    /// # Errors
    ///
    /// When there is no such socket, when it was taken before, and when it does not listen or is of another kind.
    pub fn inherited(index: usize) -> io::Result<Self> {
        Inherited::lock().take(index)
    }

    /// Takes the first [inherited](Self::inherited) socket that has this name in `LISTEN_FDNAMES` and was not taken before: one unit
    /// can have several sockets under one name.
    ///
    /// # Errors
    ///
    /// As for [`inherited`](Self::inherited).
    pub fn inherited_as(name: &str) -> io::Result<Self> {
        Inherited::lock().take_named(name)
    }
}

impl Inherited {
    fn lock() -> MutexGuard<'static, Self> {
        let inherited = INHERITED.get_or_init(|| Mutex::new(Self::from_env()));
        inherited.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn from_env() -> Self {
        let names = env::var("LISTEN_FDNAMES").unwrap_or_default();
        // The crate would take sockets that are meant for no process in particular as well.
        let is_meant = env::var("LISTEN_PID").is_ok_and(|id| id == process::id().to_string());
        let sockets = if is_meant {
            ListenFd::from_env()
        } else {
            ListenFd::empty()
        };
        Self {
            sockets,
            names: names.split(':').map(ToOwned::to_owned).collect(),
        }
    }

    fn take_named(&mut self, name: &str) -> io::Result<Listener> {
        let named = |index: &usize| self.names.get(*index).is_some_and(|it| it == name);
        let indexes: Vec<_> = (0..self.sockets.len()).filter(named).collect();
        let mut refused = none();
        for index in indexes {
            match self.take(index) {
                Ok(listener) => return Ok(listener),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    fn take(&mut self, index: usize) -> io::Result<Listener> {
        let tcp = self.sockets.take_tcp_listener(index);
        if let Ok(listener) = tcp {
            return tcp_listener(listener.ok_or_else(none)?);
        }
        let listener = self.sockets.take_unix_listener(index)?;
        unix_listener(listener.ok_or_else(none)?)
    }
}

fn none() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "no such socket was inherited")
}

fn tcp_listener(listener: net::TcpListener) -> io::Result<Listener> {
    must_listen(&SockRef::from(&listener))?;
    Ok(Socket::Given(listener).into())
}

fn unix_listener(listener: UnixListener) -> io::Result<Listener> {
    must_listen(&SockRef::from(&listener))?;
    Ok(Socket::Unix(listener, None).into())
}

fn must_listen(socket: &socket2::Socket) -> io::Result<()> {
    if socket.is_listener()? {
        return Ok(());
    }
    let why = "the inherited socket does not listen";
    Err(io::Error::new(io::ErrorKind::InvalidInput, why))
}
