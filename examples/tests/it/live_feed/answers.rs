//! What the router answers and pushes, exactly, without a process.

use peristyle::{
    BoxError,
    server::{
        TestClient, TestResponse,
        http::{HeaderName, HeaderValue},
    },
    sse::feed::{Epoch, Feed, FeedBuilder},
};
use serde_json::{Value, json};

use super::example::{
    feed::{NEWEST, publish},
    router,
};

/// In base 36 the epoch is `e`.
fn builder() -> FeedBuilder {
    Feed::builder().epoch(Epoch::new(14))
}

fn start() -> Result<(TestClient, Feed), BoxError> {
    start_with(builder())
}

fn start_with(builder: FeedBuilder) -> Result<(TestClient, Feed), BoxError> {
    let feed = builder.build();
    Ok((TestClient::new(router(&feed)?), feed))
}

/// An event stream that has been read up to its own walk.
async fn follow(client: &TestClient) -> Result<TestResponse, BoxError> {
    let mut events = client.get("/events").send().await;
    assert_eq!(chunk(&mut events).await?, ":\n\n");
    while !chunk(&mut events).await?.contains(r#""path":"/events""#) {}
    Ok(events)
}

fn last_event_id(id: &'static str) -> (HeaderName, HeaderValue) {
    let name = HeaderName::from_static("last-event-id");
    (name, HeaderValue::from_static(id))
}

async fn chunk(events: &mut TestResponse) -> Result<String, BoxError> {
    let chunk = events.chunk().await.ok_or("the stream has ended")??;
    Ok(String::from_utf8(chunk.into())?)
}

#[tokio::test]
async fn a_browser_that_falls_behind_is_told_what_it_has_lost_and_goes_on() -> Result<(), BoxError>
{
    let (client, feed) = start_with(builder().max_events(10))?;
    let mut events = follow(&client).await?;
    for number in 0..30 {
        publish(&feed, "line", &number.to_string());
    }
    let gap = r#"{"from":"e-1","to":"e-21","reason":"lagged"}"#;
    let expected = format!("event: gap\nid: e-21\ndata: {gap}\n\n");
    assert_eq!(chunk(&mut events).await?, expected);
    for id in 22..=31 {
        let expected = format!("event: line\nid: e-{id}\ndata: {}\n\n", id - 2);
        assert_eq!(chunk(&mut events).await?, expected);
    }
    publish(&feed, "line", "goes on");
    let expected = "event: line\nid: e-32\ndata: goes on\n\n";
    assert_eq!(chunk(&mut events).await?, expected);
    Ok(())
}

#[tokio::test]
async fn a_browser_that_comes_back_gets_all_that_it_has_missed_and_a_new_one_the_newest()
-> Result<(), BoxError> {
    let (client, feed) = start()?;
    let count = NEWEST + 10;
    for id in 1..=count {
        publish(&feed, "line", &id.to_string());
    }
    let (name, value) = last_event_id("e-5");
    let by_header = client.get("/events").header(name, value).send().await;
    let by_query = client.get("/events?last-event-id=e-5").send().await;
    let new = client.get("/events?last-event-id=").send().await;
    // The walks of those who came before are newer too.
    for (mut events, first) in [(by_header, 6), (by_query, 6), (new, count + 3 - NEWEST)] {
        assert_eq!(chunk(&mut events).await?, ":\n\n");
        for id in first..=count {
            let event = chunk(&mut events).await?;
            let event = event.replace("retry: 1000\n", "");
            assert_eq!(event, format!("event: line\nid: e-{id}\ndata: {id}\n\n"));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_browser_from_before_a_restart_is_told_so_and_gets_all_since() -> Result<(), BoxError> {
    let (client, feed) = start()?;
    publish(&feed, "line", "since");
    let (name, value) = last_event_id("f-5");
    let mut events = client.get("/events").header(name, value).send().await;
    assert_eq!(chunk(&mut events).await?, ":\n\n");
    let gap = r#"{"from":"f-5","to":"e-0","reason":"epoch"}"#;
    let expected = format!("event: gap\nid: e-0\nretry: 1000\ndata: {gap}\n\n");
    assert_eq!(chunk(&mut events).await?, expected);
    assert_eq!(
        chunk(&mut events).await?,
        "event: line\nid: e-1\ndata: since\n\n"
    );
    Ok(())
}

#[tokio::test]
async fn every_browser_sees_what_one_publishes() -> Result<(), BoxError> {
    let (client, _feed) = start()?;
    let mut first = follow(&client).await?;
    // What was before it came is not lost on the second.
    let mut second = follow(&client).await?;
    let of_the_second = chunk(&mut second).await?;
    assert!(of_the_second.starts_with("event: walk\nid: e-2\n"));
    assert_eq!(chunk(&mut first).await?, of_the_second);

    let response = client.post("/publish", "two\nlines").send().await;
    assert_eq!(response.status(), 202);
    for events in [&mut first, &mut second] {
        let published = chunk(events).await?;
        let expected = "event: published\nid: e-3\ndata: two\ndata: lines\n\n";
        assert_eq!(published, expected);
    }
    assert_eq!(chunk(&mut first).await?, chunk(&mut second).await?);
    Ok(())
}

#[tokio::test]
async fn a_message_that_cannot_be_shown_is_refused_and_not_published() -> Result<(), BoxError> {
    let (client, _feed) = start()?;
    let mut events = follow(&client).await?;
    for (message, status, detail) in [
        (Vec::new(), 400, "the message is empty"),
        (vec![0xff], 400, "the message is not UTF-8"),
        (
            vec![b'x'; 16 * 1024 + 1],
            413,
            "the request body is larger than the limit",
        ),
    ] {
        let response = client.post("/publish", message).send().await;
        assert_eq!(response.status(), status, "{detail}");
        assert_eq!(
            response.headers()["content-type"],
            "application/problem+json"
        );
        let problem: Value = serde_json::from_str(&response.text().await?)?;
        assert_eq!(problem["detail"], detail);
        let pushed = chunk(&mut events).await?;
        assert!(pushed.starts_with("event: walk\n"), "{pushed}");
    }
    let longest = vec![b'x'; 16 * 1024];
    assert_eq!(client.post("/publish", longest).send().await.status(), 202);
    assert_eq!(client.get("/publish").send().await.status(), 405);
    Ok(())
}

#[tokio::test]
async fn the_walk_of_each_request_is_published_when_it_is_back() -> Result<(), BoxError> {
    let (client, _feed) = start()?;
    let mut events = follow(&client).await?;
    for (path, status, stages) in [
        ("/", 200, json!([["enter", "page"], ["leave", "restrict"]])),
        (
            "/unknown",
            404,
            json!([
                ["enter", "peristyle_server::router::not_found"],
                ["error", "errors"],
                ["leave", "restrict"],
            ]),
        ),
    ] {
        client.get(path).send().await;
        let event = chunk(&mut events).await?;
        let (head, walk) = event.split_once("\ndata: ").ok_or("no data")?;
        assert!(head.starts_with("event: walk\nid: e-"), "{head}");
        let mut walk: Value = serde_json::from_str(walk)?;
        let walked = walk["stages"].take();
        let walked = walked.as_array().ok_or("no stages")?.iter();
        let names = walked.inspect(|stage| assert!(stage["micros"].is_u64(), "{stage}"));
        let names: Value = names.map(|it| json!([it["stage"], it["name"]])).collect();
        assert_eq!(names, stages);
        let head = json!({ "method": "GET", "path": path, "status": status, "stages": null });
        assert_eq!(walk, head);
    }
    Ok(())
}

#[tokio::test]
async fn the_page_is_held_to_load_nothing_from_elsewhere() -> Result<(), BoxError> {
    let (client, _feed) = start()?;
    let page = client.get("/").send().await;
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(
        page.headers()["content-security-policy"],
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
            img-src data:; connect-src 'self'"
    );
    assert!(page.text().await?.starts_with("<!doctype html>"));
    Ok(())
}
