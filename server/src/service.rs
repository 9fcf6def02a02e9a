//! A router as a service, for other servers than this one.

use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Buf;
use http::Request;
use peristyle_core::{BoxError, BoxFuture, Control};

use crate::{
    Body, RequestBody, Response, Router, Shutdown,
    activity::Activity,
    answering::Host,
    detached::{self, Detached},
    outgoing::Outgoing,
    shutdown::{Announcer, Phase},
    streams::Streams,
};

/// A [`Router`] as a service of hyper, and, with the feature `tower`, of tower: for a server of hyper's, for axum, or for
/// whatever else takes one. Cheap to clone.
///
/// It answers requests with any `http_body::Body` of bytes, is always ready, and never fails. The walk, the errors and the
/// framing rules are those of [`Server`](crate::Server); the connection is the other server's, with its limits and time-outs.
///
/// ```no_run
/// use hyper::server::conn::http1;
/// use hyper_util::rt::TokioIo;
/// use peristyle_server::{RouterService, Routes, handler};
/// use tokio::net::TcpListener;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new().get("/", handler(|| "hello")).build()?;
/// let service: RouterService = router.into_service();
/// let listener = TcpListener::bind("127.0.0.1:8080").await?;
/// let (socket, _) = listener.accept().await?;
/// http1::Builder::new().serve_connection(TokioIo::new(socket), service.clone()).await?;
/// service.finished().await;
/// # Ok(())
/// # }
/// ```
///
/// # What the other server is asked for
///
/// - It drops the future, or the body, of a client that has left; stages and producers learn it then.
/// - A body that fails must not look complete. hyper cuts the connection off, or resets the stream; over HTTP/1.1 what the body
///   yielded just before may be lost.
/// - It gives each request the address of its client as the extension [`Peer`]. Without it [`Exchange::peer`] is `None`.
/// - A request that has a [`Shutdown`] as an extension, as one that comes from another router has, is told by that one, any
///   other by [`drain`](Self::drain).
/// - TRACE and CONNECT reach the routes, unless it refuses them.
///
/// # Detached executions
///
/// Executions that were [detached](peristyle_core::Context::detach) belong to the service and its clones. At most 1024 go on at
/// a time, unless [`detached`](Self::detached) says otherwise. Keep a clone and await [`finished`](Self::finished) after the other
/// server has ended: dropping the last clone cancels them.
///
/// [`Exchange::peer`]: crate::Exchange::peer
#[derive(Debug, Clone)]
pub struct RouterService {
    router: Router,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    phase: Announcer,
    host: Host,
    streams: Streams,
}

impl Router {
    /// The router as a service for another server than [`Server`](crate::Server): see [`RouterService`].
    pub fn into_service(self) -> RouterService {
        let (phase, shutdown) = Shutdown::channel();
        let detached = Detached::new(detached::LIMIT);
        RouterService {
            router: self,
            shared: Arc::new(Shared {
                phase,
                host: Host { shutdown, detached },
                streams: Streams::default(),
            }),
        }
    }
}

impl RouterService {
    /// Sets how many [detached](peristyle_core::Context::detach) executions may go on at a time after their clients have left;
    /// one more is cancelled. It holds for all clones. Default is 1024.
    #[must_use]
    pub fn detached(self, limit: usize) -> Self {
        self.shared.host.detached.set_limit(limit);
        self
    }

    /// Tells all exchanges, now and from now on, that the server shuts down, and asks all streams to end, as their own policies
    /// say. Call it when the other server begins to drain: it would wait for event streams for ever. Requests are still answered.
    ///
    /// How much grace there is only the other server knows, so that
    /// [`Interrupts::on_shutdown`](crate::Interrupts::on_shutdown) does nothing here.
    pub fn drain(&self) {
        self.shared.phase.announce(Phase::Draining);
        self.shared.streams.drain();
    }

    /// Waits until no [detached](peristyle_core::Context::detach) execution runs any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn finished(&self) {
        self.shared.host.detached.finished().await;
    }

    /// Whoever calls the service polls this, or drops it when the client leaves.
    fn answer<B>(&self, request: Request<B>) -> BoxFuture<'static, Result<Response, Infallible>>
    where
        B: http_body::Body<Data: Buf> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let service = self.clone();
        let request = request.map(RequestBody::foreign);
        Box::pin(async move { Ok(service.respond(request).await) })
    }

    async fn respond(self, request: Request<RequestBody>) -> Response {
        let peer = request.extensions().get().map(|Peer(address)| *address);
        let Host { shutdown, detached } = &self.shared.host;
        let nearest = request.extensions().get().unwrap_or(shutdown);
        let site = self.router.site(nearest.clone(), peer);
        let (ongoing, line) = Activity::default().begin();
        let (head, body) = request.into_parts();
        let answering = self.router.handle(head, body, site, detached.clone(), line);
        let answered = answering.await.into_answered();
        if let Some(control) = answered.response.extensions().get::<Control>() {
            self.shared.streams.add(control);
        }
        Outgoing::respond(answered, ongoing).map(Body::new)
    }
}

impl<B> hyper::service::Service<Request<B>> for RouterService
where
    B: http_body::Body<Data: Buf> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn call(&self, request: Request<B>) -> Self::Future {
        self.answer(request)
    }
}

#[cfg(feature = "tower")]
impl<B> tower_service::Service<Request<B>> for RouterService
where
    B: http_body::Body<Data: Buf> + Send + 'static,
    B::Error: Into<BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.answer(request)
    }
}

/// The address of a request's client, as one of the request's extensions.
///
/// Another server puts it there for a [`RouterService`]. A request to a tower service that is mounted in a router has it where
/// the address is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is built and taken apart by its field"
)]
pub struct Peer(pub SocketAddr);
