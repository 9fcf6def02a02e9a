//! How a server ends.

use std::{
    sync::{Arc, Barrier},
    time::Duration,
};

use peristyle_core::{Chain, Control, End, before, handler};
use peristyle_server::{Context, IntoResponse, Routes, Server};

use super::support::{Client, Fed, GET, Running, Values, finished, get, once, soon};

/// A client that has got `ab` of a stream, from a server whose grace is five milliseconds.
async fn streaming<R>(response: R, values: &Values) -> (Running, Client)
where
    R: IntoResponse + Send + 'static,
{
    let router = Routes::new().get("/", handler(once(response)));
    let grace = Duration::from_millis(5);
    let server = Running::start_with(router.build().unwrap(), |server| server.grace(grace)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    values.send(Ok("ab".into())).await.unwrap();
    client.until("2\r\nab\r\n").await;
    (server, client)
}

#[tokio::test]
async fn an_idle_connection_is_closed_at_once() {
    let router = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let server = Running::start(router.build().unwrap()).await;
    let mut used = server.connect().await;
    used.send(GET).await;
    used.until("hello").await;
    let serving = server.end();
    assert_eq!(used.rest().await, "");
    finished(serving).await;
}

#[tokio::test]
async fn a_connection_that_sent_nothing_is_closed_at_once() {
    let router = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let server = Running::start(router.build().unwrap()).await;
    let unused = server.connect().await;
    // Once a later one has been answered, this one has been accepted.
    server.answer(get("/")).await;
    let serving = server.end();
    assert_eq!(unused.rest().await, "");
    finished(serving).await;
}

#[tokio::test]
async fn a_stream_that_can_drain_ends_cleanly() {
    let (values, control, response) = Fed::controlled();
    let (server, client) = streaming(response, &values).await;
    let serving = server.end();
    assert_eq!(client.rest().await, "0\r\n\r\n");
    finished(serving).await;
    assert_eq!(control.end(), Some(End::Drained));
}

#[tokio::test]
async fn a_stream_that_cannot_drain_is_cut_at_the_deadline() {
    let (values, body) = Fed::new();
    let (server, client) = streaming(body.response(), &values).await;
    finished(server.end()).await;
    assert_eq!(client.rest().await, "");
    assert!(values.is_closed());
}

#[tokio::test]
async fn a_stream_that_does_not_heed_the_drain_is_cut_with_the_reason() {
    let (values, body) = Fed::new();
    let (control, controlled) = Control::new();
    let mut response = http::Response::new(Keeps {
        body,
        _controlled: controlled,
    });
    response.extensions_mut().insert(control.clone());
    let (server, client) = streaming(response, &values).await;
    finished(server.end()).await;
    assert_eq!(client.rest().await, "");
    assert_eq!(control.end(), Some(End::Deadline));
}

/// A stream with a control that it never asks.
struct Keeps {
    body: Fed,
    _controlled: peristyle_core::Controlled,
}

impl http_body::Body for Keeps {
    type Data = bytes::Bytes;
    type Error = peristyle_core::BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<bytes::Bytes>, Self::Error>>> {
        std::pin::Pin::new(&mut self.body).poll_frame(cx)
    }
}

#[tokio::test]
async fn a_running_handler_finishes() {
    async fn answer(cx: &mut Context) -> &'static str {
        cx.shutdown().requested().await;
        tokio::task::yield_now().await;
        "finished"
    }
    let (entered, mut entering) = tokio::sync::mpsc::channel(1);
    let tell = before(move |_: &mut Context| entered.try_send(()));
    let chain = Chain::new([tell, handler(answer)]);
    let router = Routes::new().get("/", chain);
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entering.recv()).await.unwrap();
    let serving = server.end();
    let answer = client.rest().await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nfinished"), "{answer}");
    finished(serving).await;
}

#[tokio::test]
async fn a_stream_that_begins_during_the_drain_is_told_at_once() {
    async fn wait(cx: &mut Context) {
        cx.shutdown().requested().await;
        tokio::task::yield_now().await;
    }
    let (_values, control, response) = Fed::controlled();
    let (entered, mut entering) = tokio::sync::mpsc::channel(1);
    let tell = before(move |_: &mut Context| entered.try_send(()));
    let chain = Chain::new([tell, before(wait), handler(once(response))]);
    let server = Running::start(Routes::new().get("/", chain).build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entering.recv()).await.unwrap();
    let serving = server.end();
    let answer = client.rest().await;
    assert!(answer.ends_with("\r\n\r\n0\r\n\r\n"), "{answer}");
    assert_eq!(control.end(), Some(End::Drained));
    finished(serving).await;
}

#[tokio::test]
async fn a_server_can_listen_at_once_where_another_has_ended() {
    let router = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let server = Running::start(router.build().unwrap()).await;
    let address = server.address;
    // The server closes first, so that its end of the connection lingers in the system.
    server.answer(get("/")).await;
    server.ended().await;
    Server::bind(address).await.unwrap();
}

/// No task can be cut off while it blocks its thread. The server ends nevertheless.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stage_that_blocks_does_not_hold_the_server_for_ever() {
    let (entered, mut entering) = tokio::sync::mpsc::channel(1);
    let released = Arc::new(Barrier::new(2));
    let release = Arc::clone(&released);
    let block = handler(move |_: &mut Context| {
        entered.try_send(()).unwrap();
        released.wait();
    });
    let router = Routes::new().get("/", block).build().unwrap();
    let grace = Duration::from_millis(5);
    let server = Running::start_with(router, |server| server.grace(grace)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entering.recv()).await.unwrap();
    finished(server.end()).await;
    release.wait();
}
