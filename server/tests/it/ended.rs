//! The end of an exchange, told once.

use std::{
    pin::Pin,
    sync::mpsc as sync_mpsc,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{StatusCode, header};
use http_body::Frame;
use peristyle_core::{BoxError, Link, before, handler};
use peristyle_server::{Body, Context, Ended, Exchange, Exit, Response, Routes, TestClient};
use tokio::sync::mpsc;

use crate::support::{Fed, GET, Running, Waits, finished, get, once, request, soon};

type Ends = mpsc::UnboundedReceiver<(Option<u16>, u64, Exit)>;

/// An interceptor that passes on what became of each exchange.
fn watching() -> (Link<Exchange>, Ends) {
    #[expect(clippy::disallowed_methods, reason = "a test has few exchanges")]
    let (tell, told) = mpsc::unbounded_channel();
    let watch = before(move |cx: &mut Context| {
        let tell = tell.clone();
        cx.on_ended(move |ended: &Ended| {
            let status = ended.status().map(|status| status.as_u16());
            tell.send((status, ended.bytes(), ended.exit())).unwrap();
        });
    });
    (watch, told)
}

fn no_content(_: &mut Context) -> StatusCode {
    StatusCode::NO_CONTENT
}

#[tokio::test]
async fn what_was_sent_whole_is_served_with_the_bytes_of_its_body() {
    let (values, body) = Fed::new();
    for value in ["ab", "cde"] {
        values.try_send(Ok(value.into())).unwrap();
    }
    drop(values);
    let (watch, mut ends) = watching();
    let routes = Routes::new()
        .interceptors(watch)
        .get("/text", handler(|_: &mut Context| "hello"))
        .get("/none", handler(no_content))
        .get("/stream", handler(once(body.response())));
    let server = Running::start(routes.build().unwrap()).await;
    for (method, path, status, bytes) in [
        ("GET", "/text", 200, 5),
        ("HEAD", "/text", 200, 0),
        ("GET", "/none", 204, 0),
        ("GET", "/stream", 200, 5),
    ] {
        server.answer(request(method, path)).await;
        let ended = soon(ends.recv()).await.unwrap();
        assert_eq!(
            ended,
            (Some(status), bytes, Exit::Served),
            "{method} {path}"
        );
    }
    let answer = server.answer(get("/missing")).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let ended = soon(ends.recv()).await.unwrap();
    assert_eq!(ended, (Some(404), body.len() as u64, Exit::Served));
    server.ended().await;
    assert_eq!(ends.try_recv().ok(), None, "each ended once");
}

/// Its connection does not ask for more of it.
#[tokio::test]
async fn a_stream_of_which_nothing_was_declared_is_served_at_once() {
    let (values, body) = Fed::new();
    let mut response = body.response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, 0.into());
    let (watch, mut ends) = watching();
    let routes = Routes::new().get("/", [watch, handler(once(response))]);
    let server = Running::start(routes.build().unwrap()).await;
    server.answer(get("/")).await;
    let ended = soon(ends.recv()).await.unwrap();
    assert_eq!(ended, (Some(200), 0, Exit::Served));
    drop(values);
    server.ended().await;
}

/// A body of which the first poll is a panic.
struct Panics;

impl http_body::Body for Panics {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        panic!("out of paper")
    }
}

#[tokio::test]
async fn a_body_that_panics_is_aborted_and_only_its_connection_ends() {
    let (watch, mut ends) = watching();
    let routes = Routes::new()
        .interceptors(watch)
        .get("/hello", handler(|_: &mut Context| "hello"))
        .get(
            "/",
            handler(|_: &mut Context| Response::new(Body::new(Panics))),
        );
    let server = Running::start(routes.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    let ended = soon(ends.recv()).await.unwrap();
    assert_eq!(ended, (Some(200), 0, Exit::Aborted));
    server.answer(get("/hello")).await;
    let ended = soon(ends.recv()).await.unwrap();
    assert_eq!(ended, (Some(200), 5, Exit::Served));
    server.ended().await;
    assert_eq!(ends.try_recv().ok(), None, "each ended once");
}

#[tokio::test]
async fn a_client_that_leaves_before_it_has_read_a_whole_body_was_not_served() {
    const SIZE: usize = 64 << 20;
    let (watch, mut ends) = watching();
    let large = Bytes::from(vec![7; SIZE]);
    let routes = Routes::new().get("/", [watch, handler(move |_: &mut Context| large.clone())]);
    let server = Running::start(routes.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    client.until("\r\n\r\n").await;
    drop(client);
    let (status, bytes, exit) = soon(ends.recv()).await.unwrap();
    assert_eq!((status, exit), (Some(200), Exit::Left));
    assert!((1..SIZE as u64).contains(&bytes), "{bytes}");
    server.ended().await;
}

#[tokio::test]
async fn a_body_that_fails_is_aborted_and_one_that_a_deadline_cuts_ends_with_the_server() {
    let (values, failing) = Fed::new();
    values.try_send(Ok("hello".into())).unwrap();
    values.try_send(Err("broken".into())).unwrap();
    let (held, endless) = Fed::new();
    held.try_send(Ok("hel".into())).unwrap();
    let (watch, mut ends) = watching();
    let routes = Routes::new()
        .interceptors(watch)
        .get("/failing", handler(once(failing.response())))
        .get("/endless", handler(once(endless.response())));
    let server = Running::start_with(routes.build().unwrap(), |server| {
        server.grace(Duration::ZERO)
    })
    .await;
    server.answer(get("/failing")).await;
    let ended = soon(ends.recv()).await.unwrap();
    assert_eq!(ended, (Some(200), 5, Exit::Aborted));
    let mut client = server.connect().await;
    client.send(get("/endless")).await;
    client.until("3\r\nhel\r\n").await;
    finished(server.end()).await;
    let ended = soon(ends.recv()).await.unwrap();
    assert_eq!(ended, (Some(200), 3, Exit::Shutdown));
}

#[tokio::test]
async fn a_client_that_leaves_while_a_stage_waits_had_no_status() {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, _drops) = mpsc::channel(1);
    let (watch, mut ends) = watching();
    let waits = Link::new(Waits { entered, dropped });
    let routes = Routes::new().get("/", [watch, waits]);
    let server = Running::start(routes.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entering.recv()).await.unwrap();
    drop(client);
    assert_eq!(soon(ends.recv()).await.unwrap(), (None, 0, Exit::Left));
    server.ended().await;
}

#[tokio::test(start_paused = true)]
async fn it_tells_how_long_the_whole_took_its_body_included() {
    let (values, body) = Fed::new();
    let (tell, told) = sync_mpsc::channel();
    let watch = before(move |cx: &mut Context| {
        let tell = tell.clone();
        cx.on_ended(move |ended: &Ended| tell.send(ended.elapsed()).unwrap());
    });
    let routes = Routes::new().get("/", [watch, handler(once(body.response()))]);
    let client = TestClient::new(routes.build().unwrap());
    let response = client.get("/").send().await;
    tokio::time::advance(Duration::from_secs(7)).await;
    drop(values);
    assert_eq!(response.text().await.unwrap(), "");
    assert_eq!(told.recv().unwrap(), Duration::from_secs(7));
}

#[tokio::test]
async fn who_asks_when_it_is_over_is_told_at_once_and_a_panic_keeps_it_from_nobody() {
    let (tell, told) = sync_mpsc::channel();
    let (keep, kept) = sync_mpsc::channel();
    let watch = before(move |cx: &mut Context| {
        let tell = tell.clone();
        cx.on_ended(|_: &Ended| panic!("the first of two"));
        cx.on_ended(move |ended: &Ended| tell.send(ended.exit()).unwrap());
        keep.send(cx.take()).unwrap();
        cx.respond("kept")
    });
    let routes = Routes::new().get("/", watch);
    let client = TestClient::new(routes.build().unwrap());
    client.get("/").send().await.text().await.unwrap();
    assert_eq!(told.recv().unwrap(), Exit::Served);
    let exchange: Exchange = kept.recv().unwrap();
    let (tell, told) = sync_mpsc::channel();
    exchange.on_ended(move |ended: &Ended| tell.send(ended.exit()).unwrap());
    assert_eq!(told.try_recv().unwrap(), Exit::Served);
}
