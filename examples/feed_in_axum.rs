//! A feed in an axum program, without Peristyle's server: `curl -N http://127.0.0.1:8080/feed/news/eu`, and then
//! `curl -d 'it rains' http://127.0.0.1:8080/feed/news/eu`.
//!
//! The path is the topic; `/feed/news/*` and `/feed/news/**` follow many. Who comes back with the id of the last event it got goes
//! on after that; who has got the last that there is, after a `DELETE`, is told not to come back.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use peristyle::{
    BoxError,
    sse::{
        self, Event,
        feed::{Feed, Follow, InvalidTopic, Publish, Topic, Topics},
    },
};
use tokio::net::TcpListener;

/// What the client wants is no topic.
struct Refused(InvalidTopic);

impl From<InvalidTopic> for Refused {
    fn from(error: InvalidTopic) -> Self {
        Self(error)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.0.to_string()).into_response()
    }
}

async fn follow(
    State(feed): State<Feed>,
    Path(topics): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refused> {
    let topics: Topics = topics.parse()?;
    let follow = Follow::last(10).topics(topics);
    Ok(match feed.follow(follow.resume_request(&headers, &uri)) {
        Ok(events) => events.into_response().into_response(),
        Err(_finished) => sse::finished().into_response(),
    })
}

/// Answers with the cursor of what was published, which is the id of the event.
async fn publish(
    State(feed): State<Feed>,
    Path(topic): Path<String>,
    text: String,
) -> Result<String, Refused> {
    let topic: Topic = topic.parse()?;
    let publish = Publish::new(Event::data(&text)).topic(topic);
    Ok(feed.publish(publish).to_string())
}

async fn finish(State(feed): State<Feed>, Path(topic): Path<String>) -> Result<String, Refused> {
    let topic: Topic = topic.parse()?;
    let last = Publish::new(Event::data("that was all")).topic(topic);
    Ok(feed.publish(last.last()).to_string())
}

pub(crate) fn app(feed: Feed) -> Router {
    Router::new()
        .route("/feed/{*topic}", get(follow).post(publish).delete(finish))
        .with_state(feed)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app(Feed::new())).await?;
    Ok(())
}
