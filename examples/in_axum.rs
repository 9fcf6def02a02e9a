//! The responses of `peristyle::sse` and `peristyle::streaming` in an axum program, without Peristyle's server.

use axum::{
    Router,
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use peristyle::{
    BoxError,
    sse::{self, Event, LastEventId},
    streaming,
};
use tokio::net::TcpListener;

/// Counts to three, from where its client was when it comes back, and tells a client that has all to stop.
async fn events(headers: HeaderMap, uri: Uri) -> Response {
    let last = LastEventId::of(&headers, &uri);
    let last = last.as_ref().and_then(LastEventId::as_str);
    let seen: u8 = last.and_then(|id| id.parse().ok()).unwrap_or(0);
    if seen >= 3 {
        return sse::finished().into_response();
    }
    let events = sse::produce(8, move |events| async move {
        for number in seen + 1..=3 {
            let number = number.to_string();
            let event = Event::builder().id(&number).data(&number);
            events.send(event.build()?).await?;
        }
        Ok::<_, BoxError>(())
    });
    events.into_response().into_response()
}

async fn lines() -> impl IntoResponse {
    let lines = streaming::produce(8, |lines| async move {
        for number in 1..=3 {
            lines.send(format!("line {number}\n")).await?;
        }
        Ok::<_, BoxError>(())
    });
    lines.into_response()
}

pub(crate) fn app() -> Router {
    Router::new()
        .route("/events", get(events))
        .route("/lines", get(lines))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app()).await?;
    Ok(())
}
