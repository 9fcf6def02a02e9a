//! Compressed responses.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, StatusCode, header};
use http_body::Frame;
use peristyle_core::{BoxError, Control, End, Link, handler};
use peristyle_server::{
    Body, Context, Exchange, Response, Route, Routes, TestClient, TestRequest, TestResponse,
    interceptors::{Coding, Compression},
};
use tokio::sync::mpsc;
use tokio_test::{assert_pending, task::spawn};

use super::{
    codecs::{CODINGS, decode, noise, readable},
    header, refuse, value,
};
use crate::support::{Dropped, Fed, Running, once};

fn compressed() -> Link<Exchange> {
    Link::new(Compression::new())
}

/// A server whose `/` answers with these headers and this body, each time anew.
fn answers(
    compression: Compression,
    headers: &'static [(&'static str, &'static str)],
    body: impl Fn() -> Body + Send + Sync + 'static,
) -> TestClient {
    let answer = handler(move |_: &mut Context| {
        let mut response = Response::new(body());
        for (name, text) in headers {
            response.headers_mut().append(*name, value(text));
        }
        response
    });
    let routes = Routes::new().interceptors(Link::new(compression));
    TestClient::new(routes.get("/", answer).build().unwrap())
}

fn asks<'a>(client: &'a TestClient, codings: &'static str) -> TestRequest<'a> {
    let request = client.get("/");
    request.header(header::ACCEPT_ENCODING, value(codings))
}

fn large() -> String {
    "what is said again and again, ".repeat(3000)
}

fn every() -> Compression {
    let all = [Coding::Gzip, Coding::Deflate, Coding::Brotli];
    #[cfg(feature = "zstd")]
    let all = all.into_iter().chain([Coding::Zstd]);
    Compression::new().codings(all)
}

#[tokio::test]
async fn a_whole_body_is_encoded_as_the_client_asks_and_says_so() {
    let headers = &[("etag", "\"abc\""), ("accept-ranges", "bytes")];
    for length in [1024, 32 * 1024, 32 * 1024 + 1, 90_000] {
        let client = answers(every(), headers, move || {
            large()[..length].to_owned().into()
        });
        for coding in CODINGS {
            let response = asks(&client, coding).send().await;
            assert_eq!(response.status(), 200);
            assert_eq!(header(&response, "content-encoding"), *coding);
            assert_eq!(header(&response, "vary"), "accept-encoding");
            assert_eq!(header(&response, "etag"), "W/\"abc\"");
            assert_eq!(header(&response, "accept-ranges"), "");
            let encoded = response.bytes().await.unwrap();
            assert!(encoded.len() < length / 5, "{coding}: {}", encoded.len());
            let decoded = decode(coding, &encoded).unwrap();
            assert!(decoded == large().as_bytes()[..length], "{coding} {length}");
        }
    }
}

#[tokio::test]
async fn without_being_asked_nothing_changes_but_vary() {
    let headers = &[("etag", "\"abc\""), ("accept-ranges", "bytes")];
    let client = answers(Compression::new(), headers, || large().into());
    for response in [
        client.get("/"),
        asks(&client, "identity, compress, gzip;q=0"),
    ] {
        let response = response.send().await;
        assert_eq!(header(&response, "content-encoding"), "");
        assert_eq!(header(&response, "vary"), "accept-encoding");
        assert_eq!(header(&response, "etag"), "\"abc\"");
        assert_eq!(header(&response, "accept-ranges"), "bytes");
        assert_eq!(response.text().await.unwrap(), large());
    }
}

#[tokio::test]
async fn br_goes_before_gzip_and_zstd_before_both_unless_said_otherwise() {
    let best = if cfg!(feature = "zstd") { "zstd" } else { "br" };
    let client = answers(Compression::new(), &[], || large().into());
    let response = asks(&client, "gzip, deflate, br, zstd").send().await;
    assert_eq!(header(&response, "content-encoding"), best);
    let response = asks(&client, "deflate").send().await;
    assert_eq!(header(&response, "content-encoding"), "");
    let own = Compression::new().codings([Coding::Gzip, Coding::Brotli]);
    let client = answers(own, &[], || large().into());
    let response = asks(&client, "gzip, deflate, br, zstd").send().await;
    assert_eq!(header(&response, "content-encoding"), "gzip");
}

/// The head of an answer, sorted and without its date, and the bytes of its body.
async fn exchanged(server: &Running, method: &str, path: &str) -> (String, Vec<u8>) {
    let mut client = server.connect().await;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: a\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n"
    );
    client.send(request).await;
    let answer = client.rest_bytes().await;
    let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let lines = head.lines().filter(|line| !line.starts_with("date: "));
    let mut lines: Vec<_> = lines.collect();
    lines.sort_unstable();
    (lines.join("\n"), answer[end..].to_vec())
}

#[tokio::test]
async fn on_the_wire_the_length_is_right_and_head_has_the_headers_of_get() {
    let declares = |length: usize| {
        handler(move |_: &mut Context| {
            let mut response = Response::new(large().into());
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_LENGTH, length.into());
            response
        })
    };
    let streams = handler(|_: &mut Context| {
        let (values, body) = Fed::new();
        values.try_send(Ok(large().into())).unwrap();
        let mut response = body.response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, large().len().into());
        response
    });
    let small = handler(|_: &mut Context| "a".repeat(2000));
    let routes = Routes::new()
        .interceptors(compressed())
        .get("/large", declares(large().len()))
        .get("/small", small)
        .get("/stream", streams);
    let server = Running::start(routes.build().unwrap()).await;
    for path in ["/large", "/small", "/stream"] {
        let (head, body) = exchanged(&server, "GET", path).await;
        assert!(head.contains("content-encoding: gzip"), "{head}");
        let length = format!("content-length: {}", body.len());
        if path == "/stream" {
            assert!(!head.contains("content-length"), "{head}");
        } else {
            assert!(head.contains(&length), "{head}");
            decode("gzip", &body).unwrap();
        }
        let (of_head, nothing) = exchanged(&server, "HEAD", path).await;
        assert_eq!(nothing, b"");
        let of_head = of_head.replace("\ntransfer-encoding: chunked", "");
        assert_eq!(of_head, head.replace("\ntransfer-encoding: chunked", ""));
    }
    server.ended().await;
}

#[tokio::test]
async fn a_route_of_its_own_for_head_says_what_get_would() {
    let headers = &[("content-length", "90000"), ("etag", "\"abc\"")];
    let answer = handler(move |_: &mut Context| {
        let mut response = Response::default();
        for (name, text) in headers {
            response.headers_mut().append(*name, value(text));
        }
        response
    });
    let routes = Routes::new().interceptors(compressed());
    let routes = routes.route(Route::new(Method::HEAD, "/", answer));
    let client = TestClient::new(routes.build().unwrap());
    let request = client.request(Method::HEAD, "/");
    let request = request.header(header::ACCEPT_ENCODING, value("gzip"));
    let response = request.send().await;
    assert_eq!(header(&response, "content-encoding"), "gzip");
    assert_eq!(header(&response, "content-length"), "");
    assert_eq!(header(&response, "etag"), "W/\"abc\"");
}

#[tokio::test]
async fn what_is_not_to_be_compressed_is_left_alone() {
    let untouched: [&'static [(&str, &str)]; 13] = [
        &[("content-encoding", "br")],
        &[("content-encoding", "identity")],
        &[("content-range", "bytes 0-89999/100000")],
        &[("cache-control", "max-age=5, No-Transform")],
        &[("content-digest", "sha-256=:AAAA:")],
        &[("content-type", "image/png")],
        &[("content-type", "IMAGE/JPEG; q=1")],
        &[("content-type", "video/mp4")],
        &[("content-type", "application/zip")],
        &[("content-type", "application/octet-stream")],
        &[("content-type", "application/grpc+proto")],
        &[("content-type", "font/woff2")],
        &[("content-type", "text/event-stream; charset=utf-8")],
    ];
    for headers in untouched {
        let client = answers(Compression::new(), headers, || large().into());
        let response = asks(&client, "gzip").send().await;
        let encoding = headers.iter().find(|it| it.0 == "content-encoding");
        let encoding = encoding.map_or("", |it| it.1);
        assert_eq!(
            header(&response, "content-encoding"),
            encoding,
            "{headers:?}"
        );
        assert_eq!(header(&response, "vary"), "", "{headers:?}");
        assert_eq!(response.text().await.unwrap(), large());
    }
    let compressed: [&'static [(&str, &str)]; 5] = [
        &[],
        &[("content-type", "image/svg+xml")],
        &[("content-type", "application/json")],
        &[("content-type", "application/problem+json")],
        &[("cache-control", "private")],
    ];
    for headers in compressed {
        let client = answers(Compression::new(), headers, || large().into());
        let response = asks(&client, "gzip").send().await;
        assert_eq!(header(&response, "content-encoding"), "gzip", "{headers:?}");
    }
}

async fn of_status(status: StatusCode, body: &'static str) -> TestResponse {
    let answer = handler(move |_: &mut Context| {
        let etag = [(header::ETAG, "\"abc\"")];
        (status, etag, body.repeat(2000))
    });
    let routes = Routes::new().interceptors(compressed()).get("/", answer);
    let client = TestClient::new(routes.build().unwrap());
    asks(&client, "gzip").send().await
}

#[tokio::test]
async fn a_status_without_a_whole_body_is_left_alone_and_not_modified_has_the_tag_of_200() {
    for status in [204, 205, 206] {
        let status = StatusCode::from_u16(status).unwrap();
        let response = of_status(status, "a").await;
        assert_eq!(header(&response, "content-encoding"), "", "{status}");
        assert_eq!(header(&response, "vary"), "", "{status}");
        assert_eq!(header(&response, "etag"), "\"abc\"", "{status}");
    }
    let response = of_status(StatusCode::NOT_MODIFIED, "").await;
    assert_eq!(header(&response, "content-encoding"), "");
    assert_eq!(header(&response, "vary"), "accept-encoding");
    assert_eq!(header(&response, "etag"), "W/\"abc\"");
    let response = of_status(StatusCode::CONFLICT, "a").await;
    assert_eq!(header(&response, "content-encoding"), "gzip");
}

#[tokio::test]
async fn what_is_small_or_gets_no_smaller_is_sent_as_it_is() {
    let small = answers(Compression::new(), &[], || "a".repeat(1023).into());
    let least = answers(Compression::new().at_least(1023), &[], || {
        "a".repeat(1023).into()
    });
    let random = answers(Compression::new(), &[], || noise(100_000).into());
    let empty = answers(Compression::new().at_least(0), &[], Body::empty);
    let declared = answers(Compression::new(), &[("content-length", "5")], || {
        let (values, body) = Fed::new();
        values.try_send(Ok("small".into())).unwrap();
        Body::new(body)
    });
    let cases = [
        (small, ""),
        (least, "gzip"),
        (random, ""),
        (empty, ""),
        (declared, ""),
    ];
    for (client, expected) in cases {
        let response = asks(&client, "gzip").send().await;
        assert_eq!(header(&response, "content-encoding"), expected);
        assert_eq!(header(&response, "vary"), "accept-encoding");
    }
}

#[tokio::test]
async fn a_client_that_refuses_a_body_as_it_is_gets_a_small_one_encoded_and_never_a_406() {
    let client = answers(Compression::new(), &[], || "small".into());
    let response = asks(&client, "gzip, identity;q=0").send().await;
    assert_eq!(header(&response, "content-encoding"), "gzip");
    let encoded = response.bytes().await.unwrap();
    assert_eq!(decode("gzip", &encoded).unwrap(), b"small");
    let response = asks(&client, "compress, *;q=0").send().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), "small");
}

#[tokio::test]
async fn an_error_that_was_rendered_inside_is_compressed_too() {
    let compression = Link::new(Compression::new().at_least(1));
    let routes = Routes::new().interceptors(compression).get("/", refuse());
    let client = TestClient::new(routes.build().unwrap());
    let response = asks(&client, "gzip, identity;q=0").send().await;
    assert_eq!(response.status(), 409);
    assert_eq!(header(&response, "content-encoding"), "gzip");
    assert_eq!(header(&response, "vary"), "accept | accept-encoding");
}

/// A client of `/`, which streams what is sent.
fn streaming(compression: Compression, response: Response) -> TestClient {
    let routes = Routes::new().interceptors(Link::new(compression));
    let routes = routes.get("/", handler(once(response)));
    TestClient::new(routes.build().unwrap())
}

#[tokio::test]
async fn each_value_of_a_stream_can_be_decoded_before_the_next_is_made() {
    // What decodes zstd here gives nothing out before a window is full.
    for coding in CODINGS.iter().filter(|it| **it != "zstd") {
        let (values, body) = Fed::new();
        let client = streaming(every(), body.response());
        let mut response = asks(&client, coding).send().await;
        assert_eq!(header(&response, "content-encoding"), *coding);
        let (mut encoded, mut expected) = (Vec::new(), Vec::new());
        for value in ["one", "", "two and more", "three", &large()] {
            values.try_send(Ok(Bytes::from(value.to_owned()))).unwrap();
            expected.extend_from_slice(value.as_bytes());
            let mut reading = spawn(async {
                while readable(coding, &encoded) != expected {
                    encoded.extend_from_slice(&response.chunk().await.unwrap().unwrap());
                }
            });
            while reading.poll().is_pending() {
                assert!(reading.is_woken(), "{coding} holds {value} back");
            }
        }
        drop(values);
        while let Some(data) = response.chunk().await {
            encoded.extend_from_slice(&data.unwrap());
        }
        assert!(decode(coding, &encoded).unwrap() == expected);
    }
}

#[tokio::test]
async fn a_stream_that_fails_fails_encoded_too_and_never_looks_complete() {
    for coding in CODINGS {
        let (values, body) = Fed::new();
        let client = streaming(every(), body.response());
        let mut response = asks(&client, coding).send().await;
        values.try_send(Ok("the first ".into())).unwrap();
        values.try_send(Err("broken".into())).unwrap();
        let mut encoded = Vec::new();
        let error = loop {
            match response.chunk().await.expect("it does not just end") {
                Ok(data) => encoded.extend_from_slice(&data),
                Err(error) => break error,
            }
        };
        assert_eq!(error.to_string(), "broken");
        assert!(decode(coding, &encoded).is_err(), "{coding}");
    }
}

#[tokio::test]
async fn a_stream_that_has_not_its_declared_length_fails() {
    for (declared, well) in [(2000, false), (2001, true), (2002, false)] {
        let (values, body) = Fed::new();
        let mut response = body.response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_LENGTH, declared.into());
        let client = streaming(Compression::new(), response);
        values.try_send(Ok(vec![b'a'; 2000].into())).unwrap();
        values.try_send(Ok("b".into())).unwrap();
        drop(values);
        let response = asks(&client, "gzip").send().await;
        assert_eq!(header(&response, "content-encoding"), "gzip");
        let encoded = response.bytes().await;
        assert_eq!(encoded.is_ok(), well, "{declared}");
        let whole = encoded.map_or(0, |it| decode("gzip", &it).unwrap().len());
        assert_eq!(whole, if well { declared } else { 0 });
    }
}

#[tokio::test]
async fn an_event_stream_is_compressed_only_if_asked_for() {
    let cases = [
        (Compression::new(), ""),
        (Compression::new().event_streams(), "gzip"),
    ];
    for (compression, expected) in cases {
        let (values, body) = Fed::new();
        let mut response = body.response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, value("text/event-stream"));
        let client = streaming(compression, response);
        values.try_send(Ok("data: a\n\n".into())).unwrap();
        let mut response = asks(&client, "gzip").send().await;
        assert_eq!(header(&response, "content-encoding"), expected);
        let first = response.chunk().await.unwrap().unwrap();
        if expected.is_empty() {
            assert_eq!(first, "data: a\n\n");
        } else {
            assert_eq!(readable("gzip", &first), b"data: a\n\n");
        }
    }
}

/// A body of one value and trailers.
struct WithTrailers(Vec<Frame<Bytes>>);

impl http_body::Body for WithTrailers {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        std::task::Poll::Ready(self.0.pop().map(Ok))
    }
}

#[tokio::test]
async fn trailers_come_after_the_end_of_what_is_encoded() {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("x-sum", value("7"));
    let last = Frame::trailers(trailers);
    let frames = vec![last, Frame::data(large().into())];
    let mut response = Response::new(Body::new(WithTrailers(frames)));
    let headers = response.headers_mut();
    headers.insert(header::TRAILER, value("x-sum"));
    let routes = Routes::new().interceptors(compressed());
    let routes = routes.get("/", handler(once(response)));
    let server = Running::start(routes.build().unwrap()).await;
    let mut client = server.connect().await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\nte: trailers\r\naccept-encoding: gzip\r\nconnection: close\r\n\r\n";
    client.send(request).await;
    let answer = client.rest_bytes().await;
    let end = b"\r\n0\r\nx-sum: 7\r\n\r\n";
    assert!(answer.ends_with(end), "{}", answer.escape_ascii());
    server.ended().await;
}

#[tokio::test]
async fn the_control_stays_and_a_drain_ends_the_encoded_body_well() {
    let (values, control, response) = Fed::controlled();
    let client = streaming(Compression::new(), response);
    let mut response = asks(&client, "gzip").send().await;
    let carried = response.extensions().get::<Control>().unwrap().clone();
    values.try_send(Ok("a value".into())).unwrap();
    let mut encoded = response.chunk().await.unwrap().unwrap().to_vec();
    {
        let mut next = spawn(response.chunk());
        assert_pending!(next.poll());
        carried.drain();
        assert!(next.is_woken());
    }
    encoded.extend_from_slice(&response.bytes().await.unwrap());
    assert_eq!(control.end(), Some(End::Drained));
    assert_eq!(decode("gzip", &encoded).unwrap(), b"a value");
}

#[tokio::test]
async fn a_client_that_leaves_drops_the_body_inside() {
    let (tell, mut told) = mpsc::channel(1);
    let (_values, mut body) = Fed::new();
    body.dropped = Some(Dropped(tell));
    let client = streaming(Compression::new(), body.response());
    let response = asks(&client, "gzip").send().await;
    assert_eq!(header(&response, "content-encoding"), "gzip");
    assert!(told.try_recv().is_err());
    drop(response);
    assert_eq!(told.try_recv(), Ok(()));
}

const MEBIBYTES: usize = 4 * 1024 * 1024;
const SLICES: usize = MEBIBYTES / (32 * 1024);

#[test]
fn a_large_whole_body_is_compressed_in_slices() {
    let whole = Arc::new(Bytes::from(vec![b'a'; MEBIBYTES]));
    let body = whole.clone();
    let client = answers(Compression::new(), &[], move || Bytes::clone(&body).into());
    let mut sending = spawn(asks(&client, "gzip").send());
    let mut waits = 0;
    let response = loop {
        match sending.poll() {
            std::task::Poll::Ready(response) => break response,
            std::task::Poll::Pending => {
                assert!(sending.is_woken());
                waits += 1;
            }
        }
    };
    assert_eq!(waits, SLICES - 1);
    let mut reading = spawn(response.bytes());
    let encoded = tokio_test::assert_ready!(reading.poll()).unwrap();
    assert!(decode("gzip", &encoded).unwrap() == **whole);
}

#[test]
fn a_large_value_of_a_stream_is_compressed_in_slices() {
    let (values, body) = Fed::new();
    values.try_send(Ok(vec![b'a'; MEBIBYTES].into())).unwrap();
    drop(values);
    let client = streaming(Compression::new(), body.response());
    let mut sending = spawn(asks(&client, "gzip").send());
    let response = tokio_test::assert_ready!(sending.poll());
    let mut reading = spawn(response.bytes());
    let mut waits = 0;
    let encoded = loop {
        match reading.poll() {
            std::task::Poll::Ready(encoded) => break encoded.unwrap(),
            std::task::Poll::Pending => {
                assert!(reading.is_woken());
                waits += 1;
            }
        }
    };
    assert_eq!(waits, SLICES);
    assert_eq!(decode("gzip", &encoded).unwrap().len(), MEBIBYTES);
}
