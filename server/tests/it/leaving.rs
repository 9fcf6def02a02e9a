//! Clients that leave.

use peristyle_core::{Chain, Link, handler};
use peristyle_server::{Exit, Routes};
use tokio::sync::mpsc;

use super::support::{Dropped, Fed, GET, Running, Waits, once, soon, tells};

#[tokio::test]
async fn a_client_that_leaves_while_a_stage_waits_drops_the_stage() {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, mut drops) = mpsc::channel(1);
    let router = Routes::new().get("/", Link::new(Waits { entered, dropped }));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    let disconnected = soon(entering.recv()).await.unwrap();
    assert!(drops.try_recv().is_err());
    drop(client);
    soon(drops.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_leaves_while_a_body_streams_drops_the_body() {
    let (values, mut body) = Fed::new();
    let (dropped, mut drops) = mpsc::channel(1);
    body.dropped = Some(Dropped(dropped));
    let (tell, mut watched) = tells();
    let answer = handler(once(body.response()));
    let router = Routes::new().get("/", Chain::new([tell, answer]));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    values.send(Ok("hello".into())).await.unwrap();
    client.until("5\r\nhello\r\n").await;
    assert!(drops.try_recv().is_err());
    drop(client);
    soon(drops.recv()).await.unwrap();
    assert!(values.is_closed());
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    server.ended().await;
}
