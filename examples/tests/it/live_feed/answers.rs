//! What the router answers and pushes, exactly, without a process.

use peristyle::{
    BoxError,
    server::{TestClient, TestResponse},
};
use serde_json::{Value, json};

use super::example::{
    feed::{Feed, KEPT},
    router,
};

fn start() -> Result<(TestClient, Feed), BoxError> {
    let feed = Feed::new();
    Ok((TestClient::new(router(&feed)?), feed))
}

/// An event stream whose own walk was read.
async fn follow(client: &TestClient) -> Result<TestResponse, BoxError> {
    let mut events = client.get("/events").send().await;
    assert_eq!(chunk(&mut events).await?, ":\n\n");
    let walk = chunk(&mut events).await?;
    assert!(walk.starts_with("event: walk\n"), "{walk}");
    Ok(events)
}

async fn chunk(events: &mut TestResponse) -> Result<String, BoxError> {
    let chunk = events.chunk().await.ok_or("the stream has ended")??;
    Ok(String::from_utf8(chunk.into())?)
}

#[tokio::test]
async fn a_browser_that_falls_behind_loses_the_oldest_events_and_is_told_how_many()
-> Result<(), BoxError> {
    let (client, feed) = start()?;
    let mut events = follow(&client).await?;
    for number in 0..KEPT + 10 {
        feed.publish("line", &number.to_string());
    }
    assert_eq!(chunk(&mut events).await?, "event: gap\ndata: 10\n\n");
    for number in 10..KEPT + 10 {
        let expected = format!("event: line\ndata: {number}\n\n");
        assert_eq!(chunk(&mut events).await?, expected);
    }
    feed.publish("line", "goes on");
    assert_eq!(chunk(&mut events).await?, "event: line\ndata: goes on\n\n");
    Ok(())
}

#[tokio::test]
async fn every_browser_sees_what_one_publishes() -> Result<(), BoxError> {
    let (client, _feed) = start()?;
    let mut first = follow(&client).await?;
    let mut second = follow(&client).await?;
    let of_the_second = chunk(&mut first).await?;
    assert!(
        of_the_second.starts_with("event: walk\n"),
        "{of_the_second}"
    );

    let response = client.post("/publish", "two\nlines").send().await;
    assert_eq!(response.status(), 202);
    for events in [&mut first, &mut second] {
        let published = chunk(events).await?;
        assert_eq!(published, "event: published\ndata: two\ndata: lines\n\n");
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
        let walk = event.strip_prefix("event: walk\ndata: ").ok_or("no walk")?;
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
