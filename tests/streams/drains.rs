//! The end of a server, and what each stream does of it. Its grace is 30 seconds.

use std::{future::pending, time::Duration};

use bytes::Bytes;
use peristyle::{
    BoxError, End,
    server::{IntoResponse, Response},
    sse::{self, Drain, Event},
    streaming::{self, DrainPolicy},
};
use tokio::time::{Instant, sleep};

use crate::{
    client::Client,
    protocol::{BOTH, Ending, Protocol},
    server::{InMemory, finished},
    told::{Answer, Tell, answers},
};

/// What a stream that had sent its first value does after the server began to end.
struct Case {
    stream: Answer,
    first: &'static str,
    /// What comes then.
    rest: &'static str,
    ending: fn(Protocol) -> Ending,
    /// What is told, and after how many seconds.
    end: (End, u64),
}

fn clean(_: Protocol) -> Ending {
    Ending::Clean
}

/// With its connection, whatever the protocol.
fn cut(_: Protocol) -> Ending {
    Ending::Cut
}

async fn assert_drains(cases: &[Case]) {
    for (at, case) in cases.iter().enumerate() {
        for protocol in BOTH {
            let (answer, mut ends) = answers(case.stream);
            let server = InMemory::start(answer);
            let mut client = Client::get(&server, protocol, "/").await;
            client.until(case.first).await;
            ends.assert_none();
            let start = Instant::now();
            let serving = server.end();
            let (body, ending) = client.rest().await;
            let name = format!("case {at} over {protocol:?}");
            assert_eq!(body, [case.first, case.rest].concat(), "{name}");
            assert_eq!(ending, (case.ending)(protocol), "{name}");
            assert_eq!(ends.next(start).await, case.end, "{name}");
            finished(serving).await;
            assert_eq!(start.elapsed().as_secs(), case.end.1, "{name}");
            ends.assert_none();
        }
    }
}

/// A line at once, another after 10 seconds, and the end.
fn lines(policy: DrainPolicy, tell: Tell) -> Result<Response, BoxError> {
    let streaming = streaming::produce(1, |lines| async move {
        lines.send("one\n").await?;
        sleep(Duration::from_secs(10)).await;
        lines.send("two\n").await?;
        Ok::<_, BoxError>(())
    });
    let streaming = streaming.drain_policy(policy).on_end(tell.end());
    streaming.into_response().into_response()
}

/// A line at once, and then nothing.
fn endless(policy: DrainPolicy, tell: Tell) -> Result<Response, BoxError> {
    let streaming = streaming::produce(1, |lines| async move {
        lines.send("one\n").await?;
        pending::<Result<(), BoxError>>().await
    });
    let streaming = streaming.drain_policy(policy).on_end(tell.end());
    streaming.into_response().into_response()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[tokio::test(start_paused = true)]
async fn a_stream_does_as_its_policy_says() {
    let first = "one\n";
    assert_drains(&[
        Case {
            stream: |tell| lines(DrainPolicy::Finish, tell),
            first,
            rest: "two\n",
            ending: clean,
            end: (End::Finished, 10),
        },
        Case {
            stream: |tell| endless(DrainPolicy::Finish, tell),
            first,
            rest: "",
            ending: cut,
            end: (End::Deadline, 30),
        },
        Case {
            stream: |tell| lines(DrainPolicy::Within(seconds(11)), tell),
            first,
            rest: "two\n",
            ending: clean,
            end: (End::Finished, 10),
        },
        Case {
            stream: |tell| lines(DrainPolicy::Within(seconds(9)), tell),
            first,
            rest: "",
            ending: Protocol::failed,
            end: (End::Deadline, 9),
        },
        Case {
            stream: |tell| lines(DrainPolicy::Abort, tell),
            first,
            rest: "",
            ending: Protocol::failed,
            end: (End::Drained, 0),
        },
        Case {
            stream: |tell| lines(DrainPolicy::EndWith(Bytes::from_static(b"more\n")), tell),
            first,
            rest: "more\n",
            ending: clean,
            end: (End::Drained, 0),
        },
        Case {
            stream: |tell| lines(DrainPolicy::EndWith(Bytes::new()), tell),
            first,
            rest: "",
            ending: clean,
            end: (End::Drained, 0),
        },
    ])
    .await;
}

/// An event at once, another after 10 seconds, and the end.
fn events(drain: Drain, tell: Tell) -> Result<Response, BoxError> {
    let stream = sse::produce(1, |events| async move {
        events.send(Event::data("one")).await?;
        sleep(seconds(10)).await;
        events.send(Event::data("two")).await?;
        Ok::<_, BoxError>(())
    });
    let stream = stream.on_drain(drain).on_end(tell.end());
    stream.into_response().into_response()
}

/// An event at once, and then nothing but comments.
fn endless_events(drain: Drain, tell: Tell) -> Result<Response, BoxError> {
    let stream = sse::produce(1, |events| async move {
        events.send(Event::data("one")).await?;
        pending::<Result<(), BoxError>>().await
    });
    let stream = stream.keep_alive(sse::KeepAlive::OFF).on_drain(drain);
    stream.on_end(tell.end()).into_response().into_response()
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_does_as_it_was_told_to() {
    let first = ":\n\ndata: one\n\n";
    assert_drains(&[
        Case {
            stream: |tell| events(Drain::EndNow, tell),
            first,
            rest: "",
            ending: clean,
            end: (End::Drained, 0),
        },
        Case {
            stream: |tell| events(Drain::Last(Event::data("back soon")), tell),
            first,
            rest: "data: back soon\n\n",
            ending: clean,
            end: (End::Drained, 0),
        },
        Case {
            stream: |tell| events(Drain::Finish, tell),
            first,
            rest: "data: two\n\n",
            ending: clean,
            end: (End::Finished, 10),
        },
        Case {
            stream: |tell| endless_events(Drain::Finish, tell),
            first,
            rest: "",
            ending: cut,
            end: (End::Deadline, 30),
        },
        Case {
            stream: |tell| events(Drain::FinishWithin(seconds(11)), tell),
            first,
            rest: "data: two\n\n",
            ending: clean,
            end: (End::Finished, 10),
        },
        Case {
            stream: |tell| endless_events(Drain::FinishWithin(seconds(9)), tell),
            first,
            rest: "",
            ending: clean,
            end: (End::Drained, 9),
        },
    ])
    .await;
}
