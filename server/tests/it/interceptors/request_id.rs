//! The identity of a request.

use http::{HeaderValue, header};
use peristyle_core::handler;
use peristyle_server::{Context, IntoResponse, Routes, TestClient, interceptors::RequestId};

use super::{header, name, refuse, value};

fn client(ids: RequestId) -> TestClient {
    let own = handler(|_: &mut Context| {
        (http::StatusCode::OK, [(name("x-request-id"), "mine")], ()).into_response()
    });
    let routes = Routes::new()
        .get("/", handler(|cx: &mut Context| cx.id().to_string()))
        .get("/own", own)
        .get("/fail", refuse());
    TestClient::new(routes.build().unwrap().request_id(ids))
}

#[tokio::test]
async fn an_id_is_made_for_each_request_and_is_on_every_response() {
    let client = client(RequestId::new());
    let mut ids = Vec::new();
    for uri in ["/", "/", "/own", "/fail", "/none"] {
        let response = client.get(uri).send().await;
        let id = header(&response, "x-request-id");
        let digits = |digit: char| digit.is_ascii_digit() || ('a'..='f').contains(&digit);
        assert!(id.len() == 32 && id.chars().all(digits), "{uri}: {id}");
        assert!(!ids.contains(&id));
        ids.push(id);
    }
}

#[tokio::test]
async fn it_is_the_id_of_the_execution_and_of_its_problems() {
    let client = client(RequestId::new());
    let response = client.get("/").send().await;
    let id = header(&response, "x-request-id");
    assert_eq!(response.text().await.unwrap(), id);
    let response = client.get("/fail").send().await;
    let id = header(&response, "x-request-id");
    let text = response.text().await.unwrap();
    assert!(text.contains(&format!(r#""id":"{id}""#)), "{text}");
}

#[tokio::test]
async fn an_id_that_comes_is_taken_only_when_it_is_wanted_and_valid() {
    let accepts = || RequestId::new().accept_incoming();
    let longest = "x".repeat(128);
    for id in ["a", "0af7-6519_{\"}", &longest] {
        let sent = HeaderValue::from_str(id).unwrap();
        let client = client(accepts());
        let response = client.get("/").header(name("x-request-id"), sent.clone());
        let response = response.send().await;
        assert_eq!(header(&response, "x-request-id"), id);
        assert_eq!(response.text().await.unwrap(), id);
        let ignoring = self::client(RequestId::new());
        let response = ignoring.get("/").header(name("x-request-id"), sent);
        assert_ne!(header(&response.send().await, "x-request-id"), id);
    }
    let too_long = "x".repeat(129);
    let invalid: [&[u8]; 6] = [b"", b" ", b"a b", b"a\tb", b"\xff", too_long.as_bytes()];
    for id in invalid {
        let sent = HeaderValue::from_bytes(id).unwrap();
        let client = client(accepts());
        let response = client.get("/").header(name("x-request-id"), sent);
        assert_eq!(header(&response.send().await, "x-request-id").len(), 32);
    }
}

#[tokio::test]
async fn two_ids_are_none() {
    let client = client(RequestId::new().accept_incoming());
    let request = client.get("/").header(name("x-request-id"), value("a"));
    let response = request
        .header(name("x-request-id"), value("b"))
        .send()
        .await;
    assert_eq!(header(&response, "x-request-id").len(), 32);
}

#[tokio::test]
async fn the_header_can_be_another_and_a_seed_gives_the_same_ids_again() {
    let seeded = || client(RequestId::new().header(header::ETAG).seeded(7));
    let (one, other) = (seeded(), seeded());
    for _ in 0..3 {
        let id = header(&one.get("/").send().await, "etag");
        assert_eq!(id.len(), 32);
        assert_eq!(header(&other.get("/").send().await, "etag"), id);
    }
}
