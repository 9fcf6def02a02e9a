//! Many clients at once: delays, ages and drains of their own, promise H16, and admission.

use std::{convert::Infallible, time::Duration};

use http::HeaderMap;
use peristyle_core::{
    End,
    channel::{Receiver, Sender},
};
use peristyle_sse::{
    Admission, Drain, Event, EventStream, Jitter, KeepAlive, Unavailable, channel,
};
use tokio::time::advance;

use crate::client::{Client, Ends};

const SECOND: Duration = Duration::from_secs(1);

fn seconds(from: u32, to: u32) -> Jitter {
    Jitter::between(from * SECOND, to * SECOND).seeded(7)
}

fn quiet(stream: EventStream<Receiver<Event>>) -> EventStream<Receiver<Event>> {
    stream.keep_alive(KeepAlive::OFF)
}

/// The delay that a stream with these settings tells its client, in milliseconds.
async fn told(retry: impl Into<Jitter>) -> u64 {
    let events = tokio_stream::iter([Ok::<_, Infallible>(Event::data("a"))]);
    let mut client = Client::open(EventStream::new(events).retry(retry));
    let text = client.next().await.expect("an event").expect("no error");
    delay(text.strip_suffix("data: a\n\n").expect("the event"))
}

#[track_caller]
fn delay(line: &str) -> u64 {
    let millis = line
        .strip_prefix("retry: ")
        .and_then(|it| it.strip_suffix('\n'));
    millis
        .and_then(|it| it.parse().ok())
        .unwrap_or_else(|| panic!("{line:?}"))
}

/// In as many parts between the bounds, each has some of them.
#[track_caller]
fn are_spread(times: &[u64], from: u64, to: u64, parts: u64) {
    let part = (to - from) / parts;
    for start in (from..to).step_by(usize::try_from(part).expect("small")) {
        let some = times.iter().any(|it| (start..start + part).contains(it));
        assert!(some, "none from {start}: {times:?}");
    }
    assert!(times.iter().all(|it| (from..=to).contains(it)), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn each_stream_tells_its_client_another_delay() {
    let retry = seconds(2, 10);
    let mut delays = Vec::new();
    for _ in 0..200 {
        delays.push(told(retry.clone()).await);
    }
    are_spread(&delays, 2_000, 10_000, 8);
    assert_eq!(told(seconds(2, 10)).await, delays[0], "the same seed");
    assert_ne!(delays[0], delays[1]);
    assert_eq!(told(3 * SECOND).await, 3_000);
    assert_eq!(told(seconds(5, 1)).await, 5_000, "no bounds");
}

#[tokio::test(start_paused = true)]
async fn streams_that_began_together_are_too_old_one_after_another() {
    let age = seconds(100, 200);
    let mut streams: Vec<_> = (0..100)
        .map(|_| {
            let (sender, stream) = channel(1);
            let mut client = Client::open(quiet(stream).max_age(age.clone()));
            client.waits();
            (sender, client)
        })
        .collect();
    let mut ages = Vec::new();
    for second in 1..=200 {
        advance(SECOND).await;
        let before = streams.len();
        streams.retain(|(_, client)| !client.is_woken());
        ages.extend(std::iter::repeat_n(second, before - streams.len()));
    }
    are_spread(&ages, 100, 200, 5);
    assert_eq!(ages.len(), 100);
}

struct Draining {
    sender: Sender<Event>,
    client: Client<Receiver<Event>>,
    ends: Ends,
}

impl Draining {
    fn new(drain: &Drain) -> Self {
        let (sender, stream) = channel(4);
        Self::of(sender, quiet(stream).on_drain(drain.clone()))
    }

    fn of(sender: Sender<Event>, stream: EventStream<Receiver<Event>>) -> Self {
        let (ends, stream) = Ends::of(stream);
        let mut client = Client::open(stream);
        client.waits();
        client.control.drain();
        assert!(client.is_woken());
        client.waits();
        Self {
            sender,
            client,
            ends,
        }
    }

    #[track_caller]
    fn is_over(&mut self, end: End) {
        self.client.is_at_end();
        self.ends.are(&[end]);
    }
}

fn spread() -> Drain {
    Drain::Spread {
        after: seconds(0, 20),
        retry: seconds(1, 5),
    }
}

#[tokio::test(start_paused = true)]
async fn streams_that_are_drained_together_end_one_after_another_and_say_when_to_come_back() {
    let drain = spread();
    let mut streams: Vec<_> = (0..100).map(|_| Draining::new(&drain)).collect();
    let (mut ends, mut delays) = (Vec::new(), Vec::new());
    for second in 1..=20 {
        advance(SECOND).await;
        let (over, open) = streams
            .into_iter()
            .partition::<Vec<_>, _>(|it| it.client.is_woken());
        for mut stream in over {
            let line = stream.client.next().await.unwrap().unwrap();
            delays.push(delay(&line));
            ends.push(second);
            stream.is_over(End::Drained);
        }
        streams = open;
        for stream in &mut streams {
            stream.sender.try_send(Event::data("a")).unwrap();
            stream.client.gets("data: a\n\n");
            stream.client.waits();
        }
    }
    assert!(streams.is_empty());
    are_spread(&ends, 1, 20, 4);
    are_spread(&delays, 1_000, 5_000, 4);
}

#[tokio::test(start_paused = true)]
async fn a_busy_stream_that_is_drained_ends_at_its_time_too() {
    let events = std::iter::repeat_with(|| Ok::<_, Infallible>(Event::data("a")));
    let drain = Drain::Spread {
        after: SECOND.into(),
        retry: SECOND.into(),
    };
    let stream = EventStream::new(tokio_stream::iter(events)).on_drain(drain);
    let mut client = Client::open(stream);
    client.control.drain();
    client.gets("data: a\n\n");
    advance(SECOND).await;
    client.gets("retry: 1000\n");
    client.is_at_end();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_ends_while_it_is_drained_is_finished() {
    let mut stream = Draining::new(&spread());
    let finished = stream.sender;
    finished.finish();
    stream.client.is_at_end();
    stream.ends.are(&[End::Finished]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_too_old_while_it_is_drained_says_when_to_come_back() {
    let (sender, stream) = channel(4);
    let drain = Drain::Spread {
        after: (20 * SECOND).into(),
        retry: SECOND.into(),
    };
    let stream = quiet(stream).max_age(10 * SECOND).on_drain(drain);
    let mut stream = Draining::of(sender, stream);
    advance(10 * SECOND).await;
    stream.client.gets("retry: 1000\n");
    stream.is_over(End::TooOld);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_cannot_wait_drops_a_stream_without_a_word() {
    let stream = Draining::new(&spread());
    stream.client.control.cut(End::Deadline);
    drop(stream.client);
    stream.ends.are(&[End::Deadline]);
}

#[track_caller]
fn admits(admission: &Admission, count: usize) {
    for number in 0..count {
        assert!(admission.admit().is_ok(), "only {number} of {count}");
    }
    assert!(admission.admit().is_err(), "more than {count}");
}

#[tokio::test(start_paused = true)]
async fn so_many_are_let_in_at_once_and_then_so_many_in_a_second() {
    let admission = Admission::per_second(4).burst(10);
    admits(&admission, 10);
    advance(Duration::from_millis(249)).await;
    admits(&admission, 0);
    advance(Duration::from_millis(1)).await;
    admits(&admission, 1);
    advance(Duration::from_millis(750)).await;
    admits(&admission.clone(), 3);
    advance(3_600 * SECOND).await;
    admits(&admission, 10);
}

#[tokio::test(start_paused = true)]
async fn as_many_as_in_a_second_are_let_in_at_once_unless_it_is_said() {
    let admission = Admission::per_second(100);
    admits(&admission, 100);
    advance(SECOND / 2).await;
    admits(&admission, 50);
    admits(&Admission::per_second(1), 1);
    admits(&Admission::per_second(3), 3);
}

#[test]
fn who_is_refused_is_told_to_come_back_later_each_at_another_time() {
    let refusal = Unavailable::new()
        .after(30 * SECOND)
        .spread(60 * SECOND)
        .seeded(7);
    let expected = Unavailable::new()
        .after(30 * SECOND)
        .spread(60 * SECOND)
        .seeded(7);
    let admission = Admission::per_second(1).refusal(refusal);
    assert!(admission.admit().is_ok());
    for _ in 0..3 {
        let refused = admission.admit().unwrap_err().answer(&HeaderMap::new());
        assert_eq!(refused.status(), 503);
        let expected = expected.answer(&HeaderMap::new());
        assert_eq!(refused.headers(), expected.headers());
    }
}

#[test]
#[should_panic(expected = "somebody must be let in")]
fn a_limit_that_lets_nobody_in_is_refused() {
    let _ = Admission::per_second(0);
}

#[test]
#[should_panic(expected = "somebody must be let in")]
fn a_burst_of_nobody_is_refused() {
    let _ = Admission::per_second(1).burst(0);
}
