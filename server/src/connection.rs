//! One connection: which protocol it speaks, and how it is driven to its end.

use std::{
    convert::Infallible,
    error::Error as _,
    future::Future,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use peristyle_core::{BoxFuture, Control, End};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::timeout,
};

use crate::{
    Problem, RequestBody, Router, Shutdown,
    guard::Guard,
    lifeline::Lifeline,
    outgoing::{Flushes, Outgoing},
    request_body::Unread,
    router::Host,
    shutdown::Phase,
    wire::{Protocol, Wire, detect},
};

/// The limits of a connection; [`Server`](crate::Server) documents them.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) head_timeout: Duration,
    pub(crate) head_bytes: usize,
    pub(crate) headers: usize,
    pub(crate) target_bytes: usize,
    pub(crate) framing: Framing,
    /// Methods that are not implemented unless they are allowed.
    pub(crate) refused: Arc<[Method]>,
}

/// Whether requests over HTTP/1.1 pass the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Guarded,
    Trusted,
}

/// TRACE shows whoever can send it what others added to the request; CONNECT makes a tunnel.
pub(crate) const REFUSED: &[Method] = &[Method::TRACE, Method::CONNECT];

/// What a slow reader of an HTTP/2 stream holds at most.
const SEND_BUFFER: usize = 64 * 1024;
const STREAMS: u32 = 256;
/// A year: a deadline that is farther away than the clock goes would be a panic in hyper.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Serves one connection to its end. Peers that leave are no errors.
pub(crate) async fn serve<I>(
    mut io: I,
    peer: Option<SocketAddr>,
    router: Router,
    limits: Limits,
    host: Host,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let shutdown = host.shutdown.clone();
    // Here and in `drive` what the client sent goes first: a request that came before the shutdown is answered.
    let detected = tokio::select! {
        biased;
        detected = timeout(limits.head_timeout, detect(&mut io)) => detected,
        () = shutdown.requested() => return,
    };
    let (protocol, start) = match detected {
        Ok(Ok(detected)) => detected,
        Ok(Err(error)) => return tracing::debug!(%error, "connection failed"),
        Err(_) => return tracing::debug!("no request came in time"),
    };
    let flushes = Flushes::watched();
    let unread = Unread::default();
    let guarded = protocol == Protocol::Http1 && limits.framing == Framing::Guarded;
    let guard = guarded.then(|| Guard::new(limits.target_bytes));
    let wire = Wire::new(io, start, flushes.clone(), unread.clone(), guard);
    let io = TokioIo::new(wire);
    let exchanges = Exchanges {
        router,
        peer,
        host,
        flushes,
        unread,
        limits: limits.clone(),
        streams: Streams::default(),
    };
    let streams = exchanges.streams.clone();
    let result = match protocol {
        Protocol::Http1 => {
            let connection = http1(&limits).serve_connection(io, exchanges);
            drive(
                connection,
                http1::Connection::graceful_shutdown,
                &streams,
                &shutdown,
            )
            .await
        }
        Protocol::Http2 => {
            let tasks = Tasks::default();
            let connection = http2(&limits, tasks.executor()).serve_connection(io, exchanges);
            drive(
                connection,
                http2::Connection::graceful_shutdown,
                &streams,
                &shutdown,
            )
            .await
        }
    };
    if let Err(error) = result {
        let cause = error.source().map(ToString::to_string);
        tracing::debug!(%error, cause, "connection ended early");
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout.min(LONGEST))
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers);
    builder
}

fn http2(limits: &Limits, executor: TaskExecutor) -> http2::Builder<TaskExecutor> {
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(STREAMS);
    builder
}

/// Polls a connection until it ends, tells it when the server drains, and drops it when the deadline has passed.
async fn drive<C>(
    connection: C,
    wind_down: fn(Pin<&mut C>),
    streams: &Streams,
    shutdown: &Shutdown,
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        biased;
        result = connection.as_mut() => return result,
        () = shutdown.requested() => {}
    }
    wind_down(connection.as_mut());
    streams.drain();
    tokio::select! {
        result = connection => result,
        () = shutdown.reached(Phase::Forced) => {
            streams.cut(End::Deadline);
            Ok(())
        }
    }
}

/// Answers the requests of one connection.
struct Exchanges {
    router: Router,
    peer: Option<SocketAddr>,
    host: Host,
    flushes: Flushes,
    unread: Unread,
    limits: Limits,
    streams: Streams,
}

impl Exchanges {
    /// What is answered in place of the routes.
    fn refuses<B>(&self, request: &Request<B>) -> Option<StatusCode> {
        let Limits {
            headers,
            target_bytes,
            ref refused,
            ..
        } = self.limits;
        match request.method() {
            _ if target_length(request) > target_bytes => Some(StatusCode::URI_TOO_LONG),
            _ if request.headers().len() > headers => {
                Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            }
            method if refused.contains(method) => Some(StatusCode::NOT_IMPLEMENTED),
            _ => None,
        }
    }
}

/// Over HTTP/2 a target has its path alone: the rest is in fields of its own (RFC 9113, section 8.3.1).
fn target_length<B>(request: &Request<B>) -> usize {
    let parts = request.uri();
    let path = parts.path_and_query().map_or(0, |path| path.as_str().len());
    match parts.authority() {
        Some(authority) if request.version() < Version::HTTP_2 => {
            let scheme = parts
                .scheme_str()
                .map_or(0, |scheme| scheme.len() + "://".len());
            scheme + authority.as_str().len() + path
        }
        _ => path,
    }
}

impl Service<Request<Incoming>> for Exchanges {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let router = self.router.clone();
        let (peer, host) = (self.peer, self.host.clone());
        let (flushes, streams) = (self.flushes.clone(), self.streams.clone());
        let unread = self.unread.clone();
        let refused = self.refuses(&request);
        Box::pin(async move {
            let head = *request.method() == Method::HEAD;
            let request = request.map(|body| RequestBody::incoming(body, unread));
            if let Some(status) = refused {
                let response = refusal(status, request.version());
                return Ok(Outgoing::respond(response, head, flushes, Lifeline::new()));
            }
            let (mut response, lifeline) = router.handle(request, peer, host).await;
            if let Some(control) = response.extensions_mut().remove::<Control>() {
                streams.add(&control);
            }
            Ok(Outgoing::respond(response, head, flushes, lifeline))
        })
    }
}

/// The connection ends: what follows CONNECT may be meant for a tunnel (RFC 9110, sections 9.1 and 9.3.6), and what follows a
/// long target is not read.
fn refusal(status: StatusCode, version: Version) -> crate::Response {
    let mut response = Problem::new(status).render(None);
    if version < Version::HTTP_2 {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    response
}

/// The streams that a connection has open, and whether it is draining.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    controls: Vec<Control>,
    draining: bool,
}

impl Streams {
    fn add(&self, control: &Control) {
        let mut open = self.lock();
        open.controls.retain(|control| control.end().is_none());
        let draining = open.draining;
        open.controls.push(control.clone());
        drop(open);
        if draining {
            control.drain();
        }
    }

    fn drain(&self) {
        let mut open = self.lock();
        open.draining = true;
        let controls = open.controls.clone();
        drop(open);
        controls.iter().for_each(Control::drain);
    }

    fn cut(&self, why: End) {
        let controls = self.lock().controls.clone();
        for control in &controls {
            control.cut(why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tasks of one HTTP/2 connection, a stream each. They end with the connection.
#[derive(Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn executor(&self) -> TaskExecutor {
        TaskExecutor(Arc::downgrade(&self.0))
    }
}

/// Each task holds one, and must not keep all of them alive.
#[derive(Clone)]
struct TaskExecutor(Weak<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for TaskExecutor {
    fn execute(&self, future: F) {
        let Some(tasks) = self.0.upgrade() else {
            return;
        };
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }
}

#[cfg(test)]
mod tests {
    use peristyle_core::handler;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        sync::mpsc::{self, error::TryRecvError},
        time::Instant,
    };

    use super::*;
    use crate::{Context, Routes, detached::Detached};

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    const CLOSE: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    fn limits() -> Limits {
        Limits {
            head_timeout: Duration::from_secs(10),
            head_bytes: 64 * 1024,
            headers: 100,
            target_bytes: 16 * 1024,
            framing: Framing::Guarded,
            refused: REFUSED.into(),
        }
    }

    fn host(shutdown: Shutdown) -> Host {
        let detached = Detached::new(0);
        Host { shutdown, detached }
    }

    fn router() -> Router {
        let routes = Routes::new().get("/", handler(|_: &mut Context| "hello"));
        routes.build().unwrap()
    }

    /// How long it takes until a client that sends this and nothing more is closed, and what it gets.
    async fn closed_after(sent: &[u8]) -> (Duration, String) {
        let (mut client, io) = duplex(1024);
        let (_phase, shutdown) = Shutdown::channel();
        let started = Instant::now();
        client.write_all(sent).await.unwrap();
        serve(io, None, router(), limits(), host(shutdown)).await;
        let mut read = String::new();
        client.read_to_string(&mut read).await.unwrap();
        (started.elapsed(), read)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_its_head_is_closed_after_the_head_timeout() {
        for sent in [
            &b""[..],
            b"PRI * HTT",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r",
            b"GET / HTTP/1.1\r\nhost:",
        ] {
            let (after, read) = closed_after(sent).await;
            assert_eq!((after.as_secs(), &*read), (10, ""), "{sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_kept_alive_is_closed_after_the_head_timeout() {
        let (after, read) = closed_after(GET).await;
        assert_eq!(after.as_secs(), 10);
        assert!(read.ends_with("\r\n\r\nhello"), "{read}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_close_is_waited_for_only_while_it_may_be_sending() {
        let (after, read) = closed_after(CLOSE).await;
        assert_eq!(after, Duration::ZERO);
        assert!(read.ends_with("\r\n\r\nhello"), "{read}");
        let upload = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nand less";
        let (after, read) = closed_after(upload).await;
        assert_eq!(after.as_secs(), 2);
        assert!(read.starts_with("HTTP/1.1 405 "), "{read}");
    }

    #[tokio::test]
    async fn a_request_that_came_before_the_shutdown_is_answered() {
        for _ in 0..32 {
            let (mut client, io) = duplex(1024);
            let (phase, shutdown) = Shutdown::channel();
            client.write_all(GET).await.unwrap();
            phase.send_replace(Phase::Draining);
            serve(io, None, router(), limits(), host(shutdown)).await;
            let mut read = String::new();
            client.read_to_string(&mut read).await.unwrap();
            assert!(read.ends_with("\r\n\r\nhello"), "{read}");
        }
    }

    #[tokio::test]
    async fn a_head_timeout_of_any_length_is_no_panic() {
        let (mut client, io) = duplex(1024);
        client.write_all(CLOSE).await.unwrap();
        let mut limits = limits();
        limits.head_timeout = Duration::MAX;
        let (_phase, shutdown) = Shutdown::channel();
        serve(io, None, router(), limits, host(shutdown)).await;
        let mut read = String::new();
        client.read_to_string(&mut read).await.unwrap();
        assert!(read.ends_with("\r\n\r\nhello"), "{read}");
    }

    #[tokio::test]
    async fn the_tasks_of_a_connection_end_with_it() {
        let tasks = Tasks::default();
        let executor = tasks.executor();
        let (held, mut dropped) = mpsc::channel::<()>(1);
        executor.clone().execute(async move {
            let _held = (held, executor);
            std::future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        assert_eq!(dropped.try_recv(), Err(TryRecvError::Empty));
        drop(tasks);
        let closed = timeout(Duration::from_secs(20), dropped.recv()).await;
        assert_eq!(closed.expect("it is dropped soon"), None);
    }
}
