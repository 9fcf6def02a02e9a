//! HTTP/2 by prior knowledge.

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peristyle_core::{Chain, Control, End, before, handler};
use peristyle_server::{Context, Exit, Routes};
use tokio::{net::TcpStream, sync::mpsc, task::JoinSet};

use crate::support::{Dropped, Fed, Running, finished, once, soon};

/// The connection lives as long as the tasks.
async fn connect(server: &Running, tasks: &mut JoinSet<()>) -> SendRequest<Empty<Bytes>> {
    let stream = TcpStream::connect(server.address).await.unwrap();
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream))
        .await
        .unwrap();
    tasks.spawn(async { drop(connection.await) });
    client
}

fn get(server: &Running, path: &str) -> Request<Empty<Bytes>> {
    let uri = format!("http://{}{path}", server.address);
    Request::get(uri).body(Empty::new()).unwrap()
}

#[tokio::test]
async fn prior_knowledge_of_http_2_is_understood_on_the_same_port() {
    let router = Routes::new().get(
        "/",
        handler(|cx: &mut Context| format!("{:?}", cx.request().version)),
    );
    let server = Running::start(router.build().unwrap()).await;
    let mut tasks = JoinSet::new();
    let mut client = connect(&server, &mut tasks).await;
    let response = soon(client.send_request(get(&server, "/"))).await.unwrap();
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
    let mut tasks = JoinSet::new();
    let mut client = connect(&server, &mut tasks).await;
    let response = soon(client.send_request(get(&server, "/broken"))).await;
    let mut body = response.unwrap().into_body();
    let mut read = Vec::new();
    let error = loop {
        match soon(body.frame()).await.expect("it ends with an error") {
            Ok(frame) => read.extend(frame.into_data().unwrap()),
            Err(error) => break error,
        }
    };
    assert_eq!(read, b"abcd");
    assert!(format!("{error:?}").contains("Reset("), "{error:?}");
    let response = soon(client.send_request(get(&server, "/"))).await;
    assert_eq!(response.unwrap().status(), 200);
    drop(client);
    server.ended().await;
}

#[tokio::test]
async fn a_stream_that_is_reset_drops_its_body_and_no_other() {
    let (values, mut body) = Fed::new();
    let (dropped, mut drops) = mpsc::channel(1);
    body.dropped = Some(Dropped(dropped));
    let (watch, mut watched) = mpsc::channel(1);
    let tell = before(move |cx: &mut Context| drop(watch.try_send(cx.disconnected())));
    let router = Routes::new()
        .get("/left", Chain::new([tell, handler(once(body.response()))]))
        .get("/", handler(|_: &mut Context| "hello"));
    let server = Running::start(router.build().unwrap()).await;
    let mut tasks = JoinSet::new();
    let mut client = connect(&server, &mut tasks).await;
    let response = soon(client.send_request(get(&server, "/left")))
        .await
        .unwrap();
    assert!(!values.is_closed());
    drop(response);
    soon(drops.recv()).await.unwrap();
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    let response = soon(client.send_request(get(&server, "/"))).await;
    assert_eq!(response.unwrap().status(), 200);
    drop(client);
    server.ended().await;
}

#[tokio::test]
async fn a_stream_that_can_drain_ends_cleanly_when_the_server_ends() {
    let (values, mut body) = Fed::new();
    let (control, controlled) = Control::new();
    body.controlled = Some(controlled);
    let mut response = body.response();
    response.extensions_mut().insert(control.clone());
    let router = Routes::new().get("/", handler(once(response)));
    let server = Running::start(router.build().unwrap()).await;
    let mut tasks = JoinSet::new();
    let mut client = connect(&server, &mut tasks).await;
    let response = soon(client.send_request(get(&server, "/"))).await.unwrap();
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
