//! The time that handlers may take: `Interrupts::after`.

use std::{future::pending, time::Duration};

use peristyle_core::{Chain, Link, after, handler};
use peristyle_server::{Context, Exchange, Interrupts, Routes, TestClient};
use tokio::time::{Instant, sleep};

use super::{greeter, header};
use crate::support::{Fed, once};

const LIMIT: Duration = Duration::from_secs(5);
const PART: Duration = Duration::from_secs(2);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn limited() -> Link<Exchange> {
    Link::new(Interrupts::new().after(LIMIT))
}

fn never() -> Link<Exchange> {
    handler(async |_: &mut Context| pending::<()>().await)
}

#[tokio::test(start_paused = true)]
async fn there_is_none_unless_it_is_asked_for() {
    let slow = handler(async |_: &mut Context| sleep(DAY).await);
    for patience in [None, Some(Link::new(Interrupts::new()))] {
        let chain: Vec<_> = patience.into_iter().chain([slow.clone()]).collect();
        let client = TestClient::new(Routes::new().get("/", chain).build().unwrap());
        assert_eq!(client.get("/").send().await.status(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_takes_too_long_is_answered_with_a_503_at_the_limit() {
    let routes = Routes::new().interceptors(limited()).get("/", never());
    let client = TestClient::new(routes.build().unwrap());
    let began = Instant::now();
    let response = client.get("/").send().await;
    assert_eq!(began.elapsed(), LIMIT);
    assert_eq!(response.status(), 503);
    assert_eq!(
        header(&response, "content-type"),
        "application/problem+json"
    );
    let text = response.text().await.unwrap();
    assert!(text.contains(r#""title":"Service Unavailable""#), "{text}");
    assert!(!text.contains("5s"), "how long is nobody's affair: {text}");
}

#[tokio::test(start_paused = true)]
async fn it_counts_all_inner_stages_together() {
    let slow = || after(async |_: &mut Context| sleep(PART).await);
    let answer = handler(async |_: &mut Context| {
        sleep(PART).await;
        "hello"
    });
    let just = Chain::new([limited(), slow(), answer.clone()]);
    let over = Chain::new([limited(), slow(), slow(), answer]);
    let routes = Routes::new().get("/just", just).get("/over", over);
    let client = TestClient::new(routes.build().unwrap());
    assert_eq!(client.get("/over").send().await.status(), 503);
    assert_eq!(client.get("/just").send().await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_route_can_have_more_time_than_the_rest() {
    let more = Link::new(Interrupts::new().after(2 * LIMIT));
    let routes = Routes::new()
        .interceptors(limited())
        .get("/", Chain::new([more, never()]));
    let client = TestClient::new(routes.build().unwrap());
    let began = Instant::now();
    assert_eq!(client.get("/").send().await.status(), 503);
    assert_eq!(began.elapsed(), 2 * LIMIT);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_never_cut() {
    let (values, body) = Fed::new();
    let routes = Routes::new().interceptors(limited());
    let routes = routes.get("/", handler(once(body.response())));
    let client = TestClient::new(routes.build().unwrap());
    let mut response = client.get("/").send().await;
    for _ in 0..3 {
        sleep(10 * LIMIT).await;
        values.try_send(Ok("a value".into())).unwrap();
        assert_eq!(response.chunk().await.unwrap().unwrap(), "a value");
    }
    drop(values);
    assert!(response.chunk().await.is_none());
}

#[tokio::test]
async fn what_answers_in_time_is_as_it_was() {
    let client = greeter(limited());
    assert_eq!(client.get("/").send().await.status(), 200);
}
