//! The keep-alive, promise R3, on a paused clock.

use std::{collections::HashSet, convert::Infallible, time::Duration};

use peristyle_sse::{Event, EventStream, KeepAlive, channel};
use tokio::time::{Instant, advance};
use tokio_stream::Pending;

use crate::client::{COMMENT, Client};

fn silent() -> EventStream<Pending<Result<Event, Infallible>>> {
    EventStream::new(tokio_stream::pending())
}

/// How long the silence is until the next comment.
async fn silence<S, E>(client: &mut Client<S>) -> Duration
where
    S: futures_core::Stream<Item = Result<Event, E>>,
    E: Into<peristyle_core::BoxError>,
{
    let start = Instant::now();
    assert_eq!(client.next().await, Some(Ok(COMMENT.to_owned())));
    start.elapsed()
}

#[tokio::test(start_paused = true)]
async fn by_default_a_comment_follows_12_to_18_seconds_of_silence() {
    let mut silences = Vec::new();
    for seed in 0..100 {
        let mut client = Client::open(silent().keep_alive(KeepAlive::default().seeded(seed)));
        for _ in 0..3 {
            silences.push(silence(&mut client).await.as_secs_f64());
        }
    }
    let shortest = silences.iter().copied().fold(f64::MAX, f64::min);
    let longest = silences.iter().copied().fold(0.0, f64::max);
    assert!((12.0..12.2).contains(&shortest), "{shortest}");
    assert!((17.8..=18.0).contains(&longest), "{longest}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_nothing_about_it_has_the_default() {
    let mut client = Client::open(silent());
    let silence = silence(&mut client).await.as_secs_f64();
    assert!((12.0..=18.0).contains(&silence), "{silence}");
}

#[tokio::test(start_paused = true)]
async fn the_period_can_be_chosen() {
    let keep_alive = KeepAlive::every(Duration::from_secs(100)).unwrap();
    let mut client = Client::open(silent().keep_alive(keep_alive));
    let silence = silence(&mut client).await.as_secs_f64();
    assert!((80.0..=120.0).contains(&silence), "{silence}");
}

#[tokio::test(start_paused = true)]
async fn streams_and_silences_differ_but_not_those_of_one_seed() {
    let mut silences = HashSet::new();
    for _ in 0..3 {
        let mut client = Client::open(silent());
        silences.insert(silence(&mut client).await);
        silences.insert(silence(&mut client).await);
    }
    assert!(silences.len() > 1);

    let mut silences = HashSet::new();
    for _ in 0..3 {
        let mut client = Client::open(silent().keep_alive(KeepAlive::default().seeded(7)));
        silences.insert((silence(&mut client).await, silence(&mut client).await));
    }
    assert_eq!(silences.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn every_event_starts_the_silence_anew() {
    for seed in 0..50 {
        let (sender, stream) = channel(1);
        let mut client = Client::open(stream.keep_alive(KeepAlive::default().seeded(seed)));
        for _ in 0..5 {
            client.waits();
            advance(Duration::from_millis(11_900)).await;
            client.waits();
            sender.try_send(Event::data("a")).unwrap();
            client.gets("data: a\n\n");
        }
        let silence = silence(&mut client).await.as_secs_f64();
        assert!((12.0..=18.0).contains(&silence), "{silence}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_ready_goes_before_a_comment_that_is_due() {
    let (sender, stream) = channel(1);
    let mut client = Client::open(stream);
    client.waits();
    advance(Duration::from_secs(60)).await;
    sender.try_send(Event::data("a")).unwrap();
    client.gets("data: a\n\n");
    client.waits();
}

#[tokio::test(start_paused = true)]
async fn a_long_pause_of_the_reader_is_followed_by_one_comment() {
    let mut client = Client::open(silent());
    advance(Duration::from_secs(3600)).await;
    assert!(silence(&mut client).await <= Duration::from_millis(1));
    client.waits();
}

#[tokio::test(start_paused = true)]
async fn off_means_never() {
    let mut client = Client::open(silent().keep_alive(KeepAlive::OFF));
    client.waits();
    advance(Duration::from_secs(365 * 24 * 3600)).await;
    assert!(!client.is_woken());
    client.waits();
}

#[test]
fn off_needs_no_timer() {
    let mut client = Client::open(silent().keep_alive(KeepAlive::OFF));
    client.waits();
}

#[test]
fn a_period_of_zero_is_refused() {
    let error = KeepAlive::every(Duration::ZERO).unwrap_err();
    assert_eq!(error.to_string(), "keep-alive period of zero");
}

#[tokio::test(start_paused = true)]
async fn the_shortest_and_the_longest_period_are_taken() {
    let shortest = KeepAlive::every(Duration::from_nanos(1)).unwrap();
    let mut client = Client::open(silent().keep_alive(shortest));
    assert!(silence(&mut client).await <= Duration::from_millis(1));

    let longest = KeepAlive::every(Duration::MAX).unwrap();
    let mut client = Client::open(silent().keep_alive(longest));
    client.waits();
    advance(Duration::from_secs(365 * 24 * 3600)).await;
    client.waits();
}
