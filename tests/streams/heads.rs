//! What event streams look like to who reads them, and when they speak.

use std::{future::pending, time::Duration};

use peristyle::{
    BoxError,
    server::{IntoResponse, Response},
    sse::{self, Event, KeepAlive},
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    client::Client,
    protocol::{BOTH, Ending, Protocol},
    server::InMemory,
    told::{Tell, answers},
};

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n\
    cache-control: no-cache, no-transform\r\nx-accel-buffering: no\r\ntransfer-encoding: chunked\r\ndate: ";

fn two(_: Tell) -> Result<Response, BoxError> {
    let stream = sse::produce(1, |events| async move {
        events.send(Event::data("one")).await?;
        sleep(Duration::from_secs(10)).await;
        events.send(Event::data("two")).await?;
        sleep(Duration::from_secs(11)).await;
        Ok::<_, BoxError>(())
    });
    let stream = stream.retry(Duration::from_secs(3));
    stream.into_response().into_response()
}

/// Ten seconds are no silence, and the delay to reconnect goes with the first event.
#[tokio::test(start_paused = true)]
async fn an_event_stream_is_opened_at_once_and_sends_each_event_when_it_comes() {
    for protocol in BOTH {
        let server = InMemory::start(answers(two).0);
        let start = Instant::now();
        let mut client = Client::get(&server, protocol, "/").await;
        client.until(":\n\nretry: 3000\ndata: one\n\n").await;
        if protocol == Protocol::Http1 {
            let (head, date) = client.head().split_at(HEAD.len());
            assert_eq!(head, HEAD);
            assert_eq!(date.len(), "Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n".len());
        }
        assert_eq!(start.elapsed().as_secs(), 0);
        let whole = ":\n\nretry: 3000\ndata: one\n\ndata: two\n\n";
        client.until(whole).await;
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_eq!(client.rest().await, (whole.to_owned(), Ending::Clean));
        assert_eq!(start.elapsed().as_secs(), 21);
        server.ended().await;
    }
}

fn silent(keep_alive: Option<KeepAlive>) -> Result<Response, BoxError> {
    let stream = sse::produce(1, |_events| pending::<Result<(), BoxError>>());
    let stream = match keep_alive {
        Some(keep_alive) => stream.keep_alive(keep_alive),
        None => stream,
    };
    stream.into_response().into_response()
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_sends_a_comment_after_about_15_seconds_each() {
    for protocol in BOTH {
        let server = InMemory::start(answers(|_| silent(None)).0);
        let mut client = Client::get(&server, protocol, "/").await;
        client.until(":\n\n").await;
        for count in 2..20 {
            let start = Instant::now();
            client.until(&":\n\n".repeat(count)).await;
            let silence = start.elapsed().as_millis();
            assert!((12_000..=18_001).contains(&silence), "{silence} ms");
        }
        drop(client);
        server.ended().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_that_is_to_send_no_comments_sends_none() {
    let server = InMemory::start(answers(|_| silent(Some(KeepAlive::OFF))).0);
    let mut client = Client::get(&server, Protocol::Http1, "/").await;
    client.until(":\n\n").await;
    let more = client.until_at_least(":\n\n:");
    let day = Duration::from_secs(24 * 60 * 60);
    assert!(timeout(day, more).await.is_err());
    drop(client);
    server.ended().await;
}
