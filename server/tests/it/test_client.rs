//! The client of tests.

use std::future::Future;

use peristyle_core::{Chain, Link, handler};
use peristyle_server::{Context, Exit, Routes, TestClient};
use tokio::sync::mpsc;
use tokio_test::{assert_pending, assert_ready, task};

use crate::support::{Dropped, Fed, Waits, once, tells};

#[tokio::test]
async fn a_streamed_body_is_read_chunk_by_chunk() {
    let (values, body) = Fed::new();
    let router = Routes::new().get("/", handler(once(body.response())));
    let client = TestClient::new(router.build().unwrap());
    let mut response = client.get("/").send().await;
    assert_pending!(task::spawn(response.chunk()).poll());
    values.try_send(Ok("a".into())).unwrap();
    values.try_send(Ok("b".into())).unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "a");
    assert_eq!(response.chunk().await.unwrap().unwrap(), "b");
    assert_pending!(task::spawn(response.chunk()).poll());
    values.try_send(Err("broken".into())).unwrap();
    let error = response.chunk().await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "broken");
}

#[tokio::test]
async fn a_response_that_is_dropped_leaves_in_the_middle() {
    let (values, mut body) = Fed::new();
    let (dropped, mut drops) = mpsc::channel(1);
    body.dropped = Some(Dropped(dropped));
    let (tell, mut watched) = tells();
    let chain = Chain::new([tell, handler(once(body.response()))]);
    let client = TestClient::new(Routes::new().get("/", chain).build().unwrap());
    let mut response = client.get("/").send().await;
    values.try_send(Ok("a".into())).unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "a");
    assert!(drops.try_recv().is_err());
    drop(response);
    drops.try_recv().unwrap();
    let disconnected = watched.recv().await.unwrap();
    assert_eq!(disconnected.await, Exit::Left);
}

#[test]
fn a_request_that_is_dropped_leaves_while_a_stage_waits() {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, mut drops) = mpsc::channel(1);
    let router = Routes::new().get("/", Link::new(Waits { entered, dropped }));
    let client = TestClient::new(router.build().unwrap());
    let mut sending = task::spawn(client.get("/").send());
    assert_pending!(sending.poll());
    let disconnected = entering.try_recv().unwrap();
    assert!(drops.try_recv().is_err());
    drop(sending);
    drops.try_recv().unwrap();
    assert_eq!(assert_ready!(task::spawn(disconnected).poll()), Exit::Left);
}

#[test]
fn a_request_needs_no_runtime_and_is_framed_as_on_the_wire() {
    async fn echo(cx: &mut Context) -> Result<String, peristyle_core::BoxError> {
        Ok(format!("{:?} {:?}", cx.peer(), cx.body().bytes().await?))
    }
    fn now<F: Future>(future: F) -> F::Output {
        assert_ready!(task::spawn(future).poll())
    }
    let router = Routes::new()
        .post("/", handler(echo))
        .get("/", handler(|_: &mut Context| "hello"))
        .build();
    let client = TestClient::new(router.unwrap());
    let response = now(client.post("/", "hello").send());
    assert_eq!(now(response.text()).unwrap(), "None b\"hello\"");
    let response = now(client.request(http::Method::HEAD, "/").send());
    assert_eq!(response.headers()["content-length"], "5");
    assert_eq!(now(response.bytes()).unwrap(), "");
}
