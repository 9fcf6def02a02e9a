//! axum, as its documentation serves events: `Sse` over tokio's broadcast.

use std::{convert::Infallible, net};

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::sse::{Event, Sse},
    routing::{get, post},
    serve::ListenerExt,
};
use peristyle_peers::{Failure, runtime};
use tokio::sync::broadcast::Sender;
use tokio_stream::{Stream, StreamExt, wrappers::BroadcastStream};

use super::{KEPT, NAME};

pub(super) fn serve(listener: net::TcpListener, routes: usize) -> Result<(), Failure> {
    runtime::run(listener, async |listener| {
        Ok(axum::serve(listener.tap_io(no_delay), router(routes)).await?)
    })
}

/// With one router for all connections, instead of one for each.
pub(super) fn serve_made(listener: net::TcpListener, routes: usize) -> Result<(), Failure> {
    runtime::run(listener, async |listener| {
        let service = router(routes).into_make_service();
        Ok(axum::serve(listener.tap_io(no_delay), service).await?)
    })
}

fn no_delay(stream: &mut tokio::net::TcpStream) {
    stream
        .set_nodelay(true)
        .expect("the peer waits for an answer");
}

fn router(count: usize) -> Router {
    let known = Router::new()
        .route("/events", get(follow))
        .route("/publish", post(publish));
    let others = (1..count).map(|number| format!("/others/{number}"));
    let all = others.fold(known, |known, path| {
        known.route(&path, get(async || StatusCode::NO_CONTENT))
    });
    all.with_state(Sender::new(KEPT))
}

/// axum encodes an event as it is made, so it is made once and shared.
async fn publish(State(events): State<Sender<Event>>, data: String) -> StatusCode {
    // Without a follower nobody gets it.
    let _followers = events.send(Event::default().event(NAME).data(data));
    StatusCode::NO_CONTENT
}

/// Who is too slow loses the oldest.
async fn follow(
    State(events): State<Sender<Event>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = BroadcastStream::new(events.subscribe());
    Sse::new(events.filter_map(|event| event.ok().map(Ok)))
}
