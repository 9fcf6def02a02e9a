//! Connections that carry more than one request.

use peristyle_core::{Link, handler};
use peristyle_server::{BodyError, Context, Exit, Routes};
use tokio::{io::AsyncWriteExt, sync::mpsc};

use crate::support::{GET, Running, Waits, get, soon};

const TEXT: &str = "content-type: text/plain; charset=utf-8\r\n";

async fn echo(cx: &mut Context) -> Result<Vec<u8>, BodyError> {
    cx.body().bytes().await.map(Vec::from)
}

fn routes() -> Routes {
    Routes::new()
        .get(
            "/{name}",
            handler(|cx: &mut Context| cx.param("name").unwrap_or_default().to_owned()),
        )
        .post("/echo", handler(echo))
        .post("/refuse", handler(|_: &mut Context| "no"))
}

async fn start() -> Running {
    Running::start(routes().build().unwrap()).await
}

fn keeping(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n")
}

fn ok(more: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\n{TEXT}{more}content-length: {length}\r\n\r\n{body}")
}

#[tokio::test]
async fn requests_that_are_sent_ahead_are_answered_in_their_order() {
    let server = start().await;
    let requests = format!("{}{}{}", keeping("/a"), keeping("/b"), get("/c"));
    let answers = [ok("", "a"), ok("", "b"), ok("connection: close\r\n", "c")];
    assert_eq!(server.answer(requests).await, answers.concat());
    server.ended().await;
}

#[tokio::test]
async fn an_answer_does_not_wait_for_the_rest_of_the_request_that_follows() {
    let server = start().await;
    let mut client = server.connect().await;
    client.send(format!("{}GET /b HT", keeping("/a"))).await;
    assert_eq!(client.until("\r\n\r\na").await, ok("", "a"));
    client.send("TP/1.1\r\nhost: a\r\n\r\n").await;
    assert_eq!(client.until("\r\n\r\nb").await, ok("", "b"));
    server.ended().await;
}

#[tokio::test]
async fn a_body_is_asked_for_when_a_stage_reads_it_and_not_before() {
    let head = "content-length: 5\r\nexpect: 100-continue\r\n\r\n";
    let server = start().await;
    let mut client = server.connect().await;
    client
        .send(format!("POST /echo HTTP/1.1\r\nhost: a\r\n{head}"))
        .await;
    assert_eq!(
        client.until("\r\n\r\n").await,
        "HTTP/1.1 100 Continue\r\n\r\n"
    );
    client.send("hello").await;
    let echoed = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 5\r\n\r\nhello";
    assert_eq!(client.until("\r\n\r\nhello").await, echoed);
    client.send(keeping("/a")).await;
    assert_eq!(client.until("\r\n\r\na").await, ok("", "a"));
    // Whoever is answered without its body does not send it, or it would be the next request.
    let refused = format!("POST /refuse HTTP/1.1\r\nhost: a\r\n{head}");
    assert_eq!(server.answer(refused).await, ok("", "no"));
    server.ended().await;
}

#[tokio::test]
async fn http_1_0_is_kept_alive_when_asked_for() {
    let server = start().await;
    let old = "GET /a HTTP/1.0\r\nhost: a\r\n\r\n";
    let body = format!("{TEXT}content-length: 1\r\n\r\na");
    assert_eq!(
        server.answer(old).await,
        format!("HTTP/1.0 200 OK\r\n{body}")
    );
    let keep = "GET /a HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n";
    let kept =
        format!("HTTP/1.0 200 OK\r\n{TEXT}connection: keep-alive\r\ncontent-length: 1\r\n\r\na");
    let answers = server.answer(format!("{keep}{old}")).await;
    assert_eq!(answers, format!("{kept}HTTP/1.0 200 OK\r\n{body}"));
    server.ended().await;
}

/// Nothing tells a client that has left from one that only sends no more (RFC 9112, section 9.6, lets a server take it so).
#[tokio::test]
async fn a_client_that_sends_no_more_gets_what_is_answered_at_once_and_interrupts_what_waits() {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, mut drops) = mpsc::channel(1);
    let waits = Link::new(Waits { entered, dropped });
    let routes = routes().get("/", waits);
    let server = Running::start(routes.build().unwrap()).await;
    let mut client = server.connect().await;
    client
        .send(format!("{}{}", keeping("/a"), keeping("/b")))
        .await;
    client.0.shutdown().await.unwrap();
    assert_eq!(client.rest().await, [ok("", "a"), ok("", "b")].concat());
    let mut client = server.connect().await;
    client.send(GET).await;
    let disconnected = soon(entering.recv()).await.unwrap();
    client.0.shutdown().await.unwrap();
    soon(drops.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    assert_eq!(client.rest().await, "");
    server.ended().await;
}
