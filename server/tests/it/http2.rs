//! HTTP/2 by prior knowledge.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Empty};
use hyper::{
    body::Incoming,
    client::conn::http2::{SendRequest, handshake},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peristyle_core::{Chain, End, Link, handler};
use peristyle_server::{Context, Exit, Routes};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet};

use super::support::{Dropped, Fed, Running, Waits, finished, once, soon, tells};

struct Client {
    requests: SendRequest<Empty<Bytes>>,
    address: SocketAddr,
    _connection: JoinSet<()>,
}

impl Client {
    async fn connect(server: &Running) -> Self {
        let stream = TcpStream::connect(server.address).await.unwrap();
        let connected = handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (requests, connection) = soon(connected).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(async { drop(connection.await) });
        Self {
            requests,
            address: server.address,
            _connection: tasks,
        }
    }

    async fn get(&mut self, path: &str) -> Response<Incoming> {
        let uri = format!("http://{}{path}", self.address);
        let request = Request::get(uri).body(Empty::new()).unwrap();
        soon(self.requests.send_request(request)).await.unwrap()
    }
}

#[tokio::test]
async fn prior_knowledge_of_http_2_is_understood_on_the_same_port() {
    let router = Routes::new().get(
        "/",
        handler(|cx: &mut Context| format!("{:?}", cx.request().version)),
    );
    let server = Running::start(router.build().unwrap()).await;
    let mut client = Client::connect(&server).await;
    let response = client.get("/").await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-length"], "8");
    let body = soon(response.into_body().collect()).await.unwrap();
    assert_eq!(body.to_bytes(), "HTTP/2.0");
    let answer = server.answer(crate::support::get("/")).await;
    assert!(answer.ends_with("HTTP/1.1"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn a_body_that_fails_resets_its_stream_after_all_before() {
    let (values, body) = Fed::new();
    values.try_send(Ok("ab".into())).unwrap();
    values.try_send(Ok("cd".into())).unwrap();
    values.try_send(Err("broken".into())).unwrap();
    let router = Routes::new()
        .get("/broken", handler(once(body.response())))
        .get("/", handler(|_: &mut Context| "hello"));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = Client::connect(&server).await;
    let mut body = client.get("/broken").await.into_body();
    let mut read = Vec::new();
    let error = loop {
        match soon(body.frame()).await.expect("it ends with an error") {
            Ok(frame) => read.extend(frame.into_data().unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(read, b"abcd");
    assert!(format!("{error:?}").contains("Reset("), "{error:?}");
    assert_eq!(client.get("/").await.status(), 200);
    drop(client);
    server.ended().await;
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_declared_resets_its_stream() {
    for values in [&["ab"][..], &["abcd"], &["ab", "cd"], &["abc", "d"]] {
        let (sender, body) = Fed::new();
        for value in values {
            sender.try_send(Ok((*value).into())).unwrap();
        }
        drop(sender);
        let mut response = body.response();
        response.headers_mut().insert("content-length", 3.into());
        let router = Routes::new()
            .get("/broken", handler(once(response)))
            .get("/", handler(|_: &mut Context| "hello"));
        let server = Running::start(router.build().unwrap()).await;
        let mut client = Client::connect(&server).await;
        let body = client.get("/broken").await.into_body();
        let error = soon(body.collect()).await.unwrap_err();
        assert!(format!("{error:?}").contains("Reset("), "{error:?}");
        assert_eq!(client.get("/").await.status(), 200);
        drop(client);
        server.ended().await;
    }
}

#[tokio::test]
async fn a_stream_that_is_reset_drops_its_body_and_no_other() {
    let (values, mut body) = Fed::new();
    let (dropped, mut drops) = mpsc::channel(1);
    body.dropped = Some(Dropped(dropped));
    let (tell, mut watched) = tells();
    let router = Routes::new()
        .get("/left", Chain::new([tell, handler(once(body.response()))]))
        .get("/", handler(|_: &mut Context| "hello"));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = Client::connect(&server).await;
    let response = client.get("/left").await;
    assert!(!values.is_closed());
    drop(response);
    soon(drops.recv()).await.unwrap();
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    assert_eq!(client.get("/").await.status(), 200);
    drop(client);
    server.ended().await;
}

#[tokio::test]
async fn a_stream_that_can_drain_ends_cleanly_when_the_server_ends() {
    let (values, control, response) = Fed::controlled();
    let router = Routes::new().get("/", handler(once(response)));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = Client::connect(&server).await;
    let response = client.get("/").await;
    values.try_send(Ok("ab".into())).unwrap();
    let mut body = response.into_body();
    let frame = soon(body.frame()).await.unwrap().unwrap();
    assert_eq!(frame.into_data().unwrap(), "ab");
    let serving = server.end();
    let rest = soon(body.collect()).await.unwrap();
    assert!(rest.to_bytes().is_empty());
    finished(serving).await;
    assert_eq!(control.end(), Some(End::Drained));
}

/// A client that asks for a stage that waits for ever, and what tells that the stage was dropped.
async fn waiting() -> (Running, JoinSet<()>, mpsc::Receiver<()>) {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, drops) = mpsc::channel(1);
    let router = Routes::new().get("/", Link::new(Waits { entered, dropped }));
    let grace = Duration::from_millis(5);
    let server = Running::start_with(router.build().unwrap(), |server| server.grace(grace)).await;
    let mut client = Client::connect(&server).await;
    let mut asking = JoinSet::new();
    asking.spawn(async move { drop(client.get("/").await) });
    soon(entering.recv()).await.unwrap();
    (server, asking, drops)
}

#[tokio::test]
async fn a_client_that_closes_its_connection_drops_the_stage_that_waits() {
    let (server, asking, mut drops) = waiting().await;
    assert!(drops.try_recv().is_err());
    drop(asking);
    soon(drops.recv()).await.unwrap();
    server.ended().await;
}

#[tokio::test]
async fn a_stage_that_waits_is_dropped_at_the_deadline() {
    let (server, _asking, mut drops) = waiting().await;
    finished(server.end()).await;
    soon(drops.recv()).await.unwrap();
}
