//! The responses of `peristyle::sse` and `peristyle::streaming`, files among them, in an axum program, without Peristyle's server.

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, Uri, request::Parts},
    response::{IntoResponse, Response},
    routing::get,
};
use peristyle::{
    BoxError,
    sse::{self, Event, LastEventId},
    streaming::{self, files::Directory},
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

async fn file(
    State(files): State<Directory>,
    Path(path): Path<String>,
    request: Parts,
) -> impl IntoResponse {
    files.respond(&path, &request).await
}

pub(crate) fn app(files: Directory) -> Router {
    Router::new()
        .route("/events", get(events))
        .route("/lines", get(lines))
        .route("/files/{*path}", get(file))
        .with_state(files)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    axum::serve(listener, app(Directory::new(".")?)).await?;
    Ok(())
}
