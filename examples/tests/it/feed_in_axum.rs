use std::net::SocketAddr;

use hyper::Request;
use peristyle::{
    BoxError,
    sse::feed::{Epoch, Feed},
};
use tokio::{net::TcpListener, task::JoinSet};

use crate::client::{Answer, Events};

#[path = "../../feed_in_axum.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

/// An axum server, until it is dropped.
struct Axum {
    address: SocketAddr,
    _serving: JoinSet<std::io::Result<()>>,
}

impl Axum {
    async fn start() -> Result<Self, BoxError> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        // In base 36 the epoch is `e`.
        let feed = Feed::builder().epoch(Epoch::new(14)).build();
        let mut serving = JoinSet::new();
        serving.spawn(async { axum::serve(listener, example::app(feed)).await });
        Ok(Self {
            address,
            _serving: serving,
        })
    }

    async fn follow(&self, topics: &str) -> Result<Events, BoxError> {
        Ok(self.get(topics, "").await?.events())
    }

    /// With this for the last event id.
    async fn get(&self, topics: &str, last: &str) -> Result<Answer, BoxError> {
        let request = Request::get(format!("/feed/{topics}"));
        Answer::to(self.address, request.header("last-event-id", last), "").await
    }

    async fn change(&self, method: &str, topic: &str, text: &str) -> Result<String, BoxError> {
        let request = Request::builder().method(method);
        let request = request.uri(format!("/feed/{topic}"));
        let answer = Answer::to(self.address, request, text).await?;
        assert_eq!(answer.status(), 200);
        answer.text().await
    }

    async fn publish(&self, topic: &str, text: &str) -> Result<String, BoxError> {
        self.change("POST", topic, text).await
    }
}

#[tokio::test]
async fn followers_get_what_is_published_to_their_topics() -> Result<(), BoxError> {
    let axum = Axum::start().await?;
    let mut eu = axum.follow("news/eu").await?;
    let mut all = axum.follow("news/**").await?;
    assert_eq!(axum.publish("news/eu", "it rains").await?, "e-1");
    assert_eq!(axum.publish("news/us", "it snows").await?, "e-2");
    assert_eq!(axum.publish("sport", "they win").await?, "e-3");
    assert_eq!(axum.publish("news/eu", "two\nlines").await?, "e-4");
    eu.gives(["message", "e-1", "it rains"]).await?;
    eu.gives(["message", "e-4", "two\nlines"]).await?;
    all.gives(["message", "e-1", "it rains"]).await?;
    all.gives(["message", "e-2", "it snows"]).await?;
    all.gives(["message", "e-4", "two\nlines"]).await?;
    Ok(())
}

#[tokio::test]
async fn who_comes_back_goes_on_where_it_was_and_a_newcomer_gets_the_last_ten()
-> Result<(), BoxError> {
    let axum = Axum::start().await?;
    for number in 1..=15 {
        axum.publish("news", &number.to_string()).await?;
    }
    let by_header = axum.get("news", "e-2").await?.events();
    let by_query = axum.follow("news?lastEventId=e-2").await?;
    let new = axum.follow("news").await?;
    for (mut events, first) in [(by_header, 3), (by_query, 3), (new, 6)] {
        for number in first..=15 {
            let number = number.to_string();
            let id = format!("e-{number}");
            events.gives(["message", &id, &number]).await?;
        }
    }
    let mut lost = axum.get("news", "f-2").await?.events();
    let gap = r#"{"from":"f-2","to":"e-0","reason":"epoch"}"#;
    lost.gives(["gap", "e-0", gap]).await?;
    lost.gives(["message", "e-1", "1"]).await
}

#[tokio::test]
async fn who_has_got_the_last_is_told_not_to_come_back() -> Result<(), BoxError> {
    let axum = Axum::start().await?;
    let mut news = axum.follow("news").await?;
    axum.publish("news", "one").await?;
    assert_eq!(axum.change("DELETE", "news", "").await?, "e-2");
    news.gives(["message", "e-1", "one"]).await?;
    news.gives(["message", "e-2", "that was all"]).await?;
    news.end().await?;
    assert_eq!(axum.get("news", "e-2").await?.status(), 204);
    let mut late = axum.get("news", "e-1").await?.events();
    late.gives(["message", "e-2", "that was all"]).await?;
    late.end().await
}

#[tokio::test]
async fn what_is_no_topic_is_refused() -> Result<(), BoxError> {
    let axum = Axum::start().await?;
    for (method, path, why) in [
        ("GET", "news//eu", "empty segment in a topic"),
        ("GET", "news/e*", "misplaced `*` in a topic"),
        ("POST", "news/*", "misplaced `*` in a topic"),
        ("DELETE", "news/**", "misplaced `*` in a topic"),
    ] {
        let request = Request::builder().method(method);
        let request = request.uri(format!("/feed/{path}"));
        let answer = Answer::to(axum.address, request, "").await?;
        assert_eq!(answer.status(), 400, "{method} {path}");
        assert_eq!(answer.text().await?, why);
    }
    Ok(())
}
