//! How a stream ends, promises X2 and X3: what the client gets, and who learns why.

use std::{
    future::pending,
    panic::panic_any,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
    time::Duration,
};

use peristyle_core::{
    BoxError, Control, End,
    channel::{Receiver, Sender},
};
use peristyle_sse::{Drain, Event, EventStream, KeepAlive, channel, produce};
use tokio_stream::Stream;
use tokio_test::{assert_pending, assert_ready_eq, task};

use crate::client::{Client, Ends};

fn panics(payload: fn()) -> EventStream<impl Stream<Item = Result<Event, BoxError>>> {
    EventStream::new(async_stream::stream! {
        yield Ok(Event::data("a"));
        payload();
    })
}

#[test]
fn an_error_of_the_source_comes_after_its_events_and_is_never_a_clean_end() {
    let source = [
        Ok(Event::data("a")),
        Err("the tap ran dry"),
        Ok(Event::data("b")),
    ];
    let (ends, stream) = Ends::of(EventStream::new(tokio_stream::iter(source)));
    let mut client = Client::open(stream);
    client.gets("data: a\n\n");
    client.fails("the tap ran dry");
    ends.are(&[End::Failed]);
}

#[test]
fn a_panic_of_the_source_comes_after_its_events_and_is_never_a_clean_end() {
    for (payload, error) in [
        (
            (|| panic!("the tap broke")) as fn(),
            "panicked: the tap broke",
        ),
        (|| panic!("tap {}", 7), "panicked: tap 7"),
        (|| panic_any(7), "panicked: a value that is not text"),
    ] {
        let (ends, stream) = Ends::of(panics(payload));
        let mut client = Client::open(stream);
        client.gets("data: a\n\n");
        client.fails(error);
        ends.are(&[End::Failed]);
    }
}

/// hyper was seen to drop the events, and even the head, that it had not yet written when the error
/// came right behind them.
#[test]
fn an_error_waits_for_one_poll_so_that_the_host_writes_what_it_has() {
    let source = tokio_stream::iter([Ok(Event::data("a")), Err("the tap ran dry")]);
    let event = Event::data("gone");
    let mut client = Client::open(EventStream::new(source).error_event(event));
    client.gets("data: a\n\n");
    client.gets("data: gone\n\n");
    client.waits();
    assert!(client.is_woken());
    assert_eq!(client.control.end(), Some(End::Failed));
    let next = task::spawn(client.next()).poll();
    assert_eq!(next, Poll::Ready(Some(Err("the tap ran dry".to_owned()))));
    client.is_at_end();
}

/// Gives an error, if it has one, and panics when it is dropped.
struct Trap(Option<&'static str>);

impl Stream for Trap {
    type Item = Result<Event, &'static str>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.take().map(Err))
    }
}

impl Drop for Trap {
    fn drop(&mut self) {
        panic!("trapped")
    }
}

#[test]
fn a_panic_while_the_source_is_dropped_is_an_error() {
    for drains in [false, true] {
        let last = Drain::Last(Event::data("back soon"));
        let stream = EventStream::new(Trap(None)).on_drain(last);
        let (ends, stream) = Ends::of(stream.error_event(Event::data("gone")));
        let mut client = Client::open(stream);
        if drains {
            client.control.drain();
        }
        client.gets("data: gone\n\n");
        client.fails("panicked: trapped");
        ends.are(&[End::Failed]);
    }
}

#[test]
fn the_first_of_two_failures_is_told() {
    let mut client = Client::open(EventStream::new(Trap(Some("the tap ran dry"))));
    client.fails("the tap ran dry");
}

#[test]
fn a_panic_while_an_unread_source_is_dropped_goes_no_further() {
    let (ends, stream) = Ends::of(EventStream::new(Trap(None)));
    drop(stream.into_response());
    ends.are(&[End::Failed]);
}

#[test]
fn an_error_or_a_panic_of_a_producer_comes_after_its_events() {
    let fails = produce(10, |events| async move {
        events.send(Event::data("a")).await?;
        Err::<(), BoxError>("the tap ran dry".into())
    });
    let panics = produce(10, |events| async move {
        events.send(Event::data("a")).await?;
        panic!("the tap broke");
        #[expect(unreachable_code, reason = "it says what the producer returns")]
        Ok::<_, BoxError>(())
    });
    for stream in [fails, panics] {
        let (ends, stream) = Ends::of(stream);
        let mut client = Client::open(stream);
        client.gets("data: a\n\n");
        client.fails("the producer failed");
        ends.are(&[End::Failed]);
    }
}

#[test]
fn a_sender_that_aborts_or_is_dropped_ends_the_stream_with_an_error_after_its_events() {
    for (end, error) in [
        (
            (|sender: Sender<Event>| sender.abort("the tap ran dry")) as fn(Sender<Event>),
            "the producer failed",
        ),
        (drop, "the producer went away before it finished"),
    ] {
        let (sender, stream) = channel(1);
        let (ends, stream) = Ends::of(stream);
        let mut client = Client::open(stream);
        sender.try_send(Event::data("a")).unwrap();
        end(sender);
        client.gets("data: a\n\n");
        client.fails(error);
        ends.are(&[End::Failed]);
    }
}

#[test]
fn an_error_event_goes_before_the_error_and_is_not_a_clean_end() {
    let event = Event::builder()
        .event("error")
        .data("gone")
        .build()
        .unwrap();
    let source = tokio_stream::iter([Ok(Event::data("a")), Err("the tap ran dry")]);
    let mut client = Client::open(EventStream::new(source).error_event(event));
    client.gets("data: a\n\n");
    client.gets("event: error\ndata: gone\n\n");
    client.fails("the tap ran dry");
}

#[test]
fn a_clean_end_sends_no_error_event() {
    let (sender, stream) = channel(1);
    let mut client = Client::open(stream.error_event(Event::data("gone")));
    sender.finish();
    client.is_at_end();
}

#[test]
fn the_source_is_dropped_when_the_stream_ends() {
    let alive = Arc::new(());
    let held = Arc::clone(&alive);
    let stream = produce(1, |_events| async move {
        pending::<()>().await;
        drop(held);
    });
    let mut client = Client::open(stream.keep_alive(KeepAlive::OFF));
    client.waits();
    assert_eq!(Arc::strong_count(&alive), 2);
    client.control.drain();
    client.is_at_end();
    assert_eq!(Arc::strong_count(&alive), 1);
}

/// A maximum age in seconds, what then ends the stream before its sender does, and the reason.
const ENDINGS: [(u64, fn(Client<Receiver<Event>>), End); 5] = [
    (600, drop, End::PeerLeft),
    (
        600,
        |client| {
            client.control.cut(End::Stalled);
            client.control.cut(End::Deadline);
        },
        End::Stalled,
    ),
    (
        600,
        |client| client.control.cut(End::Deadline),
        End::Deadline,
    ),
    (
        600,
        |mut client| {
            client.control.drain();
            client.is_at_end();
        },
        End::Drained,
    ),
    (0, |mut client| client.is_at_end(), End::TooOld),
];

#[tokio::test(start_paused = true)]
async fn on_end_the_host_and_the_sender_learn_one_reason_once() {
    for (age, ending, reason) in ENDINGS {
        let (sender, stream) = channel(1);
        let (ends, stream) = Ends::of(stream.max_age(Duration::from_secs(age)));
        let client = Client::open(stream);
        let control = client.control.clone();
        let mut closed = task::spawn(sender.closed());
        assert_pending!(closed.poll());
        ends.are(&[]);
        assert_eq!(control.end(), None);

        ending(client);
        assert!(closed.is_woken());
        assert_ready_eq!(closed.poll(), reason);
        ends.are(&[reason]);
        assert_eq!(control.end(), Some(reason));
        let error = sender.send(Event::data("a")).await.unwrap_err();
        assert_eq!(error.end(), Some(reason));
    }
}

#[test]
fn another_sender_learns_that_one_has_failed() {
    let (sender, stream) = channel(1);
    let other = sender.clone();
    let mut client = Client::open(stream);
    sender.abort("the tap ran dry");
    client.fails("the producer failed");
    let error = other.try_send(Event::data("a")).unwrap_err();
    assert_eq!(error.end(), Some(End::Failed));
}

#[test]
fn a_source_that_ends_well_has_finished() {
    let source = tokio_stream::iter([Ok::<_, BoxError>(Event::data("a"))]);
    let (ends, stream) = Ends::of(EventStream::new(source));
    let mut client = Client::open(stream);
    client.gets("data: a\n\n");
    ends.are(&[]);
    client.is_at_end();
    ends.are(&[End::Finished]);
    drop(client);
    ends.are(&[End::Finished]);
}

#[test]
fn a_stream_dropped_before_it_is_read_has_ended_too() {
    let (sender, stream) = channel(1);
    let (ends, stream) = Ends::of(stream);
    drop(stream);
    ends.are(&[End::PeerLeft]);
    assert!(sender.is_closed());

    let (sender, stream) = channel(1);
    let (ends, stream) = Ends::of(stream);
    let response = stream.into_response();
    let control = response.extensions().get::<Control>().unwrap().clone();
    control.cut(End::Deadline);
    drop(response);
    ends.are(&[End::Deadline]);
    let error = sender.try_send(Event::data("a")).unwrap_err();
    assert_eq!(error.end(), Some(End::Deadline));
}

#[test]
fn a_clone_of_a_producers_sender_learns_why_the_stream_ended() {
    let outside = Arc::new(Mutex::new(None));
    let inside = Arc::clone(&outside);
    let stream = produce(1, |events: Sender<Event>| async move {
        *inside.lock().unwrap() = Some(events.clone());
        pending::<()>().await;
    });
    let mut client = Client::open(stream.keep_alive(KeepAlive::OFF));
    client.waits();
    client.control.drain();
    client.is_at_end();
    let sender = outside.lock().unwrap().take().unwrap();
    let error = sender.try_send(Event::data("a")).unwrap_err();
    assert_eq!(error.end(), Some(End::Drained));
}
