//! Bodies that stream, and how they fail.

use bytes::Bytes;
use peristyle_core::handler;
use peristyle_server::Routes;
use tokio::net::TcpSocket;

use crate::support::{Client, Fed, Running, get, once};

const HEAD: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn each_value_is_sent_as_it_comes_and_the_end_is_told() {
    let (values, body) = Fed::new();
    let router = Routes::new().get("/", handler(once(body.response())));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(get("/")).await;
    assert_eq!(client.until("\r\n\r\n").await, HEAD);
    values.send(Ok("ab".into())).await.unwrap();
    assert_eq!(client.until("ab\r\n").await, "2\r\nab\r\n");
    values.send(Ok("cde".into())).await.unwrap();
    drop(values);
    assert_eq!(client.rest().await, "3\r\ncde\r\n0\r\n\r\n");
    server.ended().await;
}

#[tokio::test]
async fn a_body_that_fails_sends_all_before_and_then_cuts_the_connection() {
    let (values, body) = Fed::new();
    for value in ["ab", "cde"] {
        values.try_send(Ok(value.into())).unwrap();
    }
    values.try_send(Err("broken".into())).unwrap();
    let router = Routes::new().get("/", handler(once(body.response())));
    let server = Running::start(router.build().unwrap()).await;
    let answer = server.answer(get("/")).await;
    assert_eq!(answer, format!("{HEAD}2\r\nab\r\n3\r\ncde\r\n"));
    server.ended().await;
}

#[tokio::test]
async fn a_slow_reader_gets_all_before_the_failure_of_a_body() {
    const VALUES: usize = 16;
    const SIZE: usize = 512 * 1024;
    let (values, body) = Fed::new();
    for at in 0..VALUES {
        let value = vec![b'a' + u8::try_from(at).unwrap(); SIZE];
        values.try_send(Ok(Bytes::from(value))).unwrap();
    }
    values.try_send(Err("broken".into())).unwrap();
    let left = values.clone();
    let router = Routes::new().get("/", handler(once(body.response())));
    let server = Running::start(router.build().unwrap()).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut client = Client(socket.connect(server.address).await.unwrap());
    client.send(get("/")).await;
    // The server's task runs on this thread: it goes as far as it can before the client reads.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(left.capacity() < left.max_capacity(), "the socket is full");
    let read = client.rest_bytes().await;
    let at = read.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    let mut rest = &read[at..];
    for at in 0..VALUES {
        let value = vec![b'a' + u8::try_from(at).unwrap(); SIZE];
        rest = rest.strip_prefix(b"80000\r\n").expect("a chunk's size");
        rest = rest.strip_prefix(&*value).expect("a whole value");
        rest = rest.strip_prefix(b"\r\n").expect("a chunk's end");
    }
    assert_eq!(rest, b"", "the last chunk is not sent");
    server.ended().await;
}
