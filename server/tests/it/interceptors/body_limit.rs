//! How large a request's body may be.

use peristyle_core::{Chain, Link, handler};
use peristyle_server::{BodyError, Context, Exchange, Routes, TestClient, interceptors::BodyLimit};

use crate::support::{Fed, Running};

fn upload() -> Link<Exchange> {
    handler(async |cx: &mut Context| {
        let body = cx.body().bytes().await?;
        Ok::<_, BodyError>(body.len().to_string())
    })
}

fn limited(bytes: u64) -> Link<Exchange> {
    Link::new(BodyLimit::bytes(bytes))
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_a_413_and_one_at_the_limit_is_not() {
    let routes = Routes::new().interceptors(limited(5)).post("/", upload());
    let client = TestClient::new(routes.build().unwrap());
    let response = client.post("/", "12345").send().await;
    assert_eq!(response.text().await.unwrap(), "5");
    let response = client.post("/", "123456").send().await;
    assert_eq!(response.status(), 413);
    let (values, body) = Fed::new();
    for piece in ["123", "456"] {
        values.send(Ok(piece.into())).await.unwrap();
    }
    drop(values);
    let response = client.post("/", peristyle_server::Body::new(body));
    assert_eq!(response.send().await.status(), 413);
}

#[tokio::test]
async fn an_inner_limit_takes_the_place_of_an_outer_one() {
    let routes = Routes::new()
        .interceptors(limited(5))
        .post("/more", Chain::new([limited(6), upload()]))
        .post("/less", Chain::new([limited(4), upload()]));
    let client = TestClient::new(routes.build().unwrap());
    assert_eq!(client.post("/more", "123456").send().await.status(), 200);
    assert_eq!(client.post("/less", "12345").send().await.status(), 413);
}

#[tokio::test]
async fn the_default_is_2_mib() {
    let chain = Chain::new([Link::new(BodyLimit::default()), upload()]);
    let routes = Routes::new().interceptors(limited(1)).post("/", chain);
    let client = TestClient::new(routes.build().unwrap());
    for (length, status) in [(2 << 20, 200), ((2 << 20) + 1, 413)] {
        let response = client.post("/", vec![0; length]).send().await;
        assert_eq!(response.status(), status);
    }
}

#[tokio::test]
async fn a_body_that_nobody_reads_is_not_refused() {
    let ignore = handler(|_: &mut Context| "ignored");
    let routes = Routes::new().interceptors(limited(1)).post("/", ignore);
    let server = Running::start(routes.build().unwrap()).await;
    let request = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc";
    let answer = server.answer(request).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    server.ended().await;
}
