//! Clients that leave: whatever its producer does, it learns at once.

use std::{future::pending, io::Write, time::Duration};

use bytes::Bytes;
use peristyle::{
    BoxError, End,
    channel::Sender,
    server::{IntoResponse, Response},
    sse::{self, Event},
    streaming,
};
use tokio::time::{Instant, sleep};

use crate::{
    client::{Client, Leaving, WAYS},
    protocol::Protocol,
    server::InMemory,
    told::{Answer, Tell, answers},
};

/// A few of them are more than all buffers on the way have room for.
const VALUE: usize = 64 * 1024;

fn value() -> Bytes {
    Bytes::from(vec![b'a'; VALUE])
}

fn event() -> Event {
    Event::data(&"a".repeat(VALUE))
}

/// Sends for as long as it can, and tells why it cannot.
async fn sends_on<V: Clone>(sender: Sender<V>, value: V, tell: Tell) {
    loop {
        if let Err(error) = sender.send(value.clone()).await {
            return tell.say(error.end().unwrap());
        }
    }
}

fn channel_is_full(tell: Tell) -> Result<Response, BoxError> {
    let (sender, streaming) = streaming::channel(2);
    tell.spawn(sends_on(sender, value(), tell.clone()));
    streaming.on_end(tell.end()).into_response().into_response()
}

fn channel_is_watched(tell: Tell) -> Result<Response, BoxError> {
    let (sender, streaming) = streaming::channel::<Bytes>(2);
    let watching = tell.clone();
    tell.spawn(async move { watching.say(sender.closed().await) });
    streaming.on_end(tell.end()).into_response().into_response()
}

fn producer_is_blocked(tell: Tell) -> Result<Response, BoxError> {
    let held = tell.held();
    let streaming = streaming::produce(2, |values| async move {
        let _held = held;
        loop {
            values.send(value()).await?;
        }
        #[expect(unreachable_code, reason = "names the error type")]
        Ok::<_, BoxError>(())
    });
    streaming.on_end(tell.end()).into_response().into_response()
}

fn producer_waits(tell: Tell) -> Result<Response, BoxError> {
    let held = tell.held();
    let streaming = streaming::produce(2, |values| async move {
        let _held = held;
        values.send("one\n").await?;
        pending::<Result<(), BoxError>>().await
    });
    streaming.on_end(tell.end()).into_response().into_response()
}

fn events_are_full(tell: Tell) -> Result<Response, BoxError> {
    let (sender, stream) = sse::channel(2);
    tell.spawn(sends_on(sender, event(), tell.clone()));
    stream.on_end(tell.end()).into_response().into_response()
}

fn producer_of_events_is_blocked(tell: Tell) -> Result<Response, BoxError> {
    let held = tell.held();
    let stream = sse::produce(2, |events| async move {
        let _held = held;
        loop {
            events.send(event()).await?;
        }
        #[expect(unreachable_code, reason = "names the error type")]
        Ok::<_, BoxError>(())
    });
    stream.on_end(tell.end()).into_response().into_response()
}

fn producer_of_events_waits(tell: Tell) -> Result<Response, BoxError> {
    let held = tell.held();
    let stream = sse::produce(2, |events| async move {
        let _held = held;
        events.send(Event::data("one")).await?;
        pending::<Result<(), BoxError>>().await
    });
    stream.on_end(tell.end()).into_response().into_response()
}

/// The producer and `on_end`, each once, in the second in which the client leaves. A producer of the stream's own is dropped.
#[tokio::test(start_paused = true)]
async fn a_producer_that_is_blocked_or_waits_learns_at_once_that_its_client_left() {
    let producers: [Answer; 7] = [
        channel_is_full,
        channel_is_watched,
        producer_is_blocked,
        producer_waits,
        events_are_full,
        producer_of_events_is_blocked,
        producer_of_events_waits,
    ];
    for (at, producer) in producers.into_iter().enumerate() {
        for (protocol, leaving) in WAYS {
            let (answer, mut ends) = answers(producer);
            let server = InMemory::start(answer);
            let client = Client::get(&server, protocol, "/").await;
            // Passes when nothing goes on any more.
            sleep(Duration::from_secs(1)).await;
            ends.assert_none();
            let start = Instant::now();
            let connection = client.leave(leaving).await;
            let case = format!("producer {at}, {leaving:?} over {protocol:?}");
            for _ in 0..2 {
                assert_eq!(ends.next(start).await, (End::PeerLeft, 0), "{case}");
            }
            sleep(Duration::from_secs(1)).await;
            ends.assert_none();
            drop(connection);
            server.ended().await;
        }
    }
}

fn writer(tell: Tell) -> Result<Response, BoxError> {
    let writing = tell.clone();
    let streaming = streaming::write_blocking(move |out| {
        out.write_all(b"one\n")?;
        out.flush()?;
        loop {
            if let Err(error) = out.write_all(&value()) {
                assert_eq!(error.to_string(), End::PeerLeft.as_str());
                writing.say(End::PeerLeft);
                return Err(error.into());
            }
        }
    });
    streaming.on_end(tell.end()).into_response().into_response()
}

#[tokio::test]
async fn a_writer_that_blocks_its_thread_learns_that_its_client_left() {
    for (protocol, leaving) in WAYS {
        let (answer, mut ends) = answers(writer);
        let server = InMemory::start(answer);
        let mut client = Client::get(&server, protocol, "/").await;
        client.until_at_least("one\n").await;
        let connection = client.leave(leaving).await;
        for _ in 0..2 {
            assert_eq!(ends.next(Instant::now()).await.0, End::PeerLeft);
        }
        drop(connection);
        server.ended().await;
        ends.assert_none();
    }
}

/// hyper does not see the end of a connection behind bytes that it has not read: the next comment does.
#[tokio::test(start_paused = true)]
async fn a_client_that_left_behind_a_stray_byte_is_noticed_by_the_next_comment() {
    let (answer, mut ends) = answers(producer_of_events_waits);
    let server = InMemory::start(answer);
    let mut client = Client::get(&server, Protocol::Http1, "/").await;
    client.until(":\n\ndata: one\n\n").await;
    client.send(b"G").await;
    let start = Instant::now();
    client.leave(Leaving::Connection).await;
    for _ in 0..2 {
        let (end, after) = ends.next(start).await;
        assert_eq!(end, End::PeerLeft);
        assert!(after <= 18, "{after} s");
    }
    server.ended().await;
}
