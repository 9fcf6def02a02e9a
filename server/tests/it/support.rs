//! A server on a loopback socket, clients that write raw bytes, and bodies that are fed by hand.

use std::{
    future::Future,
    net::SocketAddr,
    num::NonZeroUsize,
    pin::Pin,
    sync::Mutex,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use http_body::Frame;
use peristyle_core::{
    BoxError, Control, Controlled, End, Interceptor, Link, Name, Stages, Step, before,
};
use peristyle_server::{
    Context, Disconnected, Exchange, Listener, Response, Router, Server, Threads,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, duplex},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::timeout,
};

/// Far more than any test needs: a test that hangs fails instead.
pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(Duration::from_secs(20), future)
        .await
        .expect("it happens soon")
}

/// A server on the runtime of the test, or with so many threads of its own.
pub(crate) struct RunningOn<const THREADS: usize> {
    pub(crate) address: SocketAddr,
    end: oneshot::Sender<()>,
    serving: JoinSet<()>,
}

pub(crate) type Running = RunningOn<0>;

impl<const THREADS: usize> RunningOn<THREADS> {
    pub(crate) async fn start(router: Router) -> Self {
        Self::start_with(router, |server| server).await
    }

    pub(crate) async fn start_with(router: Router, set: impl FnOnce(Server) -> Server) -> Self {
        let threads = NonZeroUsize::new(THREADS).map_or(Threads::Shared, Threads::Count);
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        Self::serve(set(server.threads(threads)), router)
    }

    pub(crate) fn serve(server: Server, router: Router) -> Self {
        let address = server.local_addr().unwrap();
        let (end, ended) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(async {
            let end = async { drop(ended.await) };
            server.serve_until(router, end).await.unwrap();
        });
        Self {
            address,
            end,
            serving,
        }
    }

    pub(crate) async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    /// What comes back for these bytes, up to the end of the connection.
    pub(crate) async fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        self.connect().await.answer(bytes).await
    }

    /// Tells the server to end. Returns its task.
    pub(crate) fn end(self) -> JoinSet<()> {
        self.end.send(()).unwrap();
        self.serving
    }

    pub(crate) async fn ended(self) {
        finished(self.end()).await;
    }
}

/// A server whose clients connect in memory, so that its clock can be paused.
pub(crate) struct InMemory {
    connect: mpsc::Sender<DuplexStream>,
    end: oneshot::Sender<()>,
    serving: JoinSet<()>,
}

impl InMemory {
    pub(crate) fn start(router: Router, set: impl FnOnce(Server) -> Server) -> Self {
        let (connect, connections) = mpsc::channel(16);
        let server = set(Server::on(Listener::handed(connections)));
        let (end, ended) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let end = async { drop(ended.await) };
            server.serve_until(router, end).await.unwrap();
        });
        Self {
            connect,
            end,
            serving,
        }
    }

    /// A connection that holds so many bytes each way.
    pub(crate) async fn connect(&self, bytes: usize) -> DuplexStream {
        let (client, connection) = duplex(bytes);
        self.connect.send(connection).await.unwrap();
        client
    }

    pub(crate) fn end(self) -> JoinSet<()> {
        self.end.send(()).unwrap();
        self.serving
    }
}

pub(crate) async fn finished(mut serving: JoinSet<()>) {
    soon(serving.join_next()).await.unwrap().unwrap();
}

pub(crate) struct Client(pub(crate) TcpStream);

impl Client {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// What comes back for these bytes, up to the end of the connection.
    pub(crate) async fn answer(mut self, bytes: impl AsRef<[u8]>) -> String {
        self.send(bytes).await;
        self.rest().await
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        soon(self.0.write_all(bytes.as_ref())).await.unwrap();
    }

    /// Reads up to and with `end`, and nothing after it. Without the `date`.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let byte = soon(self.0.read_u8()).await;
            let so_far = || String::from_utf8_lossy(&read).into_owned();
            read.push(byte.unwrap_or_else(|error| panic!("{error} after {:?}", so_far())));
        }
        undated(&read)
    }

    /// Reads to the end of the connection. Without the `date`.
    pub(crate) async fn rest(mut self) -> String {
        undated(&self.rest_bytes().await)
    }

    pub(crate) async fn rest_bytes(&mut self) -> Vec<u8> {
        let mut read = Vec::new();
        soon(self.0.read_to_end(&mut read)).await.unwrap();
        read
    }
}

/// What comes back for these bytes over any transport, up to its end. Without the `date`.
pub(crate) async fn answer_over<I>(mut io: I, bytes: impl AsRef<[u8]>) -> String
where
    I: AsyncRead + AsyncWrite + Unpin,
{
    soon(io.write_all(bytes.as_ref())).await.unwrap();
    soon(io.flush()).await.unwrap();
    let mut read = Vec::new();
    soon(io.read_to_end(&mut read)).await.unwrap();
    undated(&read)
}

fn undated(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.split_inclusive('\n')
        .filter(|line| !line.starts_with("date: "))
        .collect()
}

/// A GET request after which the connection goes on.
pub(crate) const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

/// A GET request after which the connection ends.
pub(crate) fn get(path: &str) -> String {
    request("GET", path)
}

pub(crate) fn request(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.1\r\nhost: example.org\r\nconnection: close\r\n\r\n")
}

/// A handler that can answer once.
pub(crate) fn once<R: Send>(answer: R) -> impl Fn(&mut Context) -> R + Send + Sync {
    let answer = Mutex::new(Some(answer));
    move |_| answer.lock().unwrap().take().expect("it is asked once")
}

/// An interceptor that hands out its exchange's `disconnected`.
pub(crate) fn tells() -> (Link<Exchange>, mpsc::Receiver<Disconnected>) {
    let (watch, watched) = mpsc::channel(1);
    let tell = before(move |cx: &mut Context| drop(watch.try_send(cx.disconnected())));
    (tell, watched)
}

/// Sends when it is dropped.
pub(crate) struct Dropped(pub(crate) mpsc::Sender<()>);

impl Drop for Dropped {
    fn drop(&mut self) {
        let _ = self.0.try_send(());
    }
}

pub(crate) type Values = mpsc::Sender<Result<Bytes, BoxError>>;

/// A body that yields what it is sent, and ends when it is told to drain.
pub(crate) struct Fed {
    values: mpsc::Receiver<Result<Bytes, BoxError>>,
    controlled: Option<Controlled>,
    pub(crate) dropped: Option<Dropped>,
}

impl Fed {
    pub(crate) fn new() -> (Values, Self) {
        let (sender, values) = mpsc::channel(64);
        let body = Self {
            values,
            controlled: None,
            dropped: None,
        };
        (sender, body)
    }

    /// A response that is told to drain by its control, and heeds it.
    pub(crate) fn controlled() -> (Values, Control, Response) {
        let (values, mut body) = Self::new();
        let (control, controlled) = Control::new();
        body.controlled = Some(controlled);
        let mut response = body.response();
        response.extensions_mut().insert(control.clone());
        (values, control, response)
    }

    pub(crate) fn response(self) -> Response {
        Response::new(peristyle_server::Body::new(self))
    }
}

impl http_body::Body for Fed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(controlled) = &mut self.controlled {
            if controlled.poll_drain(cx).is_ready() {
                controlled.end(End::Drained);
                return Poll::Ready(None);
            }
        }
        let value = self.values.poll_recv(cx);
        value.map(|value| value.map(|value| value.map(Frame::data)))
    }
}

/// An interceptor that waits in `enter` for ever, having sent its exchange's `disconnected`.
pub(crate) struct Waits {
    pub(crate) entered: mpsc::Sender<Disconnected>,
    pub(crate) dropped: mpsc::Sender<()>,
}

impl Interceptor<Exchange> for Waits {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::new("waits").unwrap()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        Step::later(async move {
            let _dropped = Dropped(self.dropped.clone());
            let _ = self.entered.send(cx.disconnected()).await;
            std::future::pending().await
        })
    }
}
