//! The tokens of a slow generator as they come, as events or as NDJSON: open `http://127.0.0.1:8080`, or
//! `curl -N -H 'accept: application/x-ndjson' http://127.0.0.1:8080/say/hello`.
//!
//! The generator is part of the response: when the client stops, it is dropped where it waits, and makes no further token. Its end
//! is told, so that what was cut off is never taken for the whole; an error is told to a page as an event, and then, in either
//! format, by a connection that is aborted.

use std::{pin::Pin, sync::Arc, time::Duration};

use async_stream::stream;
use peristyle::{
    BoxError, Outcome, before,
    server::{Context, Html, RouteErrors, Router, Routes, Server, handler},
    sse::{self, Drain, Event, EventStream, LastEventId},
    streaming::{Ndjson, Streaming},
};
use serde_json::json;
use tokio_stream::{Stream, StreamExt, once};

const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Tokens</title>
<form><input name="prompt" value="Say something" required><button>Ask</button></form>
<button id="stop" disabled>Stop</button>
<p id="answer"></p>
<p id="state"></p>
<script>
const [answer, state, stop] = ['answer', 'state', 'stop'].map(id => document.getElementById(id));
let source;
const end = text => { source?.close(); stop.disabled = true; state.textContent = text; };
stop.onclick = () => end('stopped');
document.querySelector('form').onsubmit = event => {
    event.preventDefault();
    end('');
    answer.textContent = '';
    stop.disabled = false;
    source = new EventSource('/say/' + encodeURIComponent(event.target.prompt.value));
    source.onmessage = token => answer.textContent += token.data;
    source.addEventListener('done', () => end('done'));
    // One with data is the server's own; one without is a lost connection, after which nothing could go on.
    source.onerror = error => end(error.data ?? 'connection lost');
};
</script>
"#;

/// Dropped when nobody wants more.
pub(crate) type Tokens = Pin<Box<dyn Stream<Item = Result<String, BoxError>> + Send>>;

/// Answers a prompt.
pub(crate) type Model = Arc<dyn Fn(&str) -> Tokens + Send + Sync>;

#[derive(Clone, Copy)]
enum Format {
    Events,
    Lines,
}

pub(crate) fn router(model: Model) -> Result<Router, RouteErrors> {
    let say = move |cx: &mut Context| say(cx, &model);
    Routes::new()
        .get("/", handler(|| Html(PAGE)))
        .get("/say/{prompt}", before(say).named("say"))
        .build()
}

fn say(cx: &mut Context, model: &Model) -> Outcome {
    let format = cx.accept([
        (Format::Events, sse::CONTENT_TYPE),
        (Format::Lines, Ndjson::CONTENT_TYPE),
    ])?;
    // A client that does not stop at the end must not have all said again.
    let last = LastEventId::of(cx.headers(), cx.uri());
    if last.is_some_and(|last| last.as_str() == Some(DONE)) {
        return cx.respond(sse::finished());
    }
    let tokens = model(cx.param("prompt").unwrap_or_default());
    match format {
        Format::Events => cx.respond(events(tokens)?.into_response()),
        Format::Lines => cx.respond(Streaming::new(lines(tokens)).ndjson().into_response()),
    }
}

/// The name and the id of the last event.
const DONE: &str = "done";

/// Nobody can resume it: a server that shuts down lets it finish.
fn events(
    tokens: Tokens,
) -> Result<EventStream<impl Stream<Item = Result<Event, BoxError>>>, BoxError> {
    let done = Event::builder().event(DONE).id(DONE).data("").build()?;
    let error = Event::builder().event("error").data("the model failed");
    let events = tokens.map(|token| token.map(|token| Event::data(&token)));
    let events = EventStream::new(events.chain(once(Ok(done))));
    let finish = Drain::FinishWithin(Duration::from_secs(20));
    Ok(events.on_drain(finish).error_event(error.build()?))
}

fn lines(tokens: Tokens) -> impl Stream<Item = Result<serde_json::Value, BoxError>> {
    let lines = tokens.map(|token| token.map(|token| json!({ "token": token })));
    lines.chain(once(Ok(json!({ "done": true }))))
}

/// Repeats what it was told, word by word.
fn parrot(prompt: &str) -> Tokens {
    let words: Vec<_> = prompt.split_inclusive(' ').map(String::from).collect();
    Box::pin(stream! {
        for word in words.iter().cycle().take(50 * words.len()) {
            tokio::time::sleep(Duration::from_millis(200)).await;
            yield Ok(word.clone());
        }
    })
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let router = router(Arc::new(parrot))?;
    Server::bind("127.0.0.1:8080").await?.serve(router).await?;
    Ok(())
}
