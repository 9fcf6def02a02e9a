//! A stream that fails never looks complete.

use std::{convert::Infallible, io, task::Poll};

use async_stream::stream;
use peristyle_core::{BoxError, End, Panicked, channel::Aborted};
use peristyle_streaming::{Streaming, channel, from_iter, from_reader, produce};
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

    assert_eq!(client.value(), "one");
    let error = client.error();
    assert_eq!(
        error.downcast_ref::<io::Error>().unwrap().to_string(),
        "out of paper"
    );
    client.assert_over(End::Failed);
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

    assert_eq!(client.value(), "one");
    let error = client.error();
    assert!(error.is::<Panicked>());
    assert_eq!(error.to_string(), "panicked: no paper");
    client.assert_over(End::Failed);
}

#[test]
fn a_panic_of_a_conversion_is_an_error() {
    struct Hollow;
    impl From<Hollow> for bytes::Bytes {
        fn from(_: Hollow) -> Self {
            panic!("hollow")
        }
    }
    let mut client = Client::of(from_iter([Hollow]));

    assert_eq!(client.error().to_string(), "panicked: hollow");
    client.assert_over(End::Failed);
}

#[test]
fn a_panic_while_the_ended_stream_is_dropped_is_an_error() {
    struct Trap;
    impl Iterator for Trap {
        type Item = &'static str;
        fn next(&mut self) -> Option<Self::Item> {
            None
        }
    }
    impl Drop for Trap {
        fn drop(&mut self) {
            panic!("trapped")
        }
    }
    let mut client = Client::of(from_iter(Trap));

    assert_eq!(client.error().to_string(), "panicked: trapped");
    client.assert_over(End::Failed);
}

#[test]
fn an_aborted_channel_is_an_error_after_its_values() {
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming);
    sender.try_send("one").unwrap();
    sender.abort("out of paper");

    assert_eq!(client.value(), "one");
    assert_eq!(
        chain(&client.error()),
        ["the producer failed", "out of paper"]
    );
    client.assert_over(End::Failed);
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
    assert!(
        client
            .error()
            .downcast_ref::<Aborted>()
            .unwrap()
            .is_dropped()
    );
    client.assert_over(End::Failed);
}

#[test]
fn an_error_of_a_producer_comes_after_its_values() {
    let mut client = Client::of(produce(4, |values| async move {
        values.send("one").await?;
        Err::<(), BoxError>("out of paper".into())
    }));

    assert_eq!(client.value(), "one");
    assert_eq!(
        chain(&client.error()),
        ["the producer failed", "out of paper"]
    );
    client.assert_over(End::Failed);
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

    assert_eq!(client.value(), "one");
    let error = chain(&client.error());
    assert_eq!(error[0], "the producer failed");
    assert!(error[1].contains("panicked"), "{}", error[1]);
    client.assert_over(End::Failed);
}

#[test]
fn an_error_of_a_reader_comes_after_what_was_read() {
    let reader = Builder::new()
        .read(b"one")
        .read_error(io::Error::other("torn"))
        .build();
    let mut client = Client::of(from_reader(reader));

    assert_eq!(client.value(), "one");
    assert_eq!(client.error().to_string(), "torn");
    client.assert_over(End::Failed);
}
