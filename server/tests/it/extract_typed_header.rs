//! Headers as values of their types.

use http::{
    HeaderName, HeaderValue, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, HOST, IF_NONE_MATCH},
};
use peristyle_core::{BoxError, Link};
use peristyle_server::{
    Exchange, IntoResponse, Routes, TestClient, TypedHeader, handler,
    headers::{
        Authorization, CacheControl, ContentType, ETag, Host, IfNoneMatch, authorization::Bearer,
    },
};
use serde_json::{Value, json};

async fn answer(chain: Link<Exchange>, headers: &[(HeaderName, &'static [u8])]) -> (u16, Value) {
    let router = Routes::new().get("/", chain).build().unwrap();
    let client = TestClient::new(router);
    let mut request = client.get("/");
    for (name, value) in headers {
        let value = HeaderValue::from_bytes(value).unwrap();
        request = request.header(name.clone(), value);
    }
    let response = request.send().await;
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    if status == 200 {
        return (status, text.into());
    }
    let mut document: Value = serde_json::from_str(&text).unwrap();
    document.as_object_mut().unwrap().remove("id");
    (status, document)
}

fn refused(header: &str, what: &str) -> (u16, Value) {
    let document = json!({
        "status": 400,
        "title": "Bad Request",
        "part": "headers",
        "field": header,
        "detail": format!("field `{header}` of the headers: {what}"),
    });
    (400, document)
}

fn ok(text: &str) -> (u16, Value) {
    (200, text.into())
}

#[tokio::test]
async fn a_header_is_read_as_its_type() {
    let show = handler(
        |host: TypedHeader<Host>, token: TypedHeader<Authorization<Bearer>>| {
            format!("{} {}", host.hostname(), token.token())
        },
    );
    let token: (_, &[u8]) = (AUTHORIZATION, b"Bearer abc");
    let answer = answer(show, &[(HOST, b"example.org:80"), token]).await;
    assert_eq!(answer, ok("example.org abc"));
}

#[tokio::test]
async fn a_missing_and_a_malformed_header_are_a_400_that_names_it_and_keeps_its_value() {
    let show = || handler(|TypedHeader(host): TypedHeader<Host>| host.hostname().to_owned());
    let missing = answer(show(), &[]).await;
    assert_eq!(missing, refused("host", "it is missing"));
    let malformed = refused("host", "it is malformed");
    assert_eq!(answer(show(), &[(HOST, b"a b")]).await, malformed);
    assert_eq!(answer(show(), &[(HOST, b"\xff")]).await, malformed);
    let token = handler(|_: TypedHeader<Authorization<Bearer>>| ());
    let secret = answer(token, &[(AUTHORIZATION, b"Basic c2VjcmV0")]).await;
    assert_eq!(secret, refused("authorization", "it is malformed"));
}

#[tokio::test]
async fn an_optional_header_may_be_missing_but_not_malformed() {
    async fn show(known: Option<TypedHeader<IfNoneMatch>>) -> &'static str {
        let etag: ETag = "\"a\"".parse().unwrap();
        match known {
            Some(known) if known.precondition_passes(&etag) => "another",
            Some(_) => "known",
            None => "none",
        }
    }
    let tag = |value: &'static [u8]| [(IF_NONE_MATCH, value)];
    assert_eq!(answer(handler(show), &[]).await, ok("none"));
    assert_eq!(answer(handler(show), &tag(b"\"a\"")).await, ok("known"));
    assert_eq!(answer(handler(show), &tag(b"\"b\"")).await, ok("another"));
    let host = handler(|host: Option<TypedHeader<Host>>| host.is_some().to_string());
    let malformed = answer(host, &[(HOST, b"")]).await;
    assert_eq!(malformed, refused("host", "it is malformed"));
}

#[tokio::test]
async fn a_failed_extraction_can_be_dealt_with_by_the_handler() {
    let show = handler(|host: Result<TypedHeader<Host>, BoxError>| host.is_err().to_string());
    assert_eq!(answer(show, &[]).await, ok("true"));
}

#[test]
fn in_a_response_it_goes_over_the_header_of_the_body() {
    let answer = (StatusCode::CREATED, TypedHeader(ContentType::html()), "<p>");
    let response = answer.into_response().unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers().len(), 1);
    assert_eq!(response.headers()["content-type"], "text/html");

    let no_store = TypedHeader(CacheControl::new().with_no_store());
    let response = (StatusCode::OK, no_store, "a").into_response().unwrap();
    assert_eq!(response.headers()[CACHE_CONTROL], "no-store");
    let text = "text/plain; charset=utf-8";
    assert_eq!(response.headers()["content-type"], text);
    assert_eq!(response.body().whole(), Some(&b"a"[..]));
}
