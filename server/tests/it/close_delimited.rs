//! Responses of HTTP/1.0 without a length, which end with their connection: one that is cut off must not look complete.

use std::{io::ErrorKind, time::Duration};

use bytes::Bytes;
use peristyle_core::{Chain, handler};
use peristyle_server::{Exit, Routes, Server};
use tokio::{io::AsyncReadExt, task::yield_now};

use crate::support::{Client, Fed, GET, Running, Values, finished, once, soon, tells};

const OLD: &str = "GET / HTTP/1.0\r\n\r\n";
const HEAD: &str = "HTTP/1.0 200 OK\r\n\r\n";

async fn start(set: impl FnOnce(Server) -> Server) -> (Running, Values) {
    let (values, body) = Fed::new();
    let routes = Routes::new().get("/", handler(once(body.response())));
    let server = Running::start_with(routes.build().unwrap(), set).await;
    (server, values)
}

async fn ask(server: &Running) -> Client {
    let mut client = server.connect().await;
    client.send(OLD).await;
    assert_eq!(client.until("\r\n\r\n").await, HEAD);
    client
}

/// What comes, and how it ends.
async fn rest(client: &mut Client) -> (Vec<u8>, Result<(), ErrorKind>) {
    let mut read = Vec::new();
    let end = soon(client.0.read_to_end(&mut read)).await;
    (read, end.map(drop).map_err(|error| error.kind()))
}

#[tokio::test]
async fn a_body_that_ends_well_ends_its_connection_in_order() {
    let (server, values) = start(|server| server).await;
    let mut client = ask(&server).await;
    values.send(Ok("hello".into())).await.unwrap();
    drop(values);
    assert_eq!(rest(&mut client).await, (b"hello".to_vec(), Ok(())));
    server.ended().await;
}

#[tokio::test]
async fn a_body_that_ends_well_is_whole_for_a_client_that_reads_late() {
    let (server, values) = start(|server| server).await;
    let mut client = ask(&server).await;
    let piece = Bytes::from(vec![7; UNSENT]);
    values.send(Ok(piece)).await.unwrap();
    drop(values);
    server.ended().await;
    let (read, end) = rest(&mut client).await;
    assert_eq!((read.len(), end), (UNSENT, Ok(())));
}

#[tokio::test]
async fn a_body_that_fails_resets_its_connection_after_all_before() {
    let (server, values) = start(|server| server).await;
    let mut client = ask(&server).await;
    values.send(Ok("hello".into())).await.unwrap();
    values.send(Err("broken".into())).await.unwrap();
    let reset = Err(ErrorKind::ConnectionReset);
    assert_eq!(rest(&mut client).await, (b"hello".to_vec(), reset));
    server.ended().await;
}

/// What the system takes of the server, but cannot send to a client that does not read.
const UNSENT: usize = 1 << 20;

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_reset_waits_for_a_client_that_has_not_read_all_before() {
    let (server, values) = start(|server| server).await;
    let mut client = ask(&server).await;
    let piece = Bytes::from(vec![7; UNSENT]);
    values.send(Ok(piece)).await.unwrap();
    values.send(Err("broken".into())).await.unwrap();
    // Time for the server to do what it must not do yet.
    for _ in 0..1000 {
        yield_now().await;
    }
    assert!(!values.is_closed());
    let (read, end) = rest(&mut client).await;
    assert_eq!(read.len(), UNSENT);
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_never_reads_holds_a_failed_body_for_the_write_timeout() {
    let (values, body) = Fed::new();
    let (tell, mut watched) = tells();
    let answer = handler(once(body.response()));
    let routes = Routes::new().get("/", Chain::new([tell, answer]));
    let limit = Duration::from_millis(100);
    let set = |server: Server| server.write_timeout(limit);
    let server = Running::start_with(routes.build().unwrap(), set).await;
    let mut client = ask(&server).await;
    let piece = Bytes::from(vec![7; UNSENT]);
    values.send(Ok(piece)).await.unwrap();
    values.send(Err("broken".into())).await.unwrap();
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Aborted);
    let (_, end) = rest(&mut client).await;
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    server.ended().await;
}

#[tokio::test]
async fn a_body_that_the_end_of_the_server_cuts_off_resets_its_connection() {
    let (server, values) = start(|server| server.grace(Duration::ZERO)).await;
    let mut client = ask(&server).await;
    values.send(Ok("hello".into())).await.unwrap();
    let mut hello = [0; 5];
    soon(client.0.read_exact(&mut hello)).await.unwrap();
    finished(server.end()).await;
    let reset = Err(ErrorKind::ConnectionReset);
    assert_eq!(rest(&mut client).await, (Vec::new(), reset));
}

/// Its client knows that something is missing, and loses nothing to a reset.
#[tokio::test]
async fn a_body_of_declared_length_that_fails_ends_its_connection_in_order() {
    let (values, body) = Fed::new();
    let mut response = body.response();
    response.headers_mut().insert("content-length", 9.into());
    let routes = Routes::new().get("/", handler(once(response)));
    let server = Running::start(routes.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(OLD).await;
    values.send(Ok("hello".into())).await.unwrap();
    values.send(Err("broken".into())).await.unwrap();
    let (read, end) = rest(&mut client).await;
    assert!(read.ends_with(b"\r\n\r\nhello"));
    assert_eq!(end, Ok(()));
    server.ended().await;
}

/// The same for a body in chunks, which has no last one then.
#[tokio::test]
async fn over_http_1_1_a_body_that_fails_ends_its_connection_in_order() {
    let (server, values) = start(|server| server).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    values.send(Ok("hello".into())).await.unwrap();
    values.send(Err("broken".into())).await.unwrap();
    let (read, end) = rest(&mut client).await;
    assert!(read.ends_with(b"\r\n\r\n5\r\nhello\r\n"));
    assert_eq!(end, Ok(()));
    server.ended().await;
}
