//! Responses that have no body, and limits of requests.

use std::{
    pin::Pin,
    task::{Context as TaskContext, Poll},
};

use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body::Frame;
use peristyle_core::{BoxError, handler};
use peristyle_server::{Body, Context, Response, Route, Routes};

use super::support::{Running, get, request};

const TEXT: &str = "content-type: text/plain; charset=utf-8\r\n";

/// 205 is framed as any other, with no content (RFC 9110, section 15.3.6).
const RESET: &str = "content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\n";

/// A stream that must not be asked for anything.
struct Unpolled;

impl http_body::Body for Unpolled {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        panic!("the body is not asked for")
    }
}

fn stream(_: &mut Context) -> Response {
    Response::new(Body::new(Unpolled))
}

#[tokio::test]
async fn head_has_the_length_of_get_and_the_next_response_follows_at_once() {
    let router = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let server = Running::start(router.build().unwrap()).await;
    let head = "HEAD / HTTP/1.1\r\nhost: a\r\n\r\n";
    let answer = server.answer(format!("{head}{head}{}", get("/"))).await;
    let first = format!("HTTP/1.1 200 OK\r\n{TEXT}content-length: 5\r\n\r\n");
    let last =
        format!("HTTP/1.1 200 OK\r\n{TEXT}connection: close\r\ncontent-length: 5\r\n\r\nhello");
    assert_eq!(answer, format!("{first}{first}{last}"));
    server.ended().await;
}

#[tokio::test]
async fn a_length_that_a_route_for_head_sets_itself_stays() {
    let length = handler(|_: &mut Context| (StatusCode::OK, [(header::CONTENT_LENGTH, "7")], ()));
    let router = Routes::new().route(Route::new(Method::HEAD, "/", length));
    let server = Running::start(router.build().unwrap()).await;
    let answer = server.answer(request("HEAD", "/")).await;
    let expected = "HTTP/1.1 200 OK\r\ncontent-length: 7\r\nconnection: close\r\n\r\n";
    assert_eq!(answer, expected);
    server.ended().await;
}

#[tokio::test]
async fn head_of_a_stream_has_no_length_and_does_not_poll_it() {
    let router = Routes::new().get("/", handler(stream));
    let server = Running::start(router.build().unwrap()).await;
    let answer = server.answer(request("HEAD", "/")).await;
    assert_eq!(answer, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
    server.ended().await;
}

#[tokio::test]
async fn no_content_and_not_modified_have_no_body_whatever_was_set() {
    let of = |status: StatusCode| {
        handler(move |_: &mut Context| (status, [(header::CONTENT_LENGTH, "5")], "hello"))
    };
    let router = Routes::new()
        .get("/204", of(StatusCode::NO_CONTENT))
        .get("/205", of(StatusCode::RESET_CONTENT))
        .get("/304", of(StatusCode::NOT_MODIFIED))
        .get(
            "/stream",
            handler(|cx: &mut Context| (StatusCode::NO_CONTENT, stream(cx))),
        )
        .build();
    let server = Running::start(router.unwrap()).await;
    let mut client = server.connect().await;
    for (path, status, headers) in [
        ("/204", "204 No Content", TEXT),
        ("/205", "205 Reset Content", RESET),
        ("/304", "304 Not Modified", TEXT),
        ("/stream", "204 No Content", ""),
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n\r\n");
        client.send(request).await;
        let head = client.until("\r\n\r\n").await;
        assert_eq!(head, format!("HTTP/1.1 {status}\r\n{headers}\r\n"));
    }
    drop(client);
    server.ended().await;
}

#[tokio::test]
async fn an_informational_status_is_a_500() {
    for status in [100, 101, 103, 199] {
        let status = StatusCode::from_u16(status).unwrap();
        let router = Routes::new().get("/", handler(move |_: &mut Context| (status, "a")));
        let server = Running::start(router.build().unwrap()).await;
        let answer = server.answer(get("/")).await;
        let start =
            "HTTP/1.1 500 Internal Server Error\r\ncontent-type: application/problem+json\r\n";
        assert!(answer.starts_with(start), "{answer}");
        assert!(answer.contains(r#"{"id":""#), "{answer}");
        server.ended().await;
    }
}

#[tokio::test]
async fn a_head_beyond_its_limits_is_a_431_and_the_connection_ends() {
    let router = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    let server = Running::start(router.build().unwrap()).await;
    let refused = "HTTP/1.1 431 Request Header Fields Too Large\r\n\
                   connection: close\r\ncontent-length: 0\r\n\r\n";
    let fields = "a: b\r\n".repeat(101);
    let answer = server.answer(format!("GET / HTTP/1.1\r\n{fields}\r\n"));
    assert_eq!(answer.await, refused);
    let fields = "a: b\r\n".repeat(98);
    let answer = server.answer(format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{fields}connection: close\r\n\r\n"
    ));
    assert!(answer.await.starts_with("HTTP/1.1 200 OK\r\n"));
    let start = "GET / HTTP/1.1\r\nhost: a\r\nx: ";
    let long = "x".repeat(64 * 1024 - start.len());
    assert_eq!(server.answer(format!("{start}{long}")).await, refused);
    // What is left unread does not reset the connection.
    let longer = "x".repeat(1 << 20);
    assert_eq!(server.answer(format!("{start}{longer}")).await, refused);
    server.ended().await;
}

async fn measure(cx: &mut Context) -> Result<String, BoxError> {
    Ok(cx.body().bytes().await?.len().to_string())
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_a_413_and_the_connection_ends() {
    let router = Routes::new().post("/", handler(measure));
    let server = Running::start(router.build().unwrap()).await;
    let declared = server.answer("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 2097153\r\n\r\n");
    let declared = declared.await;
    let start = "HTTP/1.1 413 Payload Too Large\r\ncontent-type: application/problem+json\r\n";
    assert!(declared.starts_with(start), "{declared}");
    assert!(declared.contains("the request body is larger than the limit"));
    assert_eq!(declared.matches("HTTP/1.1").count(), 1);
    server.ended().await;
}

#[tokio::test]
async fn a_chunked_body_beyond_its_limit_is_a_413_and_one_at_its_limit_is_not() {
    let router = Routes::new().post("/", handler(measure));
    let server = Running::start(router.build().unwrap()).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
    let two_mib = "x".repeat(2 << 20);
    let mut client = server.connect().await;
    client
        .send(format!("{head}200000\r\n{two_mib}\r\n0\r\n\r\n"))
        .await;
    let answer = client.until("2097152").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    client
        .send(format!("{head}200000\r\n{two_mib}\r\n1\r\nx\r\n"))
        .await;
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    server.ended().await;
}

/// A server that closed at once would reset the connection, and the client could not even finish sending.
#[tokio::test]
async fn a_client_that_is_still_sending_gets_the_early_answer() {
    let router = Routes::new().post("/", handler(measure));
    let server = Running::start(router.build().unwrap()).await;
    let size = 16 << 20;
    let mut client = server.connect().await;
    let head = format!("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: {size}\r\n\r\n");
    client.send(head).await;
    for _ in 0..16 {
        client.send(vec![b'x'; size / 16]).await;
    }
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.ends_with('}'), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn an_unread_body_does_not_become_the_next_request() {
    let router = Routes::new()
        .post("/", handler(|_: &mut Context| "unread"))
        .get("/next", handler(|_: &mut Context| "next"));
    let server = Running::start(router.build().unwrap()).await;
    let first = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello";
    let answer = server.answer(format!("{first}{}", get("/next"))).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\nnext"), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 2, "{answer}");
    server.ended().await;
}
