//! The responses of `peristyle::sse` and `peristyle::streaming`, files among them, in an axum program, without Peristyle's server.

use axum::{
    Router,
    extract::{Path, State},
    http::request::Parts,
    response::IntoResponse,
    routing::get,
};
use peristyle::{
    BoxError,
    sse::{self, Event},
    streaming::{self, files::Directory},
};
use tokio::net::TcpListener;

async fn events() -> impl IntoResponse {
    let events = sse::produce(8, |events| async move {
        for number in 1..=3 {
            events.send(Event::data(&number.to_string())).await?;
        }
        Ok::<_, BoxError>(())
    });
    events.into_response()
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
