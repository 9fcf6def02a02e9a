//! Peristyle, with its default limits and time-outs.

use std::net;

use http::StatusCode;
use peristyle_core::{BoxError, Outcome, before};
use peristyle_peers::{Failure, runtime};
use peristyle_server::{Context, Router, Routes, Server, State, handler};
use peristyle_sse::{
    Event, LastEventId,
    feed::{Feed, Follow},
};

use super::NAME;

pub(super) fn serve(listener: net::TcpListener, routes: usize) -> Result<(), Failure> {
    serve_with(listener, routes, |server| server)
}

/// As followers over HTTP/2 and TLS are served: each by a task, through the engine.
pub(super) fn serve_through_hyper(
    listener: net::TcpListener,
    routes: usize,
) -> Result<(), Failure> {
    serve_with(listener, routes, Server::decline_socket_offers)
}

fn serve_with(
    listener: net::TcpListener,
    routes: usize,
    set: impl FnOnce(Server) -> Server,
) -> Result<(), Failure> {
    let all = router(routes)?;
    runtime::run(listener, async |listener| {
        Ok(set(Server::on(listener)).serve(all).await?)
    })
}

fn router(count: usize) -> Result<Router, Failure> {
    let known = Routes::new()
        .state(Feed::new())
        .get("/events", before(follow))
        .post("/publish", handler(publish));
    let others = (1..count).map(|number| format!("/others/{number}"));
    let all = others.fold(known, |known, path| {
        known.get(&path, handler(|_: &mut Context| ()))
    });
    Ok(all.build()?)
}

fn follow(cx: &mut Context) -> Outcome {
    let last = LastEventId::of(cx.headers(), cx.uri());
    let follow = Follow::live().resume(last.as_ref().and_then(LastEventId::as_str));
    match cx.state::<Feed>()?.follow(follow) {
        Ok(events) => cx.respond(events.into_response()),
        Err(_finished) => cx.respond(peristyle_sse::finished()),
    }
}

async fn publish(feed: State<Feed>, data: String) -> Result<StatusCode, BoxError> {
    feed.publish(Event::builder().event(NAME).data(&data).build()?);
    Ok(StatusCode::NO_CONTENT)
}
