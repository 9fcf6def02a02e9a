//! A stream that fails never looks complete.

use std::{
    convert::Infallible,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use async_stream::stream;
use bytes::Bytes;
use futures_core::Stream;
use peristyle_core::{BoxError, End, Panicked, channel::Aborted};
use peristyle_streaming::{DrainPolicy, Streaming, channel, from_iter, from_reader, produce};
use tokio_test::io::Builder;

use crate::client::Client;

/// The text of an error and of all its sources.
fn chain(error: &BoxError) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(source) = next {
        texts.push(source.to_string());
        next = source.source();
    }
    texts
}

#[test]
fn an_error_of_a_stream_comes_after_the_values_before_it() {
    let values = stream! {
        yield Ok("one");
        yield Err(io::Error::other("out of paper"));
        yield Ok("never");
    };
    let mut client = Client::of(Streaming::new(values));

    let error = client.fails_after(["one"]);
    assert!(error.is::<io::Error>());
    assert_eq!(error.to_string(), "out of paper");
}

/// hyper was seen to drop the values, and even the head, that it had not yet written when the error came right behind them.
#[test]
fn an_error_waits_for_one_poll_so_that_the_host_writes_what_it_has() {
    let mut client = Client::of(Streaming::new(stream! {
        yield Ok("one");
        yield Err("torn");
    }));

    assert_eq!(client.value(), "one");
    client.assert_pending();
    assert!(client.is_woken());
    assert!(!client.is_end_stream());
    assert_eq!(client.control.end(), Some(End::Failed));
    let Poll::Ready(Some(Err(error))) = client.poll() else {
        panic!("the error was lost");
    };
    assert_eq!(error.to_string(), "torn");
    client.assert_over(End::Failed);
}

#[test]
fn a_panic_of_a_stream_comes_after_the_values_before_it() {
    let values = stream! {
        yield Ok::<_, Infallible>("one");
        panic!("no {}", "paper");
    };
    let mut client = Client::of(Streaming::new(values));

    let error = client.fails_after(["one"]);
    assert!(error.is::<Panicked>());
    assert_eq!(error.to_string(), "panicked: no paper");
}

#[test]
fn a_panic_of_a_conversion_is_an_error() {
    struct Hollow;
    impl From<Hollow> for Bytes {
        fn from(_: Hollow) -> Self {
            panic!("hollow")
        }
    }
    let mut client = Client::of(from_iter([Hollow]));

    assert_eq!(client.fails_after([]).to_string(), "panicked: hollow");
}

/// Gives an error, if it has one, and panics when it is dropped.
struct Trap(Option<&'static str>);

impl Stream for Trap {
    type Item = Result<Bytes, &'static str>;

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
fn a_panic_while_the_ended_stream_is_dropped_is_an_error() {
    let mut client = Client::of(Streaming::new(Trap(None)));

    assert_eq!(client.fails_after([]).to_string(), "panicked: trapped");
}

#[test]
fn a_panic_while_the_drained_stream_is_dropped_is_an_error() {
    let policy = DrainPolicy::EndWith(Bytes::from("bye"));
    let mut client = Client::of(Streaming::new(Trap(None)).drain_policy(policy));
    client.control.drain();

    assert_eq!(client.fails_after([]).to_string(), "panicked: trapped");
}

#[test]
fn the_first_of_two_failures_is_told() {
    let mut client = Client::of(Streaming::new(Trap(Some("torn"))));

    assert_eq!(client.fails_after([]).to_string(), "torn");
}

#[test]
fn a_panic_while_an_unread_stream_is_dropped_goes_no_further() {
    let client = Client::of(Streaming::new(Trap(None)));
    let control = client.control.clone();
    drop(client);

    assert_eq!(control.end(), Some(End::Failed));
}

#[test]
fn an_aborted_channel_is_an_error_after_its_values() {
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming);
    sender.try_send("one").unwrap();
    sender.abort("out of paper");

    assert_eq!(
        chain(&client.fails_after(["one"])),
        ["the producer failed", "out of paper"]
    );
}

#[test]
fn a_sender_that_is_dropped_before_it_finished_is_an_error() {
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming);
    sender.try_send("one").unwrap();
    client.value();
    client.assert_pending();
    drop(sender);

    assert!(client.is_woken());
    let error = client.fails_after([]);
    assert!(error.downcast_ref::<Aborted>().unwrap().is_dropped());
}

#[test]
fn an_error_of_a_producer_comes_after_its_values() {
    let mut client = Client::of(produce(4, |values| async move {
        values.send("one").await?;
        Err::<(), BoxError>("out of paper".into())
    }));

    assert_eq!(
        chain(&client.fails_after(["one"])),
        ["the producer failed", "out of paper"]
    );
}

#[test]
fn a_panic_of_a_producer_comes_after_its_values() {
    let mut client = Client::of(produce(4, |values| async move {
        values.send("one").await.unwrap();
        if values.is_closed() {
            return;
        }
        panic!("no paper");
    }));

    assert_eq!(
        chain(&client.fails_after(["one"])),
        ["the producer failed", "panicked: no paper"]
    );
}

#[test]
fn an_error_of_a_reader_comes_after_what_was_read() {
    let reader = Builder::new()
        .read(b"one")
        .read_error(io::Error::other("torn"))
        .build();
    let mut client = Client::of(from_reader(reader));

    assert_eq!(client.fails_after(["one"]).to_string(), "torn");
}
