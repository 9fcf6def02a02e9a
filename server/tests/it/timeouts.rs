//! What is waited for, and for how long. Time stands still here but for what is waited for.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::http2::{self, SendRequest},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peristyle_core::{Control, End, handler};
use peristyle_server::{
    BodyError, Context, Ended, Exit, RequestBody, Response, Routes, Server, TestClient,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::support::{Fed, GET, InMemory, Values, finished, once};

const HOUR: Duration = Duration::from_secs(3600);

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn defaults(server: Server) -> Server {
    server
}

fn start(routes: Routes, set: impl FnOnce(Server) -> Server) -> InMemory {
    InMemory::start(routes.build().unwrap(), set)
}

async fn rest(client: &mut (impl AsyncRead + Unpin)) -> String {
    let mut read = Vec::new();
    let _cut = client.read_to_end(&mut read).await;
    String::from_utf8_lossy(&read).into_owned()
}

/// A handler that makes this response once, and the end that its exchange comes to.
fn watched(response: Response) -> (Routes, mpsc::Receiver<(Instant, Exit)>) {
    let (tell, told) = mpsc::channel(1);
    let respond = once(response);
    let answer = handler(move |cx: &mut Context| {
        let tell = tell.clone();
        cx.on_ended(move |ended: &Ended| {
            tell.try_send((Instant::now(), ended.exit())).unwrap();
        });
        respond(cx)
    });
    (Routes::new().get("/", answer), told)
}

fn stream() -> (Values, Control, Routes, mpsc::Receiver<(Instant, Exit)>) {
    let (values, control, response) = Fed::controlled();
    let (routes, told) = watched(response);
    (values, control, routes, told)
}

async fn length(cx: &mut Context) -> Result<String, BodyError> {
    cx.body().bytes().await.map(|body| body.len().to_string())
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_without_an_answer() {
    let hello = || Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let short = |server: Server| server.keep_alive_timeout(seconds(5));
    for (server, after) in [(start(hello(), defaults), 60), (start(hello(), short), 5)] {
        let mut client = server.connect(1024).await;
        for _ in 0..3 {
            sleep(seconds(4)).await;
            client.write_all(GET.as_bytes()).await.unwrap();
        }
        let started = Instant::now();
        let read = rest(&mut client).await;
        assert_eq!(started.elapsed().as_secs(), after);
        assert_eq!(read.matches("hello").count(), 3);
        assert!(read.ends_with("hello"), "{read}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_does_not_end_is_answered_with_408() {
    let short = |server: Server| server.head_timeout(seconds(3));
    let server = start(Routes::new(), short);
    let mut client = server.connect(1024).await;
    client.write_all(b"GET / HTTP/1.1\r\n").await.unwrap();
    let started = Instant::now();
    let read = rest(&mut client).await;
    assert_eq!(started.elapsed().as_secs(), 3);
    let expected = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    assert_eq!(read, expected);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_stops_is_answered_with_408_and_the_connection_ends() {
    let routes = || Routes::new().post("/", handler(length));
    let short = |server: Server| server.body_timeout(seconds(5));
    for (server, after) in [(start(routes(), defaults), 30), (start(routes(), short), 5)] {
        let mut client = server.connect(1024).await;
        let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 10\r\n\r\nabc";
        client.write_all(head.as_bytes()).await.unwrap();
        let started = Instant::now();
        let read = rest(&mut client).await;
        assert_eq!(started.elapsed().as_secs(), after);
        assert!(read.starts_with("HTTP/1.1 408 "), "{read}");
        assert!(read.contains("\r\nconnection: close\r\n"), "{read}");
        assert!(read.contains(&format!("came for {after}s")), "{read}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_may_take_its_time_as_long_as_it_comes() {
    let server = start(Routes::new().post("/", handler(length)), defaults);
    let mut client = server.connect(1024).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 10\r\n\r\n";
    client.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..10 {
        sleep(seconds(29)).await;
        client.write_all(b"a").await.unwrap();
    }
    let read = rest(&mut client).await;
    assert!(read.ends_with("\r\n\r\n10"), "{read}");
}

/// Answers at once, and gives the body away.
fn accepting() -> (Routes, mpsc::Receiver<RequestBody>) {
    let (give, given) = mpsc::channel(1);
    let accept = handler(move |cx: &mut Context| {
        give.try_send(cx.body().take()).unwrap();
        StatusCode::ACCEPTED
    });
    (Routes::new().post("/", accept), given)
}

/// It is no head of a next request, nor is the connection idle. The end of one in chunks is told by their last alone.
#[tokio::test(start_paused = true)]
async fn a_body_that_is_read_after_its_response_has_its_own_time() {
    for (framing, piece, end) in [
        ("content-length: 10", "a", ""),
        ("transfer-encoding: chunked", "1\r\na\r\n", "0\r\n\r\n"),
    ] {
        let (routes, mut given) = accepting();
        let server = start(routes, defaults);
        let mut client = server.connect(1024).await;
        let head = format!("POST / HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n");
        client.write_all(head.as_bytes()).await.unwrap();
        let mut body = given.recv().await.unwrap();
        let sent = async {
            for _ in 0..10 {
                sleep(seconds(29)).await;
                client.write_all(piece.as_bytes()).await.unwrap();
            }
            client.write_all(end.as_bytes()).await.unwrap();
            Instant::now()
        };
        let (sent, read) = tokio::join!(sent, body.bytes());
        assert_eq!(read.unwrap(), "aaaaaaaaaa", "{framing}");
        let answer = rest(&mut client).await;
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
        assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
        assert!(!answer.contains("408"), "{answer}");
        assert_eq!(sent.elapsed(), Duration::ZERO, "{framing}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_held_after_its_response_keeps_its_connection() {
    let (routes, mut given) = accepting();
    let server = start(routes, defaults);
    let mut client = server.connect(1024).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 6\r\n\r\nabcdef";
    client.write_all(head.as_bytes()).await.unwrap();
    let mut body = given.recv().await.unwrap();
    sleep(HOUR).await;
    assert_eq!(body.bytes().await.unwrap(), "abcdef");
    let (routes, mut given) = accepting();
    let server = start(routes, defaults);
    let mut client = server.connect(1024).await;
    client.write_all(head.as_bytes()).await.unwrap();
    let body = given.recv().await.unwrap();
    sleep(HOUR).await;
    drop(body);
    let dropped = Instant::now();
    assert!(rest(&mut client).await.starts_with("HTTP/1.1 202 "));
    assert!(dropped.elapsed() <= seconds(2));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_begins_behind_another_request_has_its_time_from_the_response_on() {
    let hello = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let server = start(hello, defaults);
    let mut client = server.connect(1024).await;
    client
        .write_all(format!("{GET}GET / HT").as_bytes())
        .await
        .unwrap();
    let started = Instant::now();
    let read = rest(&mut client).await;
    assert_eq!(started.elapsed().as_secs(), 10);
    assert!(read.contains("\r\n\r\nhelloHTTP/1.1 408 "), "{read}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_is_cut_off() {
    let short = |server: Server| server.write_timeout(seconds(5));
    for (set, after) in [(defaults as fn(Server) -> Server, 30), (short, 5)] {
        let (values, control, routes, mut told) = stream();
        let server = start(routes, set);
        let mut client = server.connect(1024).await;
        client.write_all(GET.as_bytes()).await.unwrap();
        let started = Instant::now();
        values.try_send(Ok(vec![7; 4096].into())).unwrap();
        let (ended, exit) = told.recv().await.unwrap();
        assert_eq!((ended - started).as_secs(), after);
        assert_eq!(exit, Exit::Aborted);
        assert_eq!(control.end(), Some(End::Stalled));
        assert!(values.is_closed());
        drop(client);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_is_not_cut_off() {
    let (routes, mut told) = watched(Response::new(vec![b'a'; 8192].into()));
    let server = start(routes, defaults);
    let mut client = server.connect(512).await;
    client.write_all(GET.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(&[b'a'; 8192]) {
        sleep(seconds(29)).await;
        assert_ne!(client.read_buf(&mut read).await.unwrap(), 0);
    }
    assert_eq!(told.recv().await.unwrap().1, Exit::Served);
}

#[tokio::test(start_paused = true)]
async fn neither_a_stage_nor_a_stream_that_has_nothing_to_say_is_cut_off() {
    let (values, _control, routes, _told) = stream();
    let slow = handler(async |_: &mut Context| {
        sleep(HOUR).await;
        "done"
    });
    let server = start(routes.get("/slow", slow), defaults);
    let mut client = server.connect(1024).await;
    client
        .write_all(b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .unwrap();
    let mut read = vec![0; 4096];
    let length = client.read(&mut read).await.unwrap();
    assert!(read[..length].ends_with(b"\r\n\r\ndone"));
    client.write_all(GET.as_bytes()).await.unwrap();
    let length = client.read(&mut read).await.unwrap();
    assert!(read[..length].ends_with(b"\r\n\r\n"));
    sleep(HOUR).await;
    values.try_send(Ok("hello".into())).unwrap();
    let length = client.read(&mut read).await.unwrap();
    assert_eq!(&read[..length], b"5\r\nhello\r\n");
}

/// What is read but is no request must not hide that nobody reads (RFC 9112, section 9.3.2, lets a client send ahead).
#[tokio::test(start_paused = true)]
async fn a_client_that_left_something_unread_is_noticed_with_the_next_value() {
    for request in [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\nG",
        "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\nand less",
    ] {
        let (values, _control, routes, mut told) = stream();
        let server = start(routes, defaults);
        let mut client = server.connect(1024).await;
        client.write_all(request.as_bytes()).await.unwrap();
        let mut read = [0; 1024];
        assert_ne!(client.read(&mut read).await.unwrap(), 0, "the head");
        drop(client);
        let started = Instant::now();
        let heartbeat = async {
            while !values.is_closed() {
                sleep(seconds(15)).await;
                let _gone = values.try_send(Ok(":\n\n".into()));
            }
        };
        let ((), told) = tokio::join!(heartbeat, told.recv());
        let (ended, exit) = told.unwrap();
        assert_eq!(exit, Exit::Left, "{request:?}");
        assert!((ended - started).as_secs() <= 15, "{request:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_was_handed_over_is_drained_like_any_other() {
    let (values, control, routes, mut told) = stream();
    let server = start(routes, defaults);
    let mut client = server.connect(1024).await;
    client.write_all(GET.as_bytes()).await.unwrap();
    values.send(Ok("hello".into())).await.unwrap();
    assert_ne!(client.read(&mut [0; 1024]).await.unwrap(), 0);
    let ended = server.end();
    assert!(rest(&mut client).await.ends_with("0\r\n\r\n"));
    assert_eq!(told.recv().await.unwrap().1, Exit::Served);
    assert_eq!(control.end(), Some(End::Drained));
    finished(ended).await;
}

struct Http2 {
    requests: SendRequest<Empty<Bytes>>,
    connection: JoinSet<hyper::Result<()>>,
}

impl Http2 {
    /// A client that takes so many bytes of a stream ahead of its reading.
    async fn connect(server: &InMemory, window: u32) -> Self {
        let io = TokioIo::new(server.connect(1 << 20).await);
        let (requests, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(io)
            .await
            .unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(connection);
        Self {
            requests,
            connection: tasks,
        }
    }

    async fn get(&mut self, path: &str) -> http::Response<Incoming> {
        let request = Request::get(format!("http://a{path}"));
        let request = request.body(Empty::new()).unwrap();
        self.requests.send_request(request).await.unwrap()
    }

    /// Until the connection has ended, well or not.
    async fn ended(&mut self) {
        let _error = self.connection.join_next().await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_of_http_2_is_closed() {
    let hello = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let server = start(hello, defaults);
    let started = Instant::now();
    let mut silent = Http2::connect(&server, 1024).await;
    silent.ended().await;
    assert_eq!(started.elapsed().as_secs(), 10, "no request has come");
    let mut client = Http2::connect(&server, 1024).await;
    for _ in 0..3 {
        sleep(seconds(9)).await;
        let body = client.get("/").await.into_body();
        assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    }
    let idle = Instant::now();
    client.ended().await;
    assert_eq!(idle.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_connection_of_http_2_that_has_a_stream_open_is_not_idle() {
    let (values, _control, routes, _told) = stream();
    let server = start(routes, defaults);
    let mut client = Http2::connect(&server, 1024).await;
    let mut body = client.get("/").await.into_body();
    sleep(HOUR).await;
    values.try_send(Ok("hello".into())).unwrap();
    let frame = body.frame().await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "hello");
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_http_2_that_its_client_does_not_read_is_reset_and_no_other() {
    let (values, control, routes, mut told) = stream();
    let routes = routes.get("/hello", handler(|_: &mut Context| "hello"));
    let server = start(routes, defaults);
    let mut client = Http2::connect(&server, 16 * 1024).await;
    let mut unread = client.get("/").await.into_body();
    sleep(HOUR).await;
    let started = Instant::now();
    for _ in 0..3 {
        values.try_send(Ok(vec![7; 16 * 1024].into())).unwrap();
    }
    let (ended, exit) = told.recv().await.unwrap();
    assert_eq!((ended - started).as_secs(), 30);
    assert_eq!(exit, Exit::Aborted);
    assert_eq!(control.end(), Some(End::Stalled));
    let body = client.get("/hello").await.into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
    let mut read = 0;
    let failed = loop {
        match unread.frame().await.unwrap() {
            Ok(frame) => read += frame.into_data().unwrap().len(),
            Err(error) => break error,
        }
    };
    assert_eq!(read, 16 * 1024, "what was sent before");
    assert!(
        failed.to_string().contains("error reading a body"),
        "{failed}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_of_http_2_that_its_client_reads_slowly_is_not_reset() {
    const SIZE: usize = 1 << 20;
    let (routes, mut told) = watched(Response::new(vec![7; SIZE].into()));
    let server = start(routes, defaults);
    let mut client = Http2::connect(&server, 16 * 1024).await;
    let mut body = client.get("/").await.into_body();
    let started = Instant::now();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.unwrap().into_data().unwrap().len();
        sleep(seconds(1)).await;
    }
    assert_eq!(read, SIZE);
    assert!(started.elapsed() > seconds(60), "longer than it may stop");
    assert_eq!(told.recv().await.unwrap().1, Exit::Served);
}

/// What a stage has taken of a body that it asked for itself is nothing that the stage's own client has to take.
#[tokio::test(start_paused = true)]
async fn a_stage_that_has_asked_another_router_is_not_cut_off() {
    async fn ask(cx: &mut Context) -> Vec<u8> {
        let other = cx.state::<TestClient>().unwrap().clone();
        let mut answer = other.get("/").send().await;
        let first = answer.chunk().await.unwrap().unwrap();
        sleep(HOUR).await;
        first.into()
    }
    let other = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let other = TestClient::new(other.build().unwrap());
    let server = start(Routes::new().state(other).get("/", handler(ask)), defaults);
    let mut client = Http2::connect(&server, 1024).await;
    let body = client.get("/").await.into_body();
    assert_eq!(body.collect().await.unwrap().to_bytes(), "hello");
}

/// A large body that is whole is given to the connection in pieces: it would be out of sight else.
#[tokio::test(start_paused = true)]
async fn a_whole_body_that_nobody_reads_is_reset_too() {
    let (routes, mut told) = watched(Response::new(vec![7; 4 << 20].into()));
    let server = start(routes, defaults);
    let mut client = Http2::connect(&server, 16 * 1024).await;
    let unread = client.get("/").await.into_body();
    let started = Instant::now();
    let (ended, exit) = told.recv().await.unwrap();
    assert_eq!((ended - started).as_secs(), 30);
    assert_eq!(exit, Exit::Aborted);
    drop(unread);
}

#[tokio::test(start_paused = true)]
async fn a_client_of_http_2_that_reads_no_bytes_at_all_is_cut_off() {
    let (values, control, routes, mut told) = stream();
    let server = start(routes, defaults);
    let mut silent: DuplexStream = server.connect(16 * 1024).await;
    // The preface, empty SETTINGS, a window of 2^31 - 1 for the connection, and a GET of `/` with the index 2 of HPACK and so on.
    let start: &[&[u8]] = &[
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff",
        b"\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0",
        b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a",
    ];
    silent.write_all(&start.concat()).await.unwrap();
    let started = Instant::now();
    for _ in 0..32 {
        values.try_send(Ok(vec![7; 16 * 1024].into())).unwrap();
    }
    let (ended, exit) = told.recv().await.unwrap();
    assert_eq!((ended - started).as_secs(), 30);
    assert_eq!(exit, Exit::Aborted);
    assert_eq!(control.end(), Some(End::Stalled));
    drop(silent);
}

/// Pings of HTTP/2 (RFC 9113, section 6.7) find out that nobody is there, though nothing is to be sent.
#[tokio::test(start_paused = true)]
async fn a_client_of_http_2_that_answers_no_ping_is_given_up() {
    let (_values, _control, routes, mut told) = stream();
    let server = start(routes, defaults);
    let mut client = server.connect(1 << 20).await;
    let start: &[&[u8]] = &[
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        b"\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01a",
    ];
    client.write_all(&start.concat()).await.unwrap();
    let started = Instant::now();
    let (ended, exit) = timeout(HOUR, told.recv()).await.unwrap().unwrap();
    assert_eq!((ended - started).as_secs(), 50);
    assert_eq!(exit, Exit::Left);
    drop(client);
}
