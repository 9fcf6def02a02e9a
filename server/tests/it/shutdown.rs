//! How a server ends.

use std::time::Duration;

use peristyle_core::{Control, End, handler};
use peristyle_server::{Context, Routes};

use crate::support::{Fed, Running, finished, once};

const GET: &str = "GET / HTTP/1.1\r\nhost: a\r\n\r\n";

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
    server.answer(crate::support::get("/")).await;
    let serving = server.end();
    assert_eq!(unused.rest().await, "");
    finished(serving).await;
}

#[tokio::test]
async fn a_stream_that_can_drain_ends_cleanly() {
    let (values, mut body) = Fed::new();
    let (control, controlled) = Control::new();
    body.controlled = Some(controlled);
    let mut response = body.response();
    response.extensions_mut().insert(control.clone());
    let router = Routes::new().get("/", handler(once(response)));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    values.send(Ok("ab".into())).await.unwrap();
    client.until("2\r\nab\r\n").await;
    let serving = server.end();
    assert_eq!(client.rest().await, "0\r\n\r\n");
    finished(serving).await;
    assert_eq!(control.end(), Some(End::Drained));
}

#[tokio::test]
async fn a_stream_that_cannot_drain_is_cut_at_the_deadline() {
    let (values, body) = Fed::new();
    let router = Routes::new().get("/", handler(once(body.response())));
    let grace = Duration::from_millis(5);
    let server = Running::start_with(router.build().unwrap(), |server| server.grace(grace)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    values.send(Ok("ab".into())).await.unwrap();
    client.until("2\r\nab\r\n").await;
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
    let router = Routes::new().get("/", handler(once(response)));
    let grace = Duration::from_millis(5);
    let server = Running::start_with(router.build().unwrap(), |server| server.grace(grace)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    values.send(Ok("ab".into())).await.unwrap();
    client.until("2\r\nab\r\n").await;
    finished(server.end()).await;
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
    let tell = peristyle_core::before(move |_: &mut Context| entered.try_send(()));
    let chain = peristyle_core::Chain::new([tell, handler(answer)]);
    let router = Routes::new().get("/", chain);
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    crate::support::soon(entering.recv()).await.unwrap();
    let serving = server.end();
    let answer = client.rest().await;
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nfinished"), "{answer}");
    finished(serving).await;
}
