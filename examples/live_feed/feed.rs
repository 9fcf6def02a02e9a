//! What all browsers are sent.

use std::time::Duration;

use peristyle::{
    Outcome,
    server::Context,
    sse::{
        self, Event,
        feed::{Feed, Follow, Lag},
    },
};

/// Bytes. What is beyond leaves the log, the oldest first, also if a browser has yet to get it.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How many events a browser gets first that was never here: two minutes of the machine's figures, if nothing else happens.
pub(crate) const NEWEST: usize = 120;

pub(crate) fn feed() -> Feed {
    Feed::builder().max_bytes(MAX_BYTES).build()
}

pub(crate) fn publish(feed: &Feed, name: &'static str, data: &str) {
    let event = Event::builder().event(name).data(data).build();
    feed.publish(event.expect("a name without line breaks, and data"));
}

/// A browser that was here goes on after the last event it got. Where that is not possible, or it is too slow, it is told what it
/// has missed.
pub(crate) fn follow(feed: &Feed, cx: &mut Context) -> Outcome {
    let follow = Follow::last(NEWEST).lag(Lag::Gap);
    let follow = follow.resume_request(cx.headers(), cx.uri());
    match feed.follow(follow) {
        Ok(events) => cx.respond(events.retry(Duration::from_secs(1)).into_response()),
        Err(_finished) => cx.respond(sse::finished()),
    }
}
