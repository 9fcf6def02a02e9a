//! The server: a listening socket, its connections, and an orderly end.

use std::{future::Future, io, net::SocketAddr, pin::pin, time::Duration};

use http::Method;
use socket2::{SockRef, TcpKeepalive};
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream, ToSocketAddrs, lookup_host},
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{
    Router, Shutdown,
    connection::{self, Framing, Limits, REFUSED},
    detached::{self, Detached},
    router::Host,
    shutdown::Phase,
};

/// An HTTP server on one listening socket, for HTTP/1.1 and HTTP/2 without TLS.
///
/// ```no_run
/// use peristyle_core::handler;
/// use peristyle_server::{Context, Routes, Server};
///
/// async fn hello(_: &mut Context) -> &'static str {
///     "hello\n"
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new().get("/", handler(hello)).build()?;
/// Server::bind("127.0.0.1:8080").await?.serve(router).await?;
/// # Ok(())
/// # }
/// ```
///
/// | setting | default | why |
/// |---|---|---|
/// | [`head_timeout`](Self::head_timeout) | 10 s | a client that sends no request must not hold its place |
/// | [`grace`](Self::grace) | 30 s | a running exchange may finish; a deployment must not wait for ever |
/// | request head | 64 KiB, 100 headers | beyond: 431 |
/// | [`target_limit`](Self::target_limit) | 16 KiB | twice what other servers take; a client must not fill the head with it; beyond: 414 |
/// | [`trust_framing`](Self::trust_framing) | off | a request that is malformed, or that a proxy may read differently: 400 |
/// | [`allow`](Self::allow) | not TRACE, not CONNECT | few services mean to answer them; otherwise: 501 |
/// | request body | 2 MiB | beyond: 413; see [`RequestBody`](crate::RequestBody) |
/// | closing | 2 s | what a client is still sending is taken and dropped, or it could lose the response |
/// | [`detached`](Self::detached) | 1024 | clients that come, have work detached and leave must not pile it up |
/// | HTTP/2 streams | 256 a connection | bounds what one client can have open |
/// | HTTP/2 send buffer | 64 KiB a stream | a slow reader holds little |
/// | listen backlog | 4096 | many clients that come at once, after a restart for instance |
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    limits: Limits,
    grace: Duration,
    detached: usize,
}

const BACKLOG: u32 = 4096;
/// A peer whose network is gone is noticed after `KEEPALIVE_IDLE` + 3 × `KEEPALIVE_INTERVAL`, or when data stays
/// unacknowledged for `USER_TIMEOUT`.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
#[cfg(target_os = "linux")]
const USER_TIMEOUT: Duration = Duration::from_secs(60);

impl Server {
    /// Listens on an address; of several, on the first that can be had.
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
            match listen(address) {
                Ok(listener) => return Ok(Self::on(listener)),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Serves on a socket that listens already.
    pub fn on(listener: TcpListener) -> Self {
        Self {
            listener,
            limits: Limits {
                head_timeout: Duration::from_secs(10),
                head_bytes: 64 * 1024,
                headers: 100,
                target_bytes: 16 * 1024,
                framing: Framing::Guarded,
                refused: REFUSED.into(),
            },
            grace: Duration::from_secs(30),
            detached: detached::LIMIT,
        }
    }

    /// Sets how long a client may take to send the head of a request over HTTP/1.1, counted from the end of the response
    /// before: a connection that is kept alive may be idle for no longer. A new connection has this time twice, first to show
    /// which protocol it speaks; that is all that counts over HTTP/2. The connection is closed without an answer. Default is
    /// 10 seconds.
    #[must_use]
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.limits.head_timeout = timeout;
        self
    }

    /// Sets how long exchanges may go on after a shutdown began; what is left then is cut off. A stage that blocks its thread
    /// cannot be cut off: it is given up after one more second. Default is 30 seconds.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how many [detached](peristyle_core::Context::detach) executions may go on at a time after their clients have left;
    /// one more is cancelled. Those that run when the server shuts down are waited for like exchanges. Default is 1024.
    #[must_use]
    pub fn detached(mut self, limit: usize) -> Self {
        self.detached = limit;
        self
    }

    /// Sets how many bytes the target of a request may have: its path and query, and over HTTP/1.1 a scheme and host before them.
    /// A longer one is answered with 414 (RFC 9110, section 15.5.15), and over HTTP/1.1 the connection is closed. Where a target
    /// alone is beyond the limit of the whole head, it is a 431 over HTTP/2 and when the [framing is
    /// trusted](Self::trust_framing). Default is 16 KiB.
    #[must_use]
    pub fn target_limit(mut self, bytes: usize) -> Self {
        self.limits.target_bytes = bytes;
        self
    }

    /// Leaves HTTP/1.1 requests as hyper reads them. By default a guard reads them first, and answers with 400 and closes the
    /// connection when a request has not exactly one valid `Host`, both a length and chunks, more than one length, a coding
    /// other than `chunked`, a line that ends with LF alone, a folded line, a control byte, or a target that its method does not have
    /// (RFC 9112). hyper takes some of these, and a proxy before it may take them differently: what one of them reads as a body
    /// the other reads as the next request.
    ///
    /// This is for servers that can only be reached through a proxy which refuses the same, or makes each request anew.
    #[must_use]
    pub fn trust_framing(mut self) -> Self {
        self.limits.framing = Framing::Trusted;
        self
    }

    /// Lets a method through to the routes that is otherwise answered with 501: `TRACE`, which shows what was added to a request
    /// on its way, credentials too, or `CONNECT`, which asks for a tunnel. Every other method is let through anyway.
    #[must_use]
    pub fn allow(mut self, method: &Method) -> Self {
        let refused = self.limits.refused.iter();
        self.limits.refused = refused
            .filter(|refused| *refused != method)
            .cloned()
            .collect();
        self
    }

    /// The address that the server listens on.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until the process gets SIGINT or SIGTERM, then shuts down; a second signal ends the grace at once.
    ///
    /// # Errors
    ///
    /// When the signals cannot be listened for.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops every connection.
    pub async fn serve(self, router: Router) -> io::Result<()> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut asked = async || {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        };
        let mut running = Running::new(&self, router);
        running.accept(&self.listener, asked()).await;
        drop(self.listener);
        running.drain(self.grace, asked()).await;
        Ok(())
    }

    /// Serves until `end` resolves, then shuts down: accepts no more, closes idle connections, tells streams to drain, and
    /// lets running exchanges finish within the [grace](Self::grace).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops every connection.
    pub async fn serve_until(self, router: Router, end: impl Future<Output = ()>) {
        let mut running = Running::new(&self, router);
        running.accept(&self.listener, end).await;
        drop(self.listener);
        running.drain(self.grace, std::future::pending()).await;
    }
}

/// A server at work: it owns the task of each connection.
struct Running {
    router: Router,
    limits: Limits,
    phase: watch::Sender<Phase>,
    host: Host,
    connections: JoinSet<()>,
}

impl Running {
    fn new(server: &Server, router: Router) -> Self {
        let (phase, shutdown) = Shutdown::channel();
        Self {
            router,
            limits: server.limits.clone(),
            phase,
            host: Host {
                shutdown,
                detached: Detached::new(server.detached),
            },
            connections: JoinSet::new(),
        }
    }

    async fn accept(&mut self, listener: &TcpListener, end: impl Future<Output = ()>) {
        let mut end = pin!(end);
        let mut pause = FIRST_PAUSE;
        loop {
            let accepted = tokio::select! {
                () = end.as_mut() => return,
                Some(ended) = self.connections.join_next() => {
                    report(ended);
                    continue;
                }
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    pause = FIRST_PAUSE;
                    self.connect(stream, peer);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, ?pause, "cannot accept connections");
                    tokio::select! {
                        () = end.as_mut() => return,
                        () = sleep(pause) => pause = LONGEST_PAUSE.min(pause * 2),
                    }
                }
            }
        }
    }

    fn connect(&mut self, stream: TcpStream, peer: SocketAddr) {
        if let Err(error) = configure(&stream) {
            return tracing::debug!(%error, "connection lost before it was served");
        }
        let (router, limits) = (self.router.clone(), self.limits.clone());
        let host = self.host.clone();
        let connection = connection::serve(stream, Some(peer), router, limits, host);
        self.connections.spawn(connection);
    }

    /// Lets the connections finish within `grace`, or until `force`; then drops them.
    async fn drain(mut self, grace: Duration, force: impl Future<Output = ()>) {
        self.phase.send_replace(Phase::Draining);
        tokio::select! {
            () = self.end_within(grace) => {}
            () = force => {}
        }
        self.phase.send_replace(Phase::Forced);
        self.host.detached.close();
        if timeout(LAST, self.finished()).await.is_err() {
            let left = self.connections.len();
            tracing::error!(left, "connections are given up: their stages block");
        }
    }

    /// Interrupts what can be interrupted when little is left of `grace`.
    async fn end_within(&mut self, grace: Duration) {
        let ending = LONGEST_ENDING.min(grace / 10);
        if timeout(grace.saturating_sub(ending), self.finished())
            .await
            .is_err()
        {
            self.phase.send_replace(Phase::Ending);
            let _late = timeout(ending, self.finished()).await;
        }
    }

    async fn finished(&mut self) {
        while let Some(ended) = self.connections.join_next().await {
            report(ended);
        }
        self.host.detached.finished().await;
    }
}

/// Enough to render an error and write it.
const LONGEST_ENDING: Duration = Duration::from_secs(1);

/// More than a task that can be cut off needs to end.
const LAST: Duration = Duration::from_secs(1);

/// Out of descriptors or memory: others give some back in time, and trying at once would spin.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Whether only the connection that was to be accepted is lost.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Small writes leave at once, and a peer whose network is gone is noticed.
fn configure(stream: &TcpStream) -> io::Result<()> {
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

#[cfg(test)]
mod tests {
    use peristyle_core::handler;

    use super::*;
    use crate::{Context, Routes};

    #[tokio::test]
    async fn the_accepted_socket_has_the_options_that_a_server_needs() {
        let routes = Routes::new().get("/", handler(|_: &mut Context| ()));
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        let client = TcpStream::connect(address).await.unwrap();
        let (stream, peer) = server.listener.accept().await.unwrap();
        let socket = SockRef::from(&stream).try_clone().unwrap();
        let mut running = Running::new(&server, routes.build().unwrap());
        running.connect(stream, peer);
        assert!(socket.tcp_nodelay().unwrap());
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap().as_secs(), 60);
        assert_eq!(socket.tcp_keepalive_interval().unwrap().as_secs(), 10);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), 3);
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(USER_TIMEOUT));
        drop(client);
    }

    /// A closed connection keeps its place in the queue until it is accepted, so that few descriptors are needed.
    #[tokio::test]
    async fn two_thousand_clients_can_wait_to_be_accepted() {
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        let address = server.local_addr().unwrap();
        for _ in 0..2000 {
            let connected = timeout(Duration::from_secs(20), TcpStream::connect(address)).await;
            connected.unwrap().unwrap();
        }
    }
}
