//! Bodies that stream, and how they fail.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll, ready},
};

use bytes::Bytes;
use http::{StatusCode, header::CONTENT_LENGTH};
use http_body::{Body, Frame};
use peristyle_core::{BoxError, handler};
use peristyle_server::{Context, Response, Routes};
use tokio::net::TcpSocket;

use super::support::{Client, Fed, GET, Running, get, once, request};

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

/// Wakes itself so often before each value, and counts how often it is asked.
struct Asked {
    fed: Fed,
    asked: Arc<AtomicUsize>,
    hesitates: usize,
    hesitated: usize,
}

impl Body for Asked {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if self.hesitated < self.hesitates {
            self.hesitated += 1;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let frame = ready!(Pin::new(&mut self.fed).poll_frame(cx));
        self.hesitated = 0;
        Poll::Ready(frame)
    }
}

#[tokio::test]
async fn a_body_is_asked_for_a_value_and_whether_there_is_another() {
    for hesitates in [0, 3] {
        let asked = Arc::new(AtomicUsize::new(0));
        let (values, fed) = Fed::new();
        let body = Asked {
            fed,
            asked: Arc::clone(&asked),
            hesitates,
            hesitated: 0,
        };
        let response = Response::new(peristyle_server::Body::new(body));
        let router = Routes::new().get("/", handler(once(response)));
        let server = Running::start(router.build().unwrap()).await;
        let mut client = server.connect().await;
        client.send(get("/")).await;
        client.until("\r\n\r\n").await;
        let waits = hesitates + 1;
        let mut expected = waits;
        for value in ["a", "b", "c", "d"] {
            while asked.load(Ordering::Relaxed) < expected {
                tokio::task::yield_now().await;
            }
            values.send(Ok(value.into())).await.unwrap();
            client.until(&format!("{value}\r\n")).await;
            expected += 1 + waits;
        }
        while asked.load(Ordering::Relaxed) < expected {
            tokio::task::yield_now().await;
        }
        drop(values);
        assert_eq!(client.rest().await, "0\r\n\r\n");
        assert_eq!(asked.load(Ordering::Relaxed), expected + 1);
        server.ended().await;
    }
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
    const VALUES: usize = 48;
    const SIZE: usize = 128 * 1024;
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
    let mut whole = Vec::new();
    while !rest.is_empty() {
        let size = rest.windows(2).position(|end| end == b"\r\n").unwrap();
        let (digits, after) = rest.split_at(size);
        let size = usize::from_str_radix(str::from_utf8(digits).unwrap(), 16).unwrap();
        assert!(size > 0, "the last chunk is not sent");
        let (chunk, after) = after[2..].split_at(size);
        whole.extend_from_slice(chunk);
        rest = after.strip_prefix(b"\r\n").expect("a chunk's end");
    }
    assert_eq!(whole.len(), VALUES * SIZE);
    for (at, value) in whole.chunks(SIZE).enumerate() {
        assert!(
            value
                .iter()
                .all(|byte| *byte == b'a' + u8::try_from(at).unwrap())
        );
    }
    server.ended().await;
}

/// A body of these values, then its end, under a head that declares three bytes.
fn declaring_three(values: &[&'static str]) -> Response {
    let (sender, body) = Fed::new();
    for value in values {
        sender.try_send(Ok((*value).into())).unwrap();
    }
    let mut response = body.response();
    response.headers_mut().insert(CONTENT_LENGTH, 3.into());
    response
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_declared_cuts_the_connection() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n";
    for (values, sent) in [
        (&[][..], ""),
        (&["ab"], "ab"),
        (&["a", "b"], "ab"),
        (&["abcd"], ""),
        (&["abc", "d"], ""),
        (&["ab", "cd"], "ab"),
        (&["ab", "c", "", "d"], "ab"),
    ] {
        let broken = handler(once(declaring_three(values)));
        let server = Running::start(Routes::new().get("/", broken).build().unwrap()).await;
        // The connection would go on to the second request.
        let answer = server.answer(format!("{GET}{}", get("/"))).await;
        assert_eq!(answer, format!("{head}{sent}"), "{values:?}");
        server.ended().await;
    }
}

#[tokio::test]
async fn a_body_that_is_as_long_as_declared_keeps_the_connection() {
    for values in [&["abc"][..], &["a", "", "bc"], &["ab", "c", ""]] {
        let whole = handler(once(declaring_three(values)));
        let router = Routes::new()
            .get("/", whole)
            .post("/", handler(|_: &mut Context| "next"));
        let server = Running::start(router.build().unwrap()).await;
        let answer = server
            .answer(format!("{GET}{}", request("POST", "/")))
            .await;
        let start = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\n";
        assert!(answer.starts_with(start), "{answer}");
        server.ended().await;
    }
}

/// What is declared as empty is complete with its head: only before that can it fail.
#[tokio::test]
async fn a_whole_body_that_is_longer_than_declared_is_a_500() {
    for (declared, body) in [("0", "a"), ("2", "abc")] {
        let head = [(CONTENT_LENGTH, declared)];
        let broken = handler(move |_: &mut Context| (StatusCode::OK, head.clone(), body));
        let server = Running::start(Routes::new().get("/", broken).build().unwrap()).await;
        let answer = server.answer(get("/")).await;
        assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
        server.ended().await;
    }
}

#[tokio::test]
async fn a_length_that_no_body_follows_is_not_compared() {
    for (method, status) in [("HEAD", 200), ("GET", 204), ("GET", 304)] {
        let status = StatusCode::from_u16(status).unwrap();
        let head = [(CONTENT_LENGTH, "2")];
        let long = handler(move |_: &mut Context| (status, head.clone(), "abc"));
        let server = Running::start(Routes::new().get("/", long).build().unwrap()).await;
        let answer = server.answer(request(method, "/")).await;
        let start = format!("HTTP/1.1 {} ", status.as_u16());
        assert!(answer.starts_with(&start), "{answer}");
        assert!(answer.ends_with("\r\n\r\n"), "{answer}");
        server.ended().await;
    }
}

#[tokio::test]
async fn an_empty_body_that_declares_a_length_cuts_the_connection() {
    let head = [(CONTENT_LENGTH, "3")];
    let broken = handler(move |_: &mut Context| (StatusCode::OK, head.clone(), ()));
    let server = Running::start(Routes::new().get("/", broken).build().unwrap()).await;
    let answer = server.answer(format!("{GET}{}", get("/"))).await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n");
    server.ended().await;
}
