//! A router in another server: hyper's own, without anything of this crate around the connection.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    pin::Pin,
    sync::Mutex,
    task::{Context as TaskContext, Poll},
};

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt, Empty, Full};
use hyper::{
    server::conn::{http1, http2},
    service::{Service, service_fn},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peristyle_core::{
    BoxError, Chain, End, Interceptor, Link, Name, Stages, Step, before, handler,
};
use peristyle_server::{
    Body, Context, Exchange, Exit, Peer, Response, RouterService, Routes, Shutdown,
};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::JoinSet,
};
use tokio_test::{assert_pending, assert_ready, task};

use crate::support::{Client, Dropped, Fed, GET, Waits, get, once, request, soon, tells};

const TEXT: &str = "content-type: text/plain; charset=utf-8\r\n";

/// A server that knows of routers only that they are services.
struct Foreign {
    address: SocketAddr,
    _accepting: JoinSet<()>,
}

impl Foreign {
    async fn start(service: &RouterService) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = service.clone();
        let mut accepting = JoinSet::new();
        accepting.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((socket, peer)) = listener.accept().await {
                let service = service.clone();
                let with_peer = service_fn(move |mut request: Request<_>| {
                    request.extensions_mut().insert(Peer(peer));
                    service.call(request)
                });
                let io = TokioIo::new(socket);
                connections.spawn(http1::Builder::new().serve_connection(io, with_peer));
            }
        });
        Self {
            address,
            _accepting: accepting,
        }
    }

    async fn connect(&self) -> Client {
        Client::connect(self.address).await
    }

    async fn answer(&self, bytes: impl AsRef<[u8]>) -> String {
        self.connect().await.answer(bytes).await
    }
}

fn service(routes: Routes) -> RouterService {
    routes.build().unwrap().into_service()
}

/// A service that answers `GET /` with this chain.
fn answers(chain: impl Into<Chain<Exchange>>) -> RouterService {
    service(Routes::new().get("/", chain))
}

fn to(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

async fn call(service: &RouterService, request: Request<Empty<Bytes>>) -> Response {
    soon(service.call(request)).await.unwrap()
}

async fn text(body: Body) -> String {
    let bytes = soon(body.collect()).await.unwrap().to_bytes();
    String::from_utf8(bytes.into()).unwrap()
}

#[tokio::test]
async fn hyper_sends_what_the_router_answers_framed_as_by_its_own_server() {
    let (_values, stream) = Fed::new();
    let routes = Routes::new()
        .get("/", handler(|_: &mut Context| "hello"))
        .get("/stream", handler(once(stream.response())))
        .get(
            "/none",
            handler(|_: &mut Context| (StatusCode::NO_CONTENT, "x")),
        )
        .post(
            "/",
            handler(async |cx: &mut Context| cx.body().bytes().await),
        );
    let server = Foreign::start(&service(routes)).await;
    let close = "connection: close\r\n";
    let binary = "content-type: application/octet-stream\r\n";
    for (sent, expected) in [
        (
            get("/"),
            format!("200 OK\r\n{TEXT}{close}content-length: 5\r\n\r\nhello"),
        ),
        (
            request("HEAD", "/"),
            format!("200 OK\r\n{TEXT}content-length: 5\r\n{close}\r\n"),
        ),
        (request("HEAD", "/stream"), format!("200 OK\r\n{close}\r\n")),
        (get("/none"), format!("204 No Content\r\n{TEXT}{close}\r\n")),
        (
            request("POST", "/").replace("\r\n\r\n", "\r\ncontent-length: 3\r\n\r\nabc"),
            format!("200 OK\r\n{binary}{close}content-length: 3\r\n\r\nabc"),
        ),
        (
            request("OPTIONS", "/"),
            format!("204 No Content\r\nallow: GET, HEAD, OPTIONS, POST\r\n{close}\r\n"),
        ),
        (
            request("OPTIONS", "*"),
            format!("204 No Content\r\n{close}\r\n"),
        ),
    ] {
        let answer = server.answer(&sent).await;
        assert_eq!(answer, format!("HTTP/1.1 {expected}"), "{sent}");
    }
}

#[tokio::test]
async fn hyper_serves_it_over_http_2() {
    let (client, server) = tokio::io::duplex(1024);
    let show = handler(|cx: &mut Context| format!("{:?}", cx.request().version));
    let serving = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(server), answers(show));
    let mut tasks = JoinSet::new();
    tasks.spawn(async { drop(serving.await) });
    let shaken = hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(client));
    let (mut requests, connection) = shaken.await.unwrap();
    tasks.spawn(async { drop(connection.await) });
    let response = soon(requests.send_request(to("http://a/"))).await.unwrap();
    assert_eq!(response.headers()["content-length"], "8");
    let body = soon(response.into_body().collect()).await.unwrap();
    assert_eq!(body.to_bytes(), "HTTP/2.0");
}

#[tokio::test]
async fn a_body_that_fails_or_is_not_as_long_as_declared_cuts_the_connection() {
    for (declared, last, piece) in [
        (None, Some(Err("broken".into())), "1\r\na\r\n"),
        (Some("9"), None, "a"),
    ] {
        let (values, body) = Fed::new();
        let mut response = body.response();
        let length = declared.map(|declared| (header::CONTENT_LENGTH, declared.parse().unwrap()));
        response.headers_mut().extend(length);
        let server = Foreign::start(&answers(handler(once(response)))).await;
        let mut client = server.connect().await;
        client.send(GET).await;
        values.send(Ok("a".into())).await.unwrap();
        client.until("\r\n\r\n").await;
        assert_eq!(client.until(piece).await, piece);
        if let Some(last) = last {
            values.send(last).await.unwrap();
        }
        drop(values);
        assert_eq!(client.rest().await, "");
    }
}

#[tokio::test]
async fn a_body_that_fails_is_an_error_of_the_body() {
    let (values, body) = Fed::new();
    let response = call(&answers(handler(once(body.response()))), to("/")).await;
    let mut body = response.into_body();
    values.try_send(Ok("a".into())).unwrap();
    values.try_send(Err("broken".into())).unwrap();
    let first = body.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "a");
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "broken");
}

#[tokio::test]
async fn a_whole_body_that_is_longer_than_declared_is_a_500() {
    let long = handler(|_: &mut Context| (StatusCode::OK, [(header::CONTENT_LENGTH, "2")], "abc"));
    let response = call(&answers(long), to("/")).await;
    assert_eq!(response.status(), 500);
    assert!(text(response.into_body()).await.contains(r#""status":500"#));
}

#[tokio::test]
async fn the_length_that_a_body_will_have_is_known_as_it_is_to_the_own_server() {
    let service = answers(handler(|_: &mut Context| "hello"));
    let response = call(&service, to("/")).await;
    assert_eq!(response.body().size_hint().exact(), Some(5));
    let mut request = to("/");
    *request.method_mut() = Method::HEAD;
    let response = call(&service, request).await;
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(
        response.body().size_hint().exact(),
        None,
        "it is that of GET"
    );
    assert!(response.body().is_end_stream());
}

#[tokio::test]
async fn a_client_that_leaves_while_a_stage_waits_drops_the_stage() {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, mut drops) = mpsc::channel(1);
    let server = Foreign::start(&answers(Link::new(Waits { entered, dropped }))).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    let disconnected = soon(entering.recv()).await.unwrap();
    assert!(drops.try_recv().is_err());
    drop(client);
    soon(drops.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
}

#[tokio::test]
async fn a_client_that_leaves_while_a_body_streams_drops_the_body() {
    let (values, mut body) = Fed::new();
    let (dropped, mut drops) = mpsc::channel(1);
    body.dropped = Some(Dropped(dropped));
    let (tell, mut watched) = tells();
    let chain = Chain::new([tell, handler(once(body.response()))]);
    let server = Foreign::start(&answers(chain)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    values.send(Ok("hello".into())).await.unwrap();
    client.until("5\r\nhello\r\n").await;
    assert!(drops.try_recv().is_err());
    drop(client);
    soon(drops.recv()).await.unwrap();
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
}

#[tokio::test]
async fn a_client_that_has_got_all_was_served() {
    let (tell, mut watched) = tells();
    let chain = Chain::new([tell, handler(|_: &mut Context| "hello")]);
    let server = Foreign::start(&answers(chain)).await;
    let answer = server.answer(get("/")).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Served);
}

/// Tells that it was cancelled.
struct Cancelled(mpsc::Sender<()>);

impl Interceptor<Exchange> for Cancelled {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::new("cancelled").unwrap()
    }

    fn enter<'a>(&'a self, _: &'a mut Context) -> Step<'a, Exchange> {
        Step::next()
    }

    fn cancel(&self, _: &mut Context) {
        self.0.try_send(()).unwrap();
    }
}

/// A detached chain that waits until it is told to go on, and whether it was cancelled.
fn detached() -> (Chain<Exchange>, oneshot::Sender<()>, mpsc::Receiver<()>) {
    let (cancelled, cancels) = mpsc::channel(1);
    let (go_on, waits) = oneshot::channel::<()>();
    let waits = Mutex::new(Some(waits));
    let hold = handler(move |_: &mut Context| {
        let waits = waits.lock().unwrap().take().expect("asked once");
        async move { waits.await.map(|()| "went on") }
    });
    let chain = Chain::new([Link::new(Cancelled(cancelled)), hold]);
    (chain.detached(), go_on, cancels)
}

/// Calls the service, and leaves once the call waits.
fn leave(service: &RouterService) {
    let mut calling = task::spawn(service.call(to("/")));
    assert_pending!(calling.poll());
}

#[tokio::test]
async fn what_is_detached_goes_on_and_is_waited_for() {
    let (chain, go_on, mut cancels) = detached();
    let service = answers(chain);
    leave(&service);
    let other = service.clone();
    let mut finished = task::spawn(other.finished());
    assert_pending!(finished.poll());
    drop(service);
    go_on.send(()).unwrap();
    soon(finished).await;
    assert!(cancels.try_recv().is_err());
}

#[tokio::test]
async fn dropping_the_last_clone_cancels_what_is_detached() {
    let (chain, go_on, mut cancels) = detached();
    let service = answers(chain);
    leave(&service);
    assert!(cancels.try_recv().is_err());
    drop(service);
    soon(cancels.recv()).await.unwrap();
    assert!(go_on.is_closed());
}

#[tokio::test]
async fn more_detached_executions_than_the_limit_are_cancelled() {
    let (chain, go_on, mut cancels) = detached();
    let service = answers(chain).detached(0);
    leave(&service);
    cancels.try_recv().unwrap();
    assert!(go_on.is_closed());
    assert_ready!(task::spawn(service.finished()).poll());
}

#[tokio::test]
async fn a_service_that_drains_tells_exchanges_and_streams_and_goes_on_answering() {
    let (watch, mut watched) = mpsc::channel(4);
    let tell = move |cx: &mut Context| watch.try_send(cx.shutdown().clone()).unwrap();
    let (_first_values, first_control, first) = Fed::controlled();
    let (_later_values, later_control, later) = Fed::controlled();
    let mut responses = VecDeque::from([first, later]);
    let responses = Mutex::new(move || responses.pop_front().expect("it is asked twice"));
    let routes = Routes::new().interceptors(before(tell)).get(
        "/",
        handler(move |_: &mut Context| responses.lock().unwrap()()),
    );
    let service = service(routes);

    let first = call(&service, to("/")).await;
    let shutdown: Shutdown = watched.recv().await.unwrap();
    assert!(!shutdown.is_requested());
    service.clone().drain();
    assert!(shutdown.is_requested());
    assert_eq!(text(first.into_body()).await, "");
    assert_eq!(first_control.end(), Some(End::Drained));

    let later = call(&service, to("/")).await;
    assert!(watched.recv().await.unwrap().is_requested());
    assert_eq!(text(later.into_body()).await, "");
    assert_eq!(later_control.end(), Some(End::Drained));
    assert_eq!(call(&service, to("/other")).await.status(), 404);
}

#[tokio::test]
async fn a_request_that_carries_a_shutdown_is_told_by_that_one() {
    let told = handler(|cx: &mut Context| cx.shutdown().is_requested().to_string());
    let service = answers(told);
    let (watch, mut watched) = mpsc::channel(1);
    let tell = move |cx: &mut Context| watch.try_send(cx.shutdown().clone()).unwrap();
    let outer = answers(before(tell));
    outer.drain();
    call(&outer, to("/")).await;
    let shutdown: Shutdown = watched.recv().await.unwrap();
    let mut request = to("/");
    request.extensions_mut().insert(shutdown);
    assert_eq!(
        text(call(&service, request).await.into_body()).await,
        "true"
    );
    assert_eq!(
        text(call(&service, to("/")).await.into_body()).await,
        "false"
    );
}

#[tokio::test]
async fn the_peer_is_what_the_other_server_says() {
    let service = answers(handler(|cx: &mut Context| format!("{:?}", cx.peer())));
    let server = Foreign::start(&service).await;
    let mut client = server.connect().await;
    let address = client.0.local_addr().unwrap();
    client.send(get("/")).await;
    let answer = client.rest().await;
    assert!(
        answer.ends_with(&format!("\r\n\r\nSome({address})")),
        "{answer}"
    );
    let body = call(&service, to("/")).await.into_body();
    assert_eq!(text(body).await, "None");
}

/// Bytes in two parts.
type Parts = bytes::buf::Chain<Bytes, &'static [u8]>;

fn parts(first: &'static str, second: &'static str) -> Frame<Parts> {
    Frame::data(Bytes::from(first).chain(second.as_bytes()))
}

/// Yields these, then its end.
struct Frames(VecDeque<Result<Frame<Parts>, BoxError>>);

impl http_body::Body for Frames {
    type Data = Parts;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Parts>, BoxError>>> {
        Poll::Ready(self.0.pop_front())
    }
}

#[tokio::test]
async fn a_request_may_have_any_body_of_bytes() {
    async fn echo(cx: &mut Context) -> Result<Bytes, peristyle_server::BodyError> {
        cx.body().bytes().await
    }
    let service = service(Routes::new().post("/", handler(echo)));
    let post = |body| Request::post("/").body(body).unwrap();

    let trailers = Frame::trailers(HeaderMap::new());
    let frames = [Ok(parts("ab", "cd")), Ok(parts("", "e")), Ok(trailers)];
    let response = service.call(post(Frames(frames.into()))).await.unwrap();
    assert_eq!(text(response.into_body()).await, "abcde");

    let frames = [Ok(parts("ab", "cd")), Err("gone".into())];
    let response = service.call(post(Frames(frames.into()))).await.unwrap();
    assert_eq!(response.status(), 400);

    let large = Full::new(Bytes::from(vec![0; (2 << 20) + 1]));
    let request = Request::post("/").body(large).unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), 413);
    let most = Full::new(Bytes::from(vec![0; 2 << 20]));
    let request = Request::post("/").body(most).unwrap();
    assert_eq!(service.call(request).await.unwrap().status(), 200);
}
