//! The drain policies, promise X1, and the maximum age.

use std::{
    convert::Infallible,
    iter,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use peristyle_core::{
    End,
    channel::{Receiver, Sender},
};
use peristyle_sse::{Drain, Event, EventStream, KeepAlive, channel};
use tokio::time::{Instant, advance};
use tokio_stream::Stream;
use tokio_test::{assert_pending, assert_ready, task};

use crate::client::{COMMENT, Client, Ends};

/// A stream with one event sent and read, that waits for the next.
fn waiting(drain: Option<Drain>) -> (Sender<Event>, Ends, Client<Receiver<Event>>) {
    let (sender, stream) = channel(4);
    let stream = stream.keep_alive(KeepAlive::OFF);
    let (ends, stream) = Ends::of(match drain {
        Some(drain) => stream.on_drain(drain),
        None => stream,
    });
    let mut client = Client::open(stream);
    sender.try_send(Event::data("a")).expect("room");
    client.gets("data: a\n\n");
    client.waits();
    (sender, ends, client)
}

/// A source that is never pending.
struct Busy;

impl Stream for Busy {
    type Item = Result<Event, Infallible>;

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(Some(Ok(Event::data("a"))))
    }
}

fn busy() -> EventStream<Busy> {
    EventStream::new(Busy)
}

fn read(client: &mut Client<Busy>) {
    iter::repeat_n("data: a\n\n", 1000).for_each(|text| client.gets(text));
}

#[test]
fn by_default_a_drain_wakes_the_stream_and_ends_it_at_once() {
    let (sender, ends, mut client) = waiting(None);
    client.control.drain();
    assert!(client.is_woken());
    sender.try_send(Event::data("b")).unwrap();
    client.is_at_end();
    ends.are(&[End::Drained]);
    let error = sender.try_send(Event::data("c")).unwrap_err();
    assert_eq!(error.end(), Some(End::Drained));
}

#[test]
fn a_drain_with_a_last_event_sends_it_and_ends() {
    let (sender, ends, mut client) = waiting(Some(Drain::Last(Event::data("back soon"))));
    sender.try_send(Event::data("b")).unwrap();
    client.control.drain();
    client.gets("data: back soon\n\n");
    client.is_at_end();
    ends.are(&[End::Drained]);
}

#[test]
fn a_stream_that_is_to_finish_goes_on_until_its_source_ends() {
    let (sender, ends, mut client) = waiting(Some(Drain::Finish));
    client.control.drain();
    client.waits();
    sender.try_send(Event::data("b")).unwrap();
    client.gets("data: b\n\n");
    sender.finish();
    client.is_at_end();
    ends.are(&[End::Finished]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_to_finish_within_a_time_ends_then() {
    let within = Drain::FinishWithin(Duration::from_secs(5));
    let (sender, ends, mut client) = waiting(Some(within));
    client.control.drain();
    client.waits();
    sender.try_send(Event::data("b")).unwrap();
    client.gets("data: b\n\n");
    let start = Instant::now();
    assert_eq!(client.next().await, None);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
    client.is_at_end();
    ends.are(&[End::Drained]);
    assert_eq!(sender.closed().await, End::Drained);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_finishes_within_the_time_has_finished() {
    let within = Drain::FinishWithin(Duration::from_secs(5));
    let (sender, ends, mut client) = waiting(Some(within));
    client.control.drain();
    client.waits();
    sender.try_send(Event::data("b")).unwrap();
    sender.finish();
    client.gets("data: b\n\n");
    client.is_at_end();
    ends.are(&[End::Finished]);
}

#[tokio::test(start_paused = true)]
async fn the_time_to_finish_counts_from_the_drain_and_may_be_any() {
    for (within, ends_at_once) in [(Duration::ZERO, true), (Duration::MAX, false)] {
        let (_sender, ends, mut client) = waiting(Some(Drain::FinishWithin(within)));
        advance(Duration::from_secs(3600)).await;
        client.waits();
        client.control.drain();
        if ends_at_once {
            client.is_at_end();
            ends.are(&[End::Drained]);
        } else {
            client.waits();
            advance(Duration::from_secs(3600)).await;
            client.waits();
        }
    }
}

#[test]
fn a_stream_drained_before_it_is_read_still_opens() {
    let (_sender, stream) = channel(1);
    let mut client = Client::new(stream);
    client.control.drain();
    client.gets(COMMENT);
    client.is_at_end();
}

#[test]
fn a_drain_wakes_a_blocked_sender_with_the_reason() {
    let (sender, stream) = channel(1);
    let mut client = Client::open(stream);
    sender.try_send(Event::data("a")).unwrap();
    let mut blocked = task::spawn(sender.send(Event::data("b")));
    assert_pending!(blocked.poll());
    client.control.drain();
    client.is_at_end();
    assert!(blocked.is_woken());
    let error = assert_ready!(blocked.poll()).unwrap_err();
    assert_eq!(error.end(), Some(End::Drained));
    assert_eq!(error.into_inner(), Event::data("b"));
}

#[test]
fn a_source_that_is_always_ready_does_not_hold_up_a_drain() {
    let mut client = Client::open(busy());
    read(&mut client);
    client.control.drain();
    client.is_at_end();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_always_ready_does_not_hold_up_the_time_to_finish() {
    let within = Drain::FinishWithin(Duration::from_secs(5));
    let mut client = Client::open(busy().on_drain(within));
    client.control.drain();
    read(&mut client);
    advance(Duration::from_secs(5)).await;
    client.is_at_end();
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_always_ready_does_not_hold_up_the_maximum_age() {
    let (ends, stream) = Ends::of(busy().max_age(Duration::from_secs(600)));
    let mut client = Client::open(stream);
    read(&mut client);
    advance(Duration::from_secs(599)).await;
    read(&mut client);
    advance(Duration::from_secs(1)).await;
    client.is_at_end();
    ends.are(&[End::TooOld]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_ends_at_its_maximum_age_counted_from_the_first_piece() {
    let (sender, stream) = channel(1);
    let stream = stream.keep_alive(KeepAlive::OFF);
    let (ends, stream) = Ends::of(stream.max_age(Duration::from_secs(600)));
    let mut client = Client::new(stream);
    advance(Duration::from_secs(3600)).await;
    client.gets(COMMENT);
    let start = Instant::now();
    assert_eq!(client.next().await, None);
    assert_eq!(start.elapsed(), Duration::from_secs(600));
    client.is_at_end();
    ends.are(&[End::TooOld]);
    assert_eq!(sender.closed().await, End::TooOld);
}

#[tokio::test(start_paused = true)]
async fn keep_alive_and_maximum_age_share_the_silence() {
    let (_sender, stream) = channel(1);
    let mut client = Client::open(stream.max_age(Duration::from_secs(40)));
    let start = Instant::now();
    let mut comments = 0;
    while let Some(piece) = client.next().await {
        assert_eq!(piece.unwrap(), COMMENT);
        comments += 1;
        assert!(comments <= 3, "they come without a silence before them");
    }
    assert_eq!(start.elapsed(), Duration::from_secs(40));
    assert!(comments >= 2, "{comments}");
}

#[tokio::test(start_paused = true)]
async fn the_time_to_finish_cuts_a_silence_short_that_has_begun() {
    let (_sender, stream) = channel(1);
    let within = Drain::FinishWithin(Duration::from_secs(5));
    let mut client = Client::open(stream.on_drain(within));
    client.waits();
    client.control.drain();
    let start = Instant::now();
    assert_eq!(client.next().await, None);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn the_sooner_of_maximum_age_and_time_to_finish_counts() {
    for (age, within, reason) in [(9, 5, End::Drained), (5, 9, End::TooOld)] {
        let (_sender, stream) = channel(1);
        let stream = stream
            .max_age(Duration::from_secs(age))
            .on_drain(Drain::FinishWithin(Duration::from_secs(within)));
        let (ends, stream) = Ends::of(stream);
        let mut client = Client::open(stream);
        client.control.drain();
        let start = Instant::now();
        assert_eq!(client.next().await, None);
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        ends.are(&[reason]);
    }
}
