//! Sockets of TCP, and their options.

use std::{
    future::Future,
    io,
    net::{SocketAddr, TcpListener},
    time::Duration,
};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::TcpStream;

use super::BACKLOG;

/// A peer whose network is gone is noticed after `KEEPALIVE_IDLE` + 3 × `KEEPALIVE_INTERVAL`, or when data stays
/// unacknowledged for `USER_TIMEOUT`.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(60);

/// Whether other sockets may listen on the same port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Port {
    Alone,
    Shared,
}

pub(super) fn listen(address: SocketAddr, port: Port) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM, Some(Protocol::TCP))?;
    if address.ip().is_unspecified() && address.is_ipv6() {
        // Systems differ, and can be set, in what they do unasked.
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(port == Port::Shared)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// A second socket on the address of the first, which lets others onto its port from here on: had it done so before, a second
/// server on the port would not have been an error.
pub(super) fn beside(first: &TcpListener) -> io::Result<TcpListener> {
    SockRef::from(first).set_reuse_port(true)?;
    listen(first.local_addr()?, Port::Shared)
}

/// The same socket, apart from the runtime that it is registered with.
pub(super) fn same(listener: &tokio::net::TcpListener) -> io::Result<TcpListener> {
    Ok(SockRef::from(listener).try_clone()?.into())
}

/// Small writes leave at once, and a peer whose network is gone is noticed.
pub(super) fn configure(stream: &TcpStream) -> io::Result<()> {
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(3);
    let socket = SockRef::from(stream);
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_keepalive(&keepalive)?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(USER_TIMEOUT))?;
    Ok(())
}

/// Resolves when no byte that was written waits for the peer to have room for it, or nobody knows.
///
/// A second descriptor is registered with the runtime: of the first it is known already that more can be written.
pub(super) fn sent(stream: &TcpStream) -> impl Future<Output = ()> + Send + 'static {
    let again = writable_when_sent(stream);
    async {
        match again {
            Ok(again) => drop(again.writable().await),
            Err(error) => tracing::debug!(%error, "what was not sent yet is lost"),
        }
    }
}

fn writable_when_sent(stream: &TcpStream) -> io::Result<TcpStream> {
    let socket = SockRef::from(stream);
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(1)?;
    TcpStream::from_std(socket.try_clone()?.into())
}

/// Makes its end a reset, which drops what was not sent.
pub(super) fn reset(stream: &TcpStream) {
    // It fails only when there is nothing left to reset.
    let _gone = SockRef::from(stream).set_linger(Some(Duration::ZERO));
}

#[cfg(test)]
mod tests {
    use std::{fs, net::TcpStream as Client, os::fd::AsRawFd, path::PathBuf};

    use super::*;
    use crate::listen::{Listener, Socket};

    #[tokio::test]
    async fn the_accepted_socket_has_the_options_that_a_server_needs() {
        let listener = listen("127.0.0.1:0".parse().unwrap(), Port::Alone).unwrap();
        let _client = Client::connect(listener.local_addr().unwrap()).unwrap();
        let (stream, _) = listener.accept().unwrap();
        stream.set_nonblocking(true).unwrap();
        let stream = TcpStream::from_std(stream).unwrap();
        configure(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 60);
        assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), 10);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
    }

    /// A closed connection keeps its place in the queue until it is accepted, so that few descriptors are needed.
    #[test]
    fn two_thousand_clients_can_wait_to_be_accepted() {
        let listener = listen("127.0.0.1:0".parse().unwrap(), Port::Alone).unwrap();
        let address = listener.local_addr().unwrap();
        for _ in 0..2000 {
            Client::connect_timeout(&address, Duration::from_secs(20)).unwrap();
        }
    }

    fn identity(socket: &impl AsRawFd) -> PathBuf {
        fs::read_link(format!("/proc/self/fd/{}", socket.as_raw_fd())).unwrap()
    }

    #[tokio::test]
    async fn each_thread_has_a_socket_of_its_own_on_an_address_and_shares_what_was_given() {
        let bound = Listener::bind("127.0.0.1:0").await.unwrap();
        let more = bound.once_more().unwrap();
        assert_eq!(bound.local_addr().unwrap(), more.local_addr().unwrap());
        let (Socket::Bound(first), Socket::Bound(second)) = (&bound.socket, &more.socket) else {
            panic!("{more:?}");
        };
        assert_ne!(identity(first), identity(second));

        let given = listen("127.0.0.1:0".parse().unwrap(), Port::Alone).unwrap();
        let given = Listener::from(given);
        let more = given.once_more().unwrap();
        let (Socket::Given(first), Socket::Given(second)) = (&given.socket, &more.socket) else {
            panic!("{more:?}");
        };
        assert_eq!(identity(first), identity(second));
    }

    #[test]
    fn an_address_that_is_listened_on_cannot_be_had_by_another_server() {
        let listener = listen("127.0.0.1:0".parse().unwrap(), Port::Alone).unwrap();
        let address = listener.local_addr().unwrap();
        for port in [Port::Alone, Port::Shared] {
            let error = listen(address, port).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        }
    }
}
