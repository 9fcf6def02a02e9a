//! The responses of `peristyle::sse` and `peristyle::streaming` in an axum program, without Peristyle's server.

use axum::{Router, response::IntoResponse, routing::get};
use peristyle::{
    BoxError,
    sse::{self, Event},
    streaming,
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
