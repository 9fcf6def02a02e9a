//! The server: where it listens, what it limits, and how it is started and ended.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use http::Method;
use tokio::net::ToSocketAddrs;

use crate::{
    Listener, Router, Threads,
    answering::Host,
    connection::{Framing, Limits, SocketOffers},
    detached::{self, Detached},
    running::{self, Course, Places, Service, Signals, by_descriptors},
};

/// The least that hyper reads at a time.
const SMALLEST_HEAD: usize = 8 * 1024;
/// Shorter, and a ping would follow the answer to another all the time.
const SHORTEST_PING_INTERVAL: Duration = Duration::from_secs(1);
/// hyper adds it to the time, which must not overflow.
const LONGEST_PING_INTERVAL: Duration = Duration::from_secs(24 * 60 * 60);

/// An HTTP server on one or several listening sockets, for HTTP/1.1 and HTTP/2.
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
/// It can listen in several places at once, and speak TLS in some of them (feature `tls`):
///
/// ```no_run
/// use peristyle_server::{Listener, Server, Threads};
/// # use peristyle_server::{Context, Routes};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// # let router = Routes::new().build()?;
/// Server::on(Listener::bind("[::]:8080").await?)
///     .and(Listener::unix("/run/app/http.sock")?)
///     .threads(Threads::PerCore)
///     .connections_per_peer(64)
///     .serve(router)
///     .await?;
/// # Ok(())
/// # }
/// ```
///
/// | setting | default | why |
/// |---|---|---|
/// | [`threads`](Self::threads) | those of the runtime | a stage that computes for long does not hold up other connections |
/// | [`connections`](Self::connections) | by the limit of descriptors | more would fail, and take files and databases with them |
/// | [`connections_per_peer`](Self::connections_per_peer) | off | many people can share one address, that of a proxy for instance |
/// | `handshake_timeout` (feature `tls`) | 10 s | a client that shakes no hands must not hold its place |
/// | [`head_timeout`](Self::head_timeout) | 10 s | a client that sends no request must not hold its place |
/// | [`keep_alive_timeout`](Self::keep_alive_timeout) | 60 s | an idle connection holds a descriptor and memory |
/// | [`body_timeout`](Self::body_timeout) | 30 s | a client that stops in the middle of its body must not hold a stage: 408 |
/// | [`write_timeout`](Self::write_timeout) | 30 s | a client that reads nothing must not hold what was made for it |
/// | handler | none | what a handler may take is its own: [`Interrupts::after`](crate::Interrupts::after) |
/// | [`grace`](Self::grace) | 30 s | a running exchange may finish; a deployment must not wait for ever |
/// | [`head_limit`](Self::head_limit) | 64 KiB | cookies and tokens fit in it, and a client cannot have more kept; beyond: 431 |
/// | [`headers_limit`](Self::headers_limit) | 100 | each costs more than its bytes; beyond: 431 |
/// | [`target_limit`](Self::target_limit) | 16 KiB | twice what other servers take; a client must not fill the head with it; beyond: 414 |
/// | [`trust_framing`](Self::trust_framing) | off | a request that is malformed, or that a proxy may read differently: 400 |
/// | [`decline_socket_offers`](Self::decline_socket_offers) | off | a body that has the socket costs no task and no buffers, and its client gets the same |
/// | [`allow`](Self::allow) | not TRACE, not CONNECT | few services mean to answer them; otherwise: 501 |
/// | request body | 2 MiB | beyond: 413; see [`RequestBody`](crate::RequestBody) |
/// | closing | 2 s | what a client is still sending is taken and dropped, or it could lose the response |
/// | [`detached`](Self::detached) | 1024 | clients that come, have work detached and leave must not pile it up |
/// | [`streams_limit`](Self::streams_limit) | 256 a connection | bounds what one client of HTTP/2 can have open |
/// | HTTP/2 send buffer | 64 KiB a stream | a slow reader holds little |
/// | HTTP/2 receive window | 1 MiB a connection | what a client may send ahead of who reads it |
/// | HTTP/2 resets | 20 at a time | streams that are opened to be reset: the connection ends |
/// | HTTP/2 resets by this side | 1024 in all | streams on which a client does wrong to have them reset: the connection ends |
/// | HTTP/2 pings, settings, priorities, windows, resets | 10,000, 10 more each second, more with each answer | they cost the processor, and bring nothing: the connection ends with `ENHANCE_YOUR_CALM` |
/// | [`ping_interval`](Self::ping_interval) | 30 s, and 20 s to answer | a peer whose network is gone is noticed |
/// | listen backlog | 4096 | many clients that come at once, after a restart for instance |
/// | TCP keepalive | after 60 s, then each 10 s; on Linux 60 s for what is sent | a peer whose network is gone is noticed |
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Listener>,
    limits: Limits,
    grace: Duration,
    detached: usize,
    threads: Threads,
    connections: Option<usize>,
    connections_per_peer: Option<usize>,
    #[cfg(feature = "tls")]
    handshake_timeout: Duration,
}

impl Server {
    /// Listens on an address, as [`Listener::bind`] does.
    ///
    /// # Errors
    ///
    /// When the address cannot be resolved, or none can be listened on.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn bind(address: impl ToSocketAddrs) -> io::Result<Self> {
        Listener::bind(address).await.map(Self::on)
    }

    /// Serves on a listener, or on a socket that listens already.
    pub fn on(listener: impl Into<Listener>) -> Self {
        Self {
            listeners: vec![listener.into()],
            limits: Limits::default(),
            grace: Duration::from_secs(30),
            detached: detached::LIMIT,
            threads: Threads::default(),
            connections: None,
            connections_per_peer: None,
            #[cfg(feature = "tls")]
            handshake_timeout: Duration::from_secs(10),
        }
    }

    /// Serves on one listener more.
    #[must_use]
    pub fn and(mut self, listener: impl Into<Listener>) -> Self {
        self.listeners.push(listener.into());
        self
    }

    /// Sets on which threads the server works. Default is [`Threads::Shared`]: those of the runtime that it is started on.
    ///
    /// Threads of the server's own have each a socket on every address that the server has [bound](Listener::bind), among which
    /// the system spreads the clients (`SO_REUSEPORT`): while it serves, another process of the same user can listen there too.
    /// They share a Unix socket, and one that was given or inherited. All limits are those of the whole server. What a stage
    /// spawns runs on the thread of its connection, and is dropped with it at the end.
    #[must_use]
    pub fn threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Sets how many connections there may be at a time, on all listeners, at least one. With as many the server accepts no more
    /// until one ends: the rest wait in the queues of its sockets, and the system turns away those who find them full.
    /// Default is what the process may have open (the soft `RLIMIT_NOFILE`, when it begins to serve) less an eighth and at
    /// least 32, but never less than half: 896 of 1024.
    #[must_use]
    pub fn connections(mut self, limit: usize) -> Self {
        self.connections = Some(limit);
        self
    }

    /// Sets how many connections one peer may have at a time, at least one: an address of IPv4, or a network of IPv6 with a prefix
    /// of 64 bits. One more is closed at once. Unix sockets do not count. Default is no limit.
    #[must_use]
    pub fn connections_per_peer(mut self, limit: usize) -> Self {
        self.connections_per_peer = Some(limit);
        self
    }

    /// Sets how long a client may take for the handshake of TLS. Its connection is closed then. Default is 10 seconds.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Sets how long a client may take to send the head of a request: over HTTP/1.1 from its first byte to its last, else the
    /// answer is 408 and the connection is closed. What came of it behind the request before is counted from the end of that
    /// response, as part of what is [kept alive](Self::keep_alive_timeout) where the framing is [trusted](Self::trust_framing).
    /// Counted from the connection's beginning, for both protocols, it is the time
    /// in which the first request must have come: a connection of which no request has begun is closed without an answer.
    /// Default is 10 seconds.
    #[must_use]
    pub fn head_timeout(mut self, timeout: Duration) -> Self {
        self.limits.head_timeout = timeout;
        self
    }

    /// Sets how long a connection that is kept alive may be without a request; then it is closed, over HTTP/2 with GOAWAY. It is
    /// not while the body of a request is still being read, though the response has been sent.
    /// Default is 60 seconds, which is longer than most proxies keep theirs.
    #[must_use]
    pub fn keep_alive_timeout(mut self, timeout: Duration) -> Self {
        self.limits.keep_alive_timeout = timeout;
        self
    }

    /// Sets how long the next piece of a request's body may take while a stage reads it; else reading fails with a
    /// [`BodyError`](crate::BodyError) that is answered with 408. Default is 30 seconds.
    #[must_use]
    pub fn body_timeout(mut self, timeout: Duration) -> Self {
        self.limits.body_timeout = timeout;
        self
    }

    /// Sets how long a client may take nothing of what is being sent to it; then the connection is cut off, over HTTP/2 the
    /// stream that its client does not read. A stream that has nothing to send is not limited. Over TLS what waits there, up to
    /// 64 KiB, must be taken whole in that time. Default is 30 seconds.
    #[must_use]
    pub fn write_timeout(mut self, timeout: Duration) -> Self {
        self.limits.write_timeout = timeout;
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

    /// Sets how many bytes the head of a request may have, at least 8 KiB: over HTTP/1.1 as they are sent, over HTTP/2 its names and
    /// values and 32 for each (RFC 9113, section 10.5.1). A longer one is answered with 431 (RFC 6585, section 5), and over HTTP/1.1 the
    /// connection is closed. A client that goes on all the same over HTTP/2 loses its connection. Default is 64 KiB.
    #[must_use]
    pub fn head_limit(mut self, bytes: usize) -> Self {
        self.limits.head_bytes = bytes.max(SMALLEST_HEAD);
        self
    }

    /// Sets how many headers a request may have. One with more is answered with 431 (RFC 6585, section 5), and over HTTP/1.1 the
    /// connection is closed. Default is 100.
    #[must_use]
    pub fn headers_limit(mut self, count: usize) -> Self {
        self.limits.headers = count;
        self
    }

    /// Sets how many requests of HTTP/2 one connection may have open at a time, at least one. A client is told so, and waits before it
    /// sends one more; the stream of one that does not wait is reset with `REFUSED_STREAM` (RFC 9113, section 5.1.2). Default is 256.
    #[must_use]
    pub fn streams_limit(mut self, count: u32) -> Self {
        self.limits.streams = count.max(1);
        self
    }

    /// Sets after what time without a byte from a client of HTTP/2 it is sent a ping (RFC 9113, section 6.7): from a second to a day.
    /// A client that does not answer within 20 seconds is gone. Default is 30 seconds.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.limits.ping_interval = interval.clamp(SHORTEST_PING_INTERVAL, LONGEST_PING_INTERVAL);
        self
    }

    /// Leaves HTTP/1.1 requests as hyper reads them. By default a guard reads them first, and answers with 400 and closes the
    /// connection when a request has not exactly one valid `Host`, both a length and chunks, more than one length, a coding
    /// other than `chunked`, a line that ends with LF alone, a folded line, a control byte, or a target that its method does not have
    /// (RFC 9112). hyper takes some of these, and a proxy before it may take them differently: what one of them reads as a body
    /// the other reads as the next request.
    ///
    /// A request over HTTP/2 is answered with 400 when it names no host, more than one, or an invalid one (RFC 9113, section 8.3.1), and this
    /// leaves those to the routes, too.
    ///
    /// This is for servers that can only be reached through a proxy which refuses the same, or makes each request anew.
    #[must_use]
    pub fn trust_framing(mut self) -> Self {
        self.limits.framing = Framing::Trusted;
        self
    }

    /// Sends every response's body over the connection itself. By default a body that can write itself to the socket, as those of
    /// the feeds of `peristyle-sse` can, is handed it once the head is written, over HTTP/1 on a plain TCP connection: its client
    /// then costs no task and no buffers. What the client gets is the same; all limits hold there, too.
    ///
    /// It is for comparing the two, and a way out.
    #[must_use]
    pub fn decline_socket_offers(mut self) -> Self {
        self.limits.offers = SocketOffers::Declined;
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

    /// The first address that the server listens on.
    ///
    /// # Errors
    ///
    /// When the system does not say, and when there are only Unix sockets.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        let addresses = self.local_addrs()?;
        addresses
            .first()
            .copied()
            .ok_or_else(|| io::ErrorKind::AddrNotAvailable.into())
    }

    /// The addresses that the server listens on, in the order of its listeners. Unix sockets have none.
    ///
    /// # Errors
    ///
    /// When the system does not say.
    pub fn local_addrs(&self) -> io::Result<Vec<SocketAddr>> {
        let addresses = self.listeners.iter().map(Listener::local_addr);
        addresses.filter_map(Result::transpose).collect()
    }

    /// Serves until the process gets SIGINT or SIGTERM, then shuts down; a second signal ends the grace at once.
    ///
    /// # Errors
    ///
    /// When the signals cannot be listened for, and as for [`serve_until`](Self::serve_until).
    ///
    /// # Cancel safety
    ///
    /// As for [`serve_until`](Self::serve_until).
    pub async fn serve(self, router: Router) -> io::Result<()> {
        let mut signals = Signals::listen()?;
        let end = async {
            signals.next().await;
            Some(signals)
        };
        self.run(router, end).await
    }

    /// Serves until `end` resolves, then shuts down: accepts no more, closes idle connections, tells streams to drain, and
    /// lets running exchanges finish within the [grace](Self::grace). A client that had connected before, and waited to be
    /// accepted, is served if there is a place for it.
    ///
    /// # Errors
    ///
    /// When the runtime cannot take a listener, and when a [thread](Self::threads) cannot be started; those that have been are
    /// ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops every connection. [Threads](Self::threads) of the server do so soon after.
    pub async fn serve_until(
        self,
        router: Router,
        end: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let end = async {
            end.await;
            None
        };
        self.run(router, end).await
    }

    async fn run(
        self,
        router: Router,
        end: impl Future<Output = Option<Signals>>,
    ) -> io::Result<()> {
        let connections = self.connections.unwrap_or_else(by_descriptors);
        let places = Places::new(connections, self.connections_per_peer);
        let detached = Detached::new(self.detached);
        let (course, shutdown) = Course::new(detached.clone(), places.clone(), self.grace);
        let service = Service {
            router,
            limits: Arc::new(self.limits),
            host: Host { shutdown, detached },
            places,
            #[cfg(feature = "tls")]
            handshake_timeout: self.handshake_timeout,
        };
        running::run(self.listeners, self.threads, service, course, end).await
    }
}
