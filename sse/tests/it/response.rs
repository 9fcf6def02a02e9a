//! The response, promises R1, R2 and X1: its head, its first piece, its retry delay, its frames.

use std::{
    cell::Cell,
    convert::Infallible,
    future::{pending, poll_fn},
    iter,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Poll,
    time::Duration,
};

use http::{Response, StatusCode};
use http_body_util::BodyExt;
use peristyle_core::{BoxError, Control, channel::Produced};
use peristyle_sse::{Drain, Event, EventBody, EventStream, KeepAlive, channel, produce};
use tokio::time::Sleep;
use tokio_stream::{Stream, StreamExt};

use crate::client::{COMMENT, Client};

fn events<const N: usize>(
    events: [Event; N],
) -> EventStream<impl Stream<Item = Result<Event, Infallible>>> {
    EventStream::new(tokio_stream::iter(events).map(Ok)).keep_alive(KeepAlive::OFF)
}

fn headers<B>(response: &Response<B>) -> Vec<(&str, &[u8])> {
    let headers = response.headers().iter();
    headers
        .map(|(name, value)| (name.as_str(), value.as_bytes()))
        .collect()
}

const HEAD: [(&str, &[u8]); 3] = [
    ("content-type", b"text/event-stream; charset=utf-8"),
    ("cache-control", b"no-cache, no-transform"),
    ("x-accel-buffering", b"no"),
];

#[test]
fn the_head_is_200_with_the_three_headers_of_an_event_stream_and_no_other() {
    let response = events([]).into_response();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(headers(&response), HEAD);
}

#[test]
fn headers_of_the_application_are_kept() {
    let mut response = Response::from(events([]));
    assert_eq!(headers(&response), HEAD);
    let (name, value) = ("access-control-allow-origin", "*");
    response.headers_mut().insert(name, value.parse().unwrap());
    let mut expected = HEAD.to_vec();
    expected.push((name, value.as_bytes()));
    assert_eq!(headers(&response), expected);
}

#[test]
fn the_length_of_the_body_is_not_told() {
    let response = events([]).into_response();
    assert_eq!(http_body::Body::size_hint(response.body()).exact(), None);
    assert!(!http_body::Body::is_end_stream(response.body()));
}

#[test]
fn the_control_is_in_the_extensions() {
    let response = events([]).into_response();
    let control = response.extensions().get::<Control>().unwrap();
    assert_eq!(control.end(), None);
}

#[test]
fn the_first_piece_is_a_comment_that_waits_for_no_event() {
    let mut client = Client::new(
        EventStream::new(tokio_stream::pending::<Result<Event, Infallible>>())
            .keep_alive(KeepAlive::OFF),
    );
    client.gets(COMMENT);
    client.waits();
}

#[test]
fn the_source_starts_after_the_first_piece() {
    let started = Rc::new(Cell::new(false));
    let flag = Rc::clone(&started);
    let source = async_stream::stream! {
        flag.set(true);
        yield Ok::<_, Infallible>(Event::data("a"));
    };
    let mut client = Client::new(EventStream::new(source).keep_alive(KeepAlive::OFF));
    assert!(!started.get());
    client.gets(COMMENT);
    assert!(!started.get());
    client.gets("data: a\n\n");
    client.is_at_end();
}

#[test]
fn a_response_whose_body_is_not_read_never_starts_its_producer() {
    let started = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&started);
    let stream = produce(1, move |_| async move { flag.store(true, Relaxed) });
    drop(stream.into_response());
    assert!(!started.load(Relaxed));
}

#[tokio::test(start_paused = true)]
async fn retry_travels_in_the_first_event_and_only_there() {
    let stream = events([Event::data("a"), Event::data("b")]).retry(Duration::from_secs(3));
    check(stream, ":\n\nretry: 3000\ndata: a\n\ndata: b\n\n").await;
}

#[tokio::test(start_paused = true)]
async fn retry_passes_over_comments() {
    let stream = events([Event::comment("a"), Event::data("b")]).retry(Duration::from_secs(3));
    check(stream, ":\n\n: a\n\nretry: 3000\ndata: b\n\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_first_event_with_a_delay_of_its_own_keeps_it() {
    let first = Event::data("a").with_retry(Duration::from_secs(1));
    let stream = events([first, Event::data("b")]).retry(Duration::from_secs(3));
    check(stream, ":\n\nretry: 1000\ndata: a\n\ndata: b\n\n").await;
}

#[test]
fn the_last_event_of_a_drain_is_a_first_event_too() {
    let stream = EventStream::new(tokio_stream::pending::<Result<Event, Infallible>>());
    let last = Drain::Last(Event::data("back soon"));
    let mut client = Client::open(stream.retry(Duration::from_secs(3)).on_drain(last));
    client.control.drain();
    client.gets("retry: 3000\ndata: back soon\n\n");
    client.is_at_end();
}

#[test]
fn each_event_is_seen_before_the_next_is_produced() {
    let produced = Rc::new(Cell::new(0));
    let count = Rc::clone(&produced);
    let source = iter::from_fn(move || {
        count.set(count.get() + 1);
        Some(Ok::<_, Infallible>(Event::data(&count.get().to_string())))
    });
    let mut client = Client::open(EventStream::new(tokio_stream::iter(source)));
    for number in 1..=10 {
        client.gets(&format!("data: {number}\n\n"));
        assert_eq!(produced.get(), number);
    }
}

#[test]
fn a_producer_that_pauses_has_every_event_seen_before_it_goes_on() {
    let stream = produce(10, |events| async move {
        events.send(Event::data("1")).await?;
        pending::<()>().await;
        events.send(Event::data("2")).await?;
        Ok::<_, BoxError>(())
    });
    let mut client = Client::open(stream.keep_alive(KeepAlive::OFF));
    client.gets("data: 1\n\n");
    client.waits();
}

#[tokio::test(start_paused = true)]
async fn a_stream_collects_into_its_bytes() {
    let source = async_stream::try_stream! {
        yield Event::data("a");
        tokio::time::sleep(Duration::from_secs(1)).await;
        yield Event::builder().event("add").id("7").data("b").build()?;
    };
    let stream = EventStream::new::<BoxError>(source);
    check(stream, ":\n\ndata: a\n\nevent: add\nid: 7\ndata: b\n\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_channel_collects_into_its_bytes() {
    let (sender, stream) = channel(2);
    sender.send(Event::data("a")).await.unwrap();
    sender.send(Event::data("b")).await.unwrap();
    sender.finish();
    check(stream, ":\n\ndata: a\n\ndata: b\n\n").await;
}

#[tokio::test(start_paused = true)]
async fn a_producer_collects_into_its_bytes() {
    let stream = produce(1, |events| async move {
        events.send_all([Event::data("a"), Event::data("b")]).await
    });
    check(stream, ":\n\ndata: a\n\ndata: b\n\n").await;
}

#[test]
fn the_source_need_not_be_unpin() {
    let source = async_stream::stream! {
        let polled = Cell::new(false);
        poll_fn(|cx| {
            cx.waker().wake_by_ref();
            if polled.replace(true) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        yield Ok::<_, Infallible>(Event::data("a"));
    };
    let mut client = Client::open(EventStream::new(source).keep_alive(KeepAlive::OFF));
    client.waits();
    client.gets("data: a\n\n");
}

#[test]
fn the_body_crosses_threads_and_is_small() {
    fn assert_send<T: Send + 'static>() -> usize {
        size_of::<T>()
    }
    let source = assert_send::<Produced<Event>>();
    let body = assert_send::<EventBody<Produced<Event>>>();
    // Features of tokio that others turn on make its timer larger.
    let own = body - source - size_of::<Sleep>();
    assert!(own <= 288, "{own}");
}

async fn check<S, E>(stream: EventStream<S>, bytes: &str)
where
    S: Stream<Item = Result<Event, E>>,
    E: Into<BoxError>,
{
    let collected = stream.into_response().into_body().collect().await;
    assert_eq!(collected.expect("a clean end").to_bytes(), bytes);
}
