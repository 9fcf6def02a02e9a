//! A real nginx in front, with the proxy settings that it has when nobody sets them: it speaks HTTP/1.0 to the server, unless
//! it is of a later kind.

use std::{path::Path, time::Duration};

use peristyle::{
    BoxError, End,
    channel::{Receiver, Sender},
    handler,
    server::{Routes, Server},
    sse::{self, Event, EventStream},
    streaming::{self, Streaming},
};
use tokio::sync::oneshot;

use crate::{
    nginx::{Client, Nginx},
    serving::{Serving, once, soon},
    tool,
};

/// What some set, for connections that are kept: chunks go both ways then.
const HTTP_1_1: &str = "proxy_http_version 1.1; proxy_set_header Connection '';";

/// Two streams behind an nginx, each with its sender.
struct Streams {
    lines: Stream<String>,
    events: Stream<Event>,
    nginx: Nginx,
    serving: Serving,
}

/// A stream that a client of nginx follows, and what its producer holds.
struct Stream<V> {
    sender: Sender<V>,
    value: fn(&str) -> V,
    client: Client,
    ended: oneshot::Receiver<End>,
}

impl Streams {
    async fn start(program: &Path, settings: &str) -> Result<Self, BoxError> {
        Self::start_with(program, settings, |server| server).await
    }

    async fn start_with(
        program: &Path,
        settings: &str,
        set: impl FnOnce(Server) -> Server,
    ) -> Result<Self, BoxError> {
        let (end_of_lines, lines_ended) = told();
        let (end_of_events, events_ended) = told();
        let (lines, streamed): (_, Streaming<Receiver<String>>) = streaming::channel(1);
        let streamed = streamed.ndjson().on_end(end_of_lines);
        let (events, stream) = sse::channel(1);
        let stream: EventStream<_> = stream.on_end(end_of_events);
        let routes = Routes::new()
            .get("/lines", handler(once(streamed.into_response())?))
            .get("/events", handler(once(stream.into_response())?));
        let serving = Serving::start_with(routes, set).await?;
        let nginx = Nginx::before(serving.address, program, settings).await?;
        Ok(Self {
            lines: Stream {
                sender: lines,
                value: str::to_owned,
                client: nginx.get("/lines").await?,
                ended: lines_ended,
            },
            events: Stream {
                sender: events,
                value: Event::data,
                client: nginx.get("/events").await?,
                ended: events_ended,
            },
            nginx,
            serving,
        })
    }
}

impl<V> Stream<V> {
    /// Sends three values, each only when the client has got the one before.
    async fn sends(&mut self) -> Result<(), BoxError> {
        for text in ["value-1", "value-2", "value-3"] {
            assert!(!self.client.seen.contains(text), "{}", self.client.seen);
            let sent = self.sender.send((self.value)(text)).await;
            sent.map_err(|_| "nobody listens")?;
            self.client.sees(text).await?;
        }
        Ok(())
    }
}

/// Passes on why a stream has ended.
fn told() -> (impl FnOnce(End) + Send + Sync, oneshot::Receiver<End>) {
    let (tell, told) = oneshot::channel();
    let tell = move |end| {
        // Not every test asks.
        let _: Result<(), End> = tell.send(end);
    };
    (tell, told)
}

/// What the client sees in the end, and whether it is whole.
async fn seen(client: Client) -> Result<bool, BoxError> {
    let (seen, whole) = client.rest().await?;
    assert!(seen.starts_with("HTTP/1.1 200 OK\r\n"), "{seen}");
    assert!(seen.contains("value-3"), "{seen}");
    Ok(whole)
}

#[tokio::test]
async fn each_value_passes_nginx_before_the_next_is_sent() -> Result<(), BoxError> {
    let Some(program) = tool::require("nginx") else {
        return Ok(());
    };
    for settings in ["", HTTP_1_1] {
        let mut streams = Streams::start(&program, settings).await?;
        streams.lines.sends().await?;
        streams.events.sends().await?;
        streams.lines.sender.finish();
        streams.events.sender.finish();
        assert!(seen(streams.lines.client).await?, "{settings}");
        assert!(seen(streams.events.client).await?, "{settings}");
        assert_eq!(soon(streams.lines.ended).await??, End::Finished);
        assert_eq!(soon(streams.events.ended).await??, End::Finished);
        streams.nginx.end().await?;
        streams.serving.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_leaves_nginx_leaves_the_producer() -> Result<(), BoxError> {
    let Some(program) = tool::require("nginx") else {
        return Ok(());
    };
    for settings in ["", HTTP_1_1] {
        let mut streams = Streams::start(&program, settings).await?;
        streams.lines.sends().await?;
        streams.events.sends().await?;
        drop(streams.lines.client);
        assert_eq!(soon(streams.lines.ended).await??, End::PeerLeft);
        let closed = soon(streams.lines.sender.closed()).await?;
        assert_eq!(closed, End::PeerLeft);
        // The other goes on.
        let another = (streams.events.value)("another");
        let sent = streams.events.sender.send(another).await;
        assert!(sent.is_ok());
        streams.events.client.sees("another").await?;
        drop(streams.events.client);
        assert_eq!(soon(streams.events.ended).await??, End::PeerLeft);
        streams.nginx.end().await?;
        streams.serving.end().await?;
    }
    Ok(())
}

/// With HTTP/1.0 before it, nginx knows of nothing but the end of the connection.
#[tokio::test]
async fn a_stream_that_fails_behind_nginx_never_looks_complete() -> Result<(), BoxError> {
    let Some(program) = tool::require("nginx") else {
        return Ok(());
    };
    for (settings, logged) in [
        ("", "Connection reset by peer"),
        (HTTP_1_1, "prematurely closed connection"),
    ] {
        let mut streams = Streams::start(&program, settings).await?;
        streams.lines.sends().await?;
        streams.events.sends().await?;
        streams.lines.sender.abort("out of paper");
        assert!(!seen(streams.lines.client).await?, "{settings}");
        streams.nginx.logs(logged).await?;
        // What is dropped unfinished has failed too.
        drop(streams.events.sender);
        assert!(!seen(streams.events.client).await?, "{settings}");
        streams.nginx.logs(logged).await?;
        assert_eq!(soon(streams.lines.ended).await??, End::Failed);
        assert_eq!(soon(streams.events.ended).await??, End::Failed);
        streams.nginx.end().await?;
        streams.serving.end().await?;
    }
    Ok(())
}

/// Events end with the drain; lines go on until they are finished.
#[tokio::test]
async fn streams_that_a_drain_ends_are_complete_behind_nginx() -> Result<(), BoxError> {
    let Some(program) = tool::require("nginx") else {
        return Ok(());
    };
    for settings in ["", HTTP_1_1] {
        let mut streams = Streams::start(&program, settings).await?;
        streams.lines.sends().await?;
        streams.events.sends().await?;
        let clients = async {
            assert!(seen(streams.events.client).await?, "{settings}");
            assert_eq!(soon(streams.events.ended).await??, End::Drained);
            let sent = streams.lines.sender.send("value-4".to_owned()).await;
            assert!(sent.is_ok());
            streams.lines.client.sees("value-4").await?;
            streams.lines.sender.finish();
            assert!(seen(streams.lines.client).await?, "{settings}");
            Ok::<_, BoxError>(())
        };
        let (ended, seen) = tokio::join!(streams.serving.end(), clients);
        ended.and(seen)?;
        streams.nginx.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_the_end_of_the_grace_cuts_off_never_looks_complete_behind_nginx()
-> Result<(), BoxError> {
    let Some(program) = tool::require("nginx") else {
        return Ok(());
    };
    for settings in ["", HTTP_1_1] {
        let at_once = |server: Server| server.grace(Duration::ZERO);
        let mut streams = Streams::start_with(&program, settings, at_once).await?;
        streams.lines.sends().await?;
        streams.serving.end().await?;
        assert!(!seen(streams.lines.client).await?, "{settings}");
        assert_eq!(soon(streams.lines.ended).await??, End::Deadline);
        streams.nginx.end().await?;
    }
    Ok(())
}
