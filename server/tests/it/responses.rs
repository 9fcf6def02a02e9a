//! What each kind of response is on the wire.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::Full;
use peristyle_core::{Chain, handler};
use peristyle_server::{Body, Context, Html, IntoResponse, Json, Problem, Redirect, Routes};

use crate::support::{Running, get};

/// The bytes of a handler's answer.
async fn sent<R: IntoResponse + 'static>(answer: fn() -> R) -> String {
    let chain = Chain::from(handler(move |_: &mut Context| answer()));
    let router = Routes::new().get("/", chain).build().unwrap();
    let server = Running::start(router).await;
    let sent = server.answer(get("/")).await;
    server.ended().await;
    sent
}

fn whole(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}connection: close\r\ncontent-length: {length}\r\n\r\n{body}"
    )
}

const TEXT: &str = "content-type: text/plain; charset=utf-8\r\n";
const BYTES: &str = "content-type: application/octet-stream\r\n";
const JSON: &str = "content-type: application/json\r\n";
const HTML: &str = "content-type: text/html; charset=utf-8\r\n";

#[tokio::test]
async fn text_and_bytes_are_sent_whole_with_their_type() {
    assert_eq!(sent(|| ()).await, whole("200 OK", "", ""));
    assert_eq!(sent(|| "grüß").await, whole("200 OK", TEXT, "grüß"));
    assert_eq!(sent(|| "a".to_owned()).await, whole("200 OK", TEXT, "a"));
    let bytes = sent(|| Bytes::from_static(b"ab")).await;
    assert_eq!(bytes, whole("200 OK", BYTES, "ab"));
    assert_eq!(sent(|| vec![b'a']).await, whole("200 OK", BYTES, "a"));
    assert_eq!(sent(|| Body::from("a")).await, whole("200 OK", "", "a"));
    assert_eq!(sent(|| "").await, whole("200 OK", TEXT, ""));
}

#[tokio::test]
async fn a_status_and_headers_go_over_those_of_the_body() {
    let status = sent(|| StatusCode::IM_A_TEAPOT).await;
    assert_eq!(status, whole("418 I'm a teapot", "", ""));
    let both = sent(|| (StatusCode::CREATED, "made")).await;
    assert_eq!(both, whole("201 Created", TEXT, "made"));
    let headers = [(header::CONTENT_TYPE, "text/css"), (header::ETAG, "\"1\"")];
    let all = (StatusCode::OK, headers, "a{}").into_response().unwrap();
    assert_eq!(all.headers()["content-type"], "text/css");
    let all = sent(|| {
        let headers = [(header::CONTENT_TYPE, "text/css"), (header::ETAG, "\"1\"")];
        (StatusCode::OK, headers, "a{}")
    });
    let expected = "content-type: text/css\r\netag: \"1\"\r\n";
    assert_eq!(all.await, whole("200 OK", expected, "a{}"));
    let map = sent(|| {
        let mut headers = HeaderMap::new();
        headers.append(header::VARY, "a".parse().unwrap());
        headers.append(header::VARY, "b".parse().unwrap());
        (StatusCode::OK, headers, ())
    });
    let expected = "vary: a\r\nvary: b\r\n";
    assert_eq!(map.await, whole("200 OK", expected, ""));
}

#[tokio::test]
async fn json_html_and_redirects_are_sent_as_such() {
    let json = sent(|| Json([1, 2])).await;
    assert_eq!(json, whole("200 OK", JSON, "[1,2]"));
    let html = sent(|| Html("<p>")).await;
    assert_eq!(html, whole("200 OK", HTML, "<p>"));
    let to = sent(|| Redirect::to("/a")).await;
    assert_eq!(to, whole("303 See Other", "location: /a\r\n", ""));
    let temporary = sent(|| Redirect::temporary("/a")).await;
    let expected = whole("307 Temporary Redirect", "location: /a\r\n", "");
    assert_eq!(temporary, expected);
    let permanent = sent(|| Redirect::permanent("/a")).await;
    let expected = whole("308 Permanent Redirect", "location: /a\r\n", "");
    assert_eq!(permanent, expected);
}

#[tokio::test]
async fn a_result_is_its_value_or_raises_its_error() {
    let ok = sent(|| Ok::<_, Problem>("a")).await;
    assert_eq!(ok, whole("200 OK", TEXT, "a"));
    let err = sent(|| Err::<(), _>(Problem::new(StatusCode::GONE))).await;
    assert!(err.starts_with("HTTP/1.1 410 Gone\r\n"), "{err}");
    let address = sent(|| Redirect::to("/\n")).await;
    assert!(address.starts_with("HTTP/1.1 500 "), "{address}");
}

#[tokio::test]
async fn a_response_of_any_body_is_sent_as_it_is() {
    let full = sent(|| http::Response::new(Full::new(Bytes::from_static(b"ab")))).await;
    assert_eq!(full, whole("200 OK", "", "ab"));
    let body = sent(|| http::Response::new(Body::from("ab"))).await;
    assert_eq!(body, whole("200 OK", "", "ab"));
}

#[test]
fn a_whole_body_stays_whole() {
    let response = http::Response::new(Body::from("ab"));
    let response = response.into_response().unwrap();
    assert_eq!(response.body().whole(), Some(&b"ab"[..]));
    assert_eq!(Body::new(Body::from("ab")).whole(), Some(&b"ab"[..]));
    assert_eq!(Body::empty().whole(), Some(&[][..]));
}
