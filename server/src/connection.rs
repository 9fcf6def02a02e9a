//! One connection: which protocol it speaks, and how it is driven to its end.

use std::{
    convert::Infallible,
    error::Error as _,
    future::{self, Future},
    net::TcpStream,
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError, Weak},
    task::{self, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version, header};
use hyper::{body::Incoming, rt::Executor, server::conn::http2};
use hyper_util::rt::{TokioIo, TokioTimer};
use peristyle_core::{BoxFuture, End};
use pin_project_lite::pin_project;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    Exit, Problem, RequestBody, Router, Shutdown,
    activity::{Activity, Ongoing},
    answering::{Answered, Answering},
    detached::Detached,
    exchange::Site,
    frames::Frames,
    guard::{Guard, names_one_host},
    http1::Http1,
    lifeline::Line,
    link::Link,
    listen::Stream,
    outgoing::Outgoing,
    patience::Patience,
    progress,
    running::{Held, Seat, Service},
    shutdown::Phase,
    wire::{Protocol, Wire, detect},
};

/// The limits of a connection; [`Server`](crate::Server) documents them.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) head_timeout: Duration,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) write_timeout: Duration,
    pub(crate) head_bytes: usize,
    pub(crate) headers: usize,
    pub(crate) target_bytes: usize,
    /// Of one connection at a time.
    pub(crate) streams: u32,
    pub(crate) ping_interval: Duration,
    pub(crate) framing: Framing,
    pub(crate) offers: SocketOffers,
    /// Methods that are not implemented unless they are allowed.
    pub(crate) refused: Arc<[Method]>,
}

/// Whether requests pass the guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    Guarded,
    Trusted,
}

/// Whether bodies of responses are handed the sockets that they ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SocketOffers {
    Accepted,
    Declined,
}

/// TRACE shows whoever can send it what others added to the request; CONNECT makes a tunnel.
pub(crate) const REFUSED: &[Method] = &[Method::TRACE, Method::CONNECT];

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            keep_alive_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            head_bytes: 64 * 1024,
            headers: 100,
            target_bytes: 16 * 1024,
            streams: 256,
            ping_interval: Duration::from_secs(30),
            framing: Framing::Guarded,
            offers: SocketOffers::Accepted,
            refused: REFUSED.into(),
        }
    }
}

/// What a slow reader of an HTTP/2 stream holds at most, beside the piece of a body that waits for its turn.
const SEND_BUFFER: usize = 64 * 1024;
/// What a client may send ahead of who reads it, on all streams of a connection together.
const RECEIVE_WINDOW: u32 = 1024 * 1024;
/// Streams that a client has reset before they were looked at: more at a time, and the connection ends.
const RESETS: usize = 20;
/// Streams that this side has reset for what the client did wrong: more in all, and the connection ends.
const LOCAL_RESETS: usize = 1024;
/// What an answer to a ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Serves one connection to its end, or until its socket is handed over. Peers that leave are no errors.
pub(crate) fn serve<I>(io: I, service: Service, seat: Seat) -> impl Future<Output = ()> + Send
where
    I: Link + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let opening = open(io, service, seat);
    Connection::Opening { opening }
}

/// Goes on with a connection over HTTP/1.1 that has come back to the server.
pub(crate) async fn resume(socket: TcpStream, unread: Vec<u8>, service: Service, held: Held) {
    let limits = &service.limits;
    let patience = Patience::kept_alive(limits.head_timeout, limits.keep_alive_timeout);
    if let Some(io) = Stream::given_back(socket) {
        let peer = io.peer();
        let opened = Opened {
            protocol: Protocol::Http1,
            io,
            start: unread.into(),
            patience,
            service,
            seat: Seat { peer, held },
        };
        Connection::<future::Ready<_>, _>::from(opened).await;
    }
}

/// A connection whose protocol is known.
struct Opened<I> {
    protocol: Protocol,
    io: I,
    /// What was read to tell it.
    start: Bytes,
    patience: Patience,
    service: Service,
    seat: Seat,
}

/// `None` when no request came.
async fn open<I>(mut io: I, service: Service, seat: Seat) -> Option<Opened<I>>
where
    I: AsyncRead + Unpin,
{
    let accepted = Instant::now();
    let limits = &service.limits;
    // Here and later what the client sent goes first: a request that came before the shutdown is answered.
    let detected = tokio::select! {
        biased;
        detected = timeout(limits.head_timeout, detect(&mut io)) => detected,
        () = service.host.shutdown.requested() => return None,
    };
    let (protocol, start) = match detected {
        Ok(Ok(detected)) => detected,
        Ok(Err(error)) => {
            tracing::debug!(%error, "connection failed");
            return None;
        }
        Err(_) => {
            tracing::debug!("no request came in time");
            return None;
        }
    };
    let patience = Patience::new(accepted, limits.head_timeout, limits.keep_alive_timeout);
    Some(Opened {
        protocol,
        io,
        start,
        patience,
        service,
        seat,
    })
}

pin_project! {
    /// A connection in one place from its first byte on, which is as large as the larger of its parts.
    #[project = Part]
    enum Connection<O, I: Link> {
        Opening { #[pin] opening: O },
        Http1 { #[pin] connection: Http1<I> },
        // Boxed, since it would have its room in the tasks of all connections.
        Http2 { connection: BoxFuture<'static, ()> },
    }
}

impl<O, I> Future for Connection<O, I>
where
    O: Future<Output = Option<Opened<I>>>,
    I: Link + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<()> {
        let opened = match self.as_mut().project() {
            Part::Opening { opening } => ready!(opening.poll(cx)),
            Part::Http1 { connection } => return connection.poll(cx),
            Part::Http2 { connection } => return connection.as_mut().poll(cx),
        };
        let Some(opened) = opened else {
            return Poll::Ready(());
        };
        self.set(Self::from(opened));
        self.poll(cx)
    }
}

impl<O, I> From<Opened<I>> for Connection<O, I>
where
    I: Link + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn from(opened: Opened<I>) -> Self {
        let Opened {
            protocol,
            io,
            start,
            patience,
            service,
            seat,
        } = opened;
        let Service {
            router,
            limits,
            host,
            ..
        } = service;
        let shutdown = host.shutdown.clone();
        let hands_over = io.is_plain_socket() && limits.offers == SocketOffers::Accepted;
        let activity = match protocol {
            Protocol::Http1 if hands_over => Activity::of_plain_socket(),
            protocol => Activity::of_connection(protocol),
        };
        let wire = Wire::new(io, start, activity.clone(), limits.write_timeout);
        let exchanges = Exchanges(Arc::new(Serving {
            site: router.site(host.shutdown, seat.peer),
            detached: host.detached,
            router,
            activity: activity.clone(),
            limits: Arc::clone(&limits),
        }));
        match protocol {
            Protocol::Http1 => {
                let guarded = limits.framing == Framing::Guarded;
                let guard = guarded.then(|| Guard::new(limits.target_bytes));
                let wire = wire.patient(patience).guarded(guard);
                let connection = Http1::new(wire, exchanges, activity, shutdown, limits, seat);
                Self::Http1 { connection }
            }
            Protocol::Http2 => {
                let connection = Http2 {
                    limits,
                    activity,
                    shutdown,
                };
                let connection = Box::pin(connection.serve(wire, exchanges, seat));
                Self::Http2 { connection }
            }
        }
    }
}

/// How a connection of hyper's ended.
pub(crate) fn report(result: hyper::Result<()>) {
    match result {
        Ok(()) => {}
        // A body that failed has been logged, with the id of its exchange.
        Err(error) if error.is_user() && error.source().is_some() => {}
        Err(error) => {
            let cause = error.source().map(ToString::to_string);
            tracing::debug!(%error, cause, "connection ended early");
        }
    }
}

/// A connection over HTTP/2.
struct Http2 {
    limits: Arc<Limits>,
    activity: Activity,
    shutdown: Shutdown,
}

impl Http2 {
    async fn serve<I>(self, wire: Wire<I>, exchanges: Exchanges, seat: Seat)
    where
        I: Link + AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let _seat = seat;
        let tasks = Tasks::default();
        let executor = tasks.executor(self.limits.write_timeout);
        let wire = wire.counted(Frames::new());
        let connection =
            http2(&self.limits, executor).serve_connection(TokioIo::new(wire), exchanges);
        report(self.drive(connection).await);
    }

    /// Polls a connection until it ends, tells it when the server drains or when it is idle, and drops it when the deadline has
    /// passed.
    async fn drive<I>(
        &self,
        connection: http2::Connection<I, Exchanges, TaskExecutor>,
    ) -> hyper::Result<()>
    where
        I: hyper::rt::Read + hyper::rt::Write + Unpin,
    {
        let mut connection = pin!(connection);
        let mut overdue = None;
        tokio::select! {
            biased;
            result = connection.as_mut() => return result,
            () = self.shutdown.requested() => {}
            () = self.idle() => overdue = Some(self.overdue()),
        }
        connection.as_mut().graceful_shutdown();
        self.activity.drain();
        tokio::select! {
            biased;
            result = connection => result,
            () = self.shutdown.reached(Phase::Forced) => {
                self.activity.give_up(Exit::Shutdown, End::Deadline);
                Ok(())
            }
            () = forever_unless(overdue) => Ok(()),
        }
    }

    /// Resolves when an idle connection that was told to end has had the time to. One that was never used has none.
    async fn overdue(&self) {
        if self.activity.requests() > 0 {
            sleep(self.limits.write_timeout).await;
        }
        self.idle().await;
    }

    /// Resolves when no exchange has been open for as long as the next is waited for.
    async fn idle(&self) {
        let limits = &self.limits;
        loop {
            let limit = match self.activity.requests() {
                0 => limits.head_timeout,
                _ => limits.keep_alive_timeout,
            };
            match self.activity.idle_since() {
                Some(since) => match limit.checked_sub(since.elapsed()) {
                    None | Some(Duration::ZERO) => return,
                    Some(left) => sleep(left).await,
                },
                // An exchange that is open now cannot have been over for so long before that.
                None => sleep(limit.max(SHORTEST_LOOK)).await,
            }
        }
    }
}

/// A connection may be kept alive for no time at all, and must not be looked at all the time.
const SHORTEST_LOOK: Duration = Duration::from_secs(1);

async fn forever_unless(end: Option<impl Future<Output = ()>>) {
    match end {
        Some(end) => end.await,
        None => future::pending().await,
    }
}

fn http2(limits: &Limits, executor: TaskExecutor) -> http2::Builder<TaskExecutor> {
    let mut builder = http2::Builder::new(executor);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(limits.streams)
        .initial_connection_window_size(RECEIVE_WINDOW)
        .initial_stream_window_size(RECEIVE_WINDOW)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(LOCAL_RESETS)
        .keep_alive_interval(limits.ping_interval)
        .keep_alive_timeout(PING_TIMEOUT);
    builder
}

/// Answers the requests of one connection.
pub(crate) struct Exchanges(Arc<Serving>);

impl hyper::service::Service<Request<Incoming>> for Exchanges {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = Exchanging;

    fn call(&self, request: Request<Incoming>) -> Exchanging {
        let serving = &self.0;
        let (ongoing, line) = serving.activity.begin();
        let version = request.version();
        let state = match serving.refuses(&request) {
            Some(status) => State::Refused(Some(serving.refuse(status, &request))),
            None => State::Answering(serving.answer(request, line)),
        };
        Exchanging {
            state,
            version,
            ongoing: Some(ongoing),
        }
    }
}

/// One exchange, up to the head of its response. Dropping it leaves the exchange.
pub(crate) struct Exchanging {
    state: State,
    version: Version,
    /// `None` when the response has it. Dropped after the state: a stage that waits is cancelled before its exchange ends.
    ongoing: Option<Ongoing>,
}

enum State {
    Refused(Option<Box<Answered>>),
    Answering(Answering),
}

impl Future for Exchanging {
    type Output = Result<Response<Outgoing>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let ongoing = this.ongoing.as_ref().expect("polled until it is ready");
        ongoing.activity().start();
        let mut answered = match &mut this.state {
            State::Refused(refusal) => *refusal.take().expect("polled once"),
            State::Answering(answering) => ready!(Pin::new(answering).poll(task)).into_answered(),
        };
        // Over HTTP/1.1 the response may say that it is the last.
        if this.version < Version::HTTP_2 && ongoing.activity().ends_keep_alive() {
            close(&mut answered.response);
        }
        let ongoing = this.ongoing.take().expect("polled until it is ready");
        let outgoing = Outgoing::respond_over(this.version, answered, ongoing);
        // HTTP/1.0 has no chunks.
        if this.version < Version::HTTP_11 && outgoing.body().is_of_unknown_length() {
            outgoing.body().activity().set_delimited_by_close();
        }
        Poll::Ready(Ok(outgoing))
    }
}

struct Serving {
    router: Router,
    site: Arc<Site>,
    detached: Detached,
    activity: Activity,
    limits: Arc<Limits>,
}

impl Serving {
    fn answer(&self, request: Request<Incoming>, line: Line) -> Answering {
        let (head, body) = request.into_parts();
        let body = RequestBody::arriving(body, self.limits.body_timeout, &self.activity);
        let (site, detached) = (Arc::clone(&self.site), self.detached.clone());
        self.router.handle(head, body, site, detached, line)
    }

    /// What is answered in place of the routes.
    fn refuses<B>(&self, request: &Request<B>) -> Option<StatusCode> {
        let Limits {
            headers,
            target_bytes,
            framing,
            ref refused,
            ..
        } = *self.limits;
        match request.method() {
            _ if target_length(request) > target_bytes => Some(StatusCode::URI_TOO_LONG),
            _ if request.headers().len() > headers => {
                Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE)
            }
            method if refused.contains(method) => Some(StatusCode::NOT_IMPLEMENTED),
            // Over HTTP/1.1 the guard has refused these.
            _ if request.version() == Version::HTTP_2
                && framing == Framing::Guarded
                && !names_one_host(request) =>
            {
                Some(StatusCode::BAD_REQUEST)
            }
            _ => None,
        }
    }

    /// The connection ends: what follows CONNECT may be meant for a tunnel (RFC 9110, sections 9.1 and 9.3.6), and what follows a
    /// long target is not read.
    fn refuse<B>(&self, status: StatusCode, request: &Request<B>) -> Box<Answered> {
        self.activity.end_keep_alive();
        let problem = Problem::new(status);
        Box::new(
            self.router
                .refuse(request.method(), request.headers(), &problem),
        )
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

fn close(response: &mut crate::Response) {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
}

/// The tasks of one HTTP/2 connection, a stream each. They end with the connection.
#[derive(Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl Tasks {
    fn executor(&self, stall: Duration) -> TaskExecutor {
        let tasks = Arc::downgrade(&self.0);
        TaskExecutor { tasks, stall }
    }
}

/// Each task holds one, and must not keep all of them alive.
#[derive(Clone)]
struct TaskExecutor {
    tasks: Weak<Mutex<JoinSet<()>>>,
    /// How long the client of a stream may take nothing of it.
    stall: Duration,
}

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for TaskExecutor {
    fn execute(&self, future: F) {
        let Some(tasks) = self.tasks.upgrade() else {
            return;
        };
        let mut tasks = tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(progress::within(self.stall, future));
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
    use crate::{Context, Routes};

    const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    const TIMED_OUT: &str =
        "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

    const CLOSE: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";

    fn service(limits: Limits, shutdown: Shutdown) -> Service {
        Service::alone(router(), limits, shutdown)
    }

    fn router() -> Router {
        let routes = Routes::new().get("/", handler(|_: &mut Context| "hello"));
        routes.build().unwrap()
    }

    /// How long it takes until a client that sends this and nothing more is closed, and what it gets.
    async fn closed_after(sent: &[u8]) -> (Duration, String) {
        let (mut client, io) = duplex(1024);
        let (_announcer, shutdown) = Shutdown::channel();
        let started = Instant::now();
        client.write_all(sent).await.unwrap();
        serve(io, service(Limits::default(), shutdown), Seat::default()).await;
        let mut read = String::new();
        client.read_to_string(&mut read).await.unwrap();
        (started.elapsed(), read)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_its_head_is_closed_after_the_head_timeout() {
        let cases = [
            (&b""[..], ""),
            (b"PRI * HTT", ""),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", ""),
            (b"GET / HTTP/1.1\r\nhost:", TIMED_OUT),
        ];
        for (sent, answer) in cases {
            let (after, read) = closed_after(sent).await;
            assert_eq!((after.as_secs(), &*read), (10, answer), "{sent:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_is_kept_alive_is_closed_after_its_own_timeout() {
        let (after, read) = closed_after(GET).await;
        assert_eq!(after.as_secs(), 60);
        assert!(read.ends_with("\r\n\r\nhello"), "{read}");
    }

    #[tokio::test(start_paused = true)]
    async fn the_head_of_a_later_request_has_its_time_from_its_first_byte() {
        let (mut client, io) = duplex(1024);
        let (_announcer, shutdown) = Shutdown::channel();
        let started = Instant::now();
        let serving = serve(io, service(Limits::default(), shutdown), Seat::default());
        let read = async {
            client.write_all(GET).await.unwrap();
            for after in [20, 5, 2] {
                sleep(Duration::from_secs(after)).await;
                client.write_all(b"G").await.unwrap();
            }
            let mut read = String::new();
            client.read_to_string(&mut read).await.unwrap();
            read
        };
        let ((), read) = tokio::join!(serving, read);
        assert_eq!(started.elapsed().as_secs(), 30);
        let (first, second) = read.split_at(read.find("hello").unwrap());
        assert!(first.starts_with("HTTP/1.1 200 "), "{read}");
        assert_eq!(second, format!("hello{TIMED_OUT}"));
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

    /// Seen once: while the rest of a refused request is taken, the time for its head passed, and the connection woke itself.
    #[tokio::test(start_paused = true)]
    async fn a_connection_that_lingers_past_the_time_for_its_head_waits() {
        let (mut client, io) = duplex(1024);
        let (_announcer, shutdown) = Shutdown::channel();
        let started = Instant::now();
        let mut serving = pin!(serve(
            io,
            service(Limits::default(), shutdown),
            Seat::default()
        ));
        let mut polls = 0;
        let serving = future::poll_fn(|cx| {
            polls += 1;
            assert!(polls < 1000, "it spins");
            serving.as_mut().poll(cx)
        });
        let trickle = async {
            client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
            sleep(Duration::from_secs(9)).await;
            client.write_all(b"\0and more").await.unwrap();
            let mut read = String::new();
            client.read_to_string(&mut read).await.unwrap();
            read
        };
        let ((), read) = tokio::join!(serving, trickle);
        assert!(read.starts_with("HTTP/1.1 400 "), "{read}");
        assert_eq!(started.elapsed().as_secs(), 11);
    }

    #[tokio::test]
    async fn a_request_that_came_before_the_shutdown_is_answered() {
        for _ in 0..32 {
            let (mut client, io) = duplex(1024);
            let (announcer, shutdown) = Shutdown::channel();
            client.write_all(GET).await.unwrap();
            announcer.announce(Phase::Draining);
            serve(io, service(Limits::default(), shutdown), Seat::default()).await;
            let mut read = String::new();
            client.read_to_string(&mut read).await.unwrap();
            assert!(read.ends_with("\r\n\r\nhello"), "{read}");
        }
    }

    #[tokio::test]
    async fn a_head_timeout_of_any_length_is_no_panic() {
        let (mut client, io) = duplex(1024);
        client.write_all(CLOSE).await.unwrap();
        let limits = Limits {
            head_timeout: Duration::MAX,
            ..Limits::default()
        };
        let (_announcer, shutdown) = Shutdown::channel();
        serve(io, service(limits, shutdown), Seat::default()).await;
        let mut read = String::new();
        client.read_to_string(&mut read).await.unwrap();
        assert!(read.ends_with("\r\n\r\nhello"), "{read}");
    }

    #[tokio::test]
    async fn the_tasks_of_a_connection_end_with_it() {
        let tasks = Tasks::default();
        let executor = tasks.executor(Duration::MAX);
        let (held, mut dropped) = mpsc::channel::<()>(1);
        executor.clone().execute(async move {
            let _held = (held, executor);
            future::pending::<()>().await;
        });
        tokio::task::yield_now().await;
        assert_eq!(dropped.try_recv(), Err(TryRecvError::Empty));
        drop(tasks);
        let closed = timeout(Duration::from_secs(20), dropped.recv()).await;
        assert_eq!(closed.expect("it is dropped soon"), None);
    }
}
