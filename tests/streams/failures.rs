//! Producers that fail, panic, or go away: what they sent before comes first, and no response looks complete.

use std::{io::Write, iter};

use peristyle::{
    BoxError, End,
    channel::Sender,
    server::{IntoResponse, Response},
    sse::{self, Event, EventStream},
    streaming::{self, Streaming},
};
use tokio::time::Instant;
use tokio_stream::StreamExt;

use crate::{
    client::Client,
    protocol::BOTH,
    server::InMemory,
    told::{Answer, Tell, answers},
};

const VALUES: &str = "one\ntwo\n";

async fn send(lines: &Sender<&'static str>) -> Result<(), BoxError> {
    Ok(lines.send_all(["one\n", "two\n"]).await?)
}

/// Sends two values, and is dropped when it has neither finished nor failed.
fn dropped(tell: Tell) -> Result<Response, BoxError> {
    let (sender, streaming) = streaming::channel(2);
    sender.try_send("one\n")?;
    sender.try_send("two\n")?;
    streaming.on_end(tell.end()).into_response().into_response()
}

fn aborted(tell: Tell) -> Result<Response, BoxError> {
    let (sender, streaming) = streaming::channel(2);
    sender.try_send("one\n")?;
    sender.try_send("two\n")?;
    sender.abort("out of paper");
    streaming.on_end(tell.end()).into_response().into_response()
}

fn producer_fails(tell: Tell) -> Result<Response, BoxError> {
    let streaming = streaming::produce(1, |lines| async move {
        send(&lines).await?;
        Err::<(), BoxError>("out of paper".into())
    });
    streaming.on_end(tell.end()).into_response().into_response()
}

fn producer_panics(tell: Tell) -> Result<Response, BoxError> {
    let streaming = streaming::produce(1, |lines| async move {
        send(&lines).await?;
        let paper = false;
        assert!(paper, "out of paper");
        Ok::<(), BoxError>(())
    });
    streaming.on_end(tell.end()).into_response().into_response()
}

fn stream_fails(tell: Tell) -> Result<Response, BoxError> {
    let lines = tokio_stream::iter([Ok("one\n"), Ok("two\n"), Err("out of paper")]);
    let streaming = Streaming::new(lines).on_end(tell.end());
    streaming.into_response().into_response()
}

fn iterator_panics(tell: Tell) -> Result<Response, BoxError> {
    let lines = ["one\n", "two\n"].into_iter();
    let lines = lines.chain(iter::once_with(|| panic!("out of paper")));
    let streaming = streaming::from_iter(lines).on_end(tell.end());
    streaming.into_response().into_response()
}

fn writer_fails(tell: Tell) -> Result<Response, BoxError> {
    let streaming = streaming::write_blocking(|out| {
        out.write_all(VALUES.as_bytes())?;
        Err("out of paper".into())
    });
    streaming.on_end(tell.end()).into_response().into_response()
}

fn writer_panics(tell: Tell) -> Result<Response, BoxError> {
    let streaming = streaming::write_blocking(|out| {
        out.write_all(VALUES.as_bytes())?;
        panic!("out of paper")
    });
    streaming.on_end(tell.end()).into_response().into_response()
}

/// Whatever the source, two lines and an end that is not clean. Each stream is told once that it failed.
#[tokio::test(start_paused = true)]
async fn what_a_stream_gave_before_it_failed_comes_first_and_then_no_clean_end() {
    let sources: [Answer; 8] = [
        dropped,
        aborted,
        producer_fails,
        producer_panics,
        stream_fails,
        iterator_panics,
        writer_fails,
        writer_panics,
    ];
    for (at, source) in sources.into_iter().enumerate() {
        assert_fails(source, VALUES, at).await;
    }
}

const EVENTS: &str = ":\n\ndata: one\n\ndata: two\n\n";
const WITH_ERROR: &str = ":\n\ndata: one\n\ndata: two\n\nevent: failed\ndata: sorry\n\n";

fn error_event() -> Event {
    let event = Event::builder().event("failed").data("sorry");
    event.build().unwrap()
}

fn two_events() -> [Event; 2] {
    ["one", "two"].map(Event::data)
}

/// The response of an event stream, with and without an event that tells of a failure.
macro_rules! both {
    ($stream:expr) => {
        [
            |tell: Tell| $stream.on_end(tell.end()).into_response().into_response(),
            |tell: Tell| {
                let stream = $stream.error_event(error_event());
                stream.on_end(tell.end()).into_response().into_response()
            },
        ]
    };
}

fn events_dropped() -> EventStream<peristyle::channel::Receiver<Event>> {
    let (sender, stream) = sse::channel(2);
    for event in two_events() {
        sender.try_send(event).unwrap();
    }
    stream
}

#[tokio::test(start_paused = true)]
async fn events_before_a_failure_come_first_then_the_error_event_if_any_and_no_clean_end() {
    let sources: [[Answer; 2]; 4] = [
        both!(events_dropped()),
        both!(sse::produce(1, |events| async move {
            events.send_all(two_events()).await?;
            Err::<(), BoxError>("out of paper".into())
        })),
        both!(sse::produce(1, |events| async move {
            events.send_all(two_events()).await?;
            let paper = false;
            assert!(paper, "out of paper");
            Ok::<(), BoxError>(())
        })),
        both!(EventStream::new(
            tokio_stream::iter(two_events().map(Ok)).chain(tokio_stream::once(Err("out of paper")))
        )),
    ];
    for (at, [without, with]) in sources.into_iter().enumerate() {
        assert_fails(without, EVENTS, at).await;
        assert_fails(with, WITH_ERROR, at).await;
    }
}

async fn assert_fails(source: Answer, expected: &str, at: usize) {
    for protocol in BOTH {
        let (answer, mut ends) = answers(source);
        let server = InMemory::start(answer);
        let start = Instant::now();
        let client = Client::get(&server, protocol, "/").await;
        let (body, ending) = client.rest().await;
        let case = format!("source {at} over {protocol:?}");
        assert_eq!(body, expected, "{case}");
        assert_eq!(ending, protocol.failed(), "{case}");
        assert_eq!(ends.next(start).await, (End::Failed, 0), "{case}");
        ends.assert_none();
        server.ended().await;
    }
}
