//! What each source gives, when, and when it is let go.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
};

use async_stream::stream;
use bytes::Bytes;
use http_body_util::BodyExt;
use peristyle_core::{BoxError, End, channel::Builder};
use peristyle_streaming::{Streaming, channel, from_iter, from_reader, produce};
use tokio::{
    io::{AsyncWriteExt, duplex},
    sync::Notify,
};
use tokio_test::{assert_pending, assert_ready_ok, task::spawn};

use crate::client::Client;

#[tokio::test]
async fn a_channel_gives_what_was_sent() {
    let (sender, streaming) = channel::<Bytes>(2);
    sender
        .send_all([Bytes::from("one\n"), Bytes::from("two\n")])
        .await
        .unwrap();
    sender.finish();

    let mut client = Client::of(streaming);
    assert_eq!(client.value(), "one\n");
    assert_eq!(client.value(), "two\n");
    client.assert_over(End::Finished);
}

#[test]
fn a_channel_with_settings_of_its_own_becomes_a_stream() {
    let (sender, receiver) = Builder::new(8).bytes(4, |value: &&str| value.len()).build();
    let mut client = Client::of(Streaming::from(receiver));
    sender.try_send("four").unwrap();
    assert!(sender.try_send("x").unwrap_err().is_full());

    assert_eq!(client.value(), "four");
    sender.try_send("x").unwrap();
    sender.finish();
    assert_eq!(client.value(), "x");
    client.assert_over(End::Finished);
}

#[test]
fn a_full_channel_makes_its_sender_wait_for_the_client() {
    let (sender, streaming) = channel(1);
    let mut client = Client::of(streaming);
    assert_ready_ok!(spawn(sender.send("one")).poll());
    let mut second = spawn(sender.send("two"));
    assert_pending!(second.poll());

    assert_eq!(client.value(), "one");
    assert!(second.is_woken());
    assert_ready_ok!(second.poll());
}

#[tokio::test]
async fn any_stream_of_results_is_a_body() {
    let numbers = stream! {
        for number in 1..=3 {
            yield Ok::<_, Infallible>(format!("{number}\n"));
        }
    };
    let body = Streaming::new(numbers).into_response().into_body();

    assert_eq!(body.collect().await.unwrap().to_bytes(), "1\n2\n3\n");
}

#[tokio::test]
async fn an_async_function_produces_a_body() {
    let streaming = produce(1, |lines| async move {
        lines.send("one\n").await?;
        lines.send("two\n").await?;
        lines.send("three\n").await?;
        Ok::<_, BoxError>(())
    });
    let body = streaming.into_response().into_body();

    assert_eq!(
        body.collect().await.unwrap().to_bytes(),
        "one\ntwo\nthree\n"
    );
}

#[test]
fn an_iterator_gives_each_value_when_it_is_asked_for() {
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let values = ["one", "two"].into_iter().inspect(move |_| {
        counter.fetch_add(1, SeqCst);
    });

    let mut client = Client::of(from_iter(values));
    assert_eq!(taken.load(SeqCst), 0);
    assert_eq!(client.value(), "one");
    assert_eq!(taken.load(SeqCst), 1);
    assert_eq!(client.value(), "two");
    client.assert_over(End::Finished);
}

#[tokio::test]
async fn a_reader_gives_each_piece_as_it_comes() {
    let (mut far, near) = duplex(64);
    let mut client = Client::of(from_reader(near));
    client.assert_pending();

    far.write_all(b"one").await.unwrap();
    assert!(client.is_woken());
    assert_eq!(client.value(), "one");
    client.assert_pending();
    far.write_all(b"two").await.unwrap();
    assert_eq!(client.value(), "two");
    drop(far);
    client.assert_over(End::Finished);
}

#[test]
fn a_reader_is_read_in_chunks_of_at_most_16_kib_or_as_set() {
    let data: Vec<u8> = (0..40_000_u32).map(|n| (n % 251) as u8).collect();
    for (streaming, sizes) in [
        (from_reader(&data[..]), vec![16_384, 16_384, 7_232]),
        (
            from_reader(&data[..]).chunk_size(15_000),
            vec![15_000, 15_000, 10_000],
        ),
        (from_reader(&data[..20]).chunk_size(8), vec![8, 8, 4]),
    ] {
        let mut client = Client::of(streaming);
        let mut read = Vec::new();
        for size in sizes {
            let chunk = client.value();
            assert_eq!(chunk.len(), size);
            read.extend_from_slice(&chunk);
        }
        assert_eq!(read, data[..read.len()]);
        client.assert_over(End::Finished);
    }
}

/// An allocator gives more than so few bytes at once.
#[test]
fn no_chunk_is_larger_than_it_was_set_to_be() {
    let text = "the whole of it";
    for size in 1..=text.len() {
        let mut client = Client::of(from_reader(text.as_bytes()).chunk_size(size));
        let mut read = String::new();
        while read.len() < text.len() {
            let chunk = client.value();
            assert!(chunk.len() <= size, "{size}: {chunk:?}");
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        assert_eq!(read, text);
        client.assert_over(End::Finished);
    }
}

#[test]
fn a_value_is_seen_before_the_next_is_produced() {
    let produced = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&produced);
    let values = stream! {
        for number in 1..=3 {
            counter.store(number, SeqCst);
            yield Ok::<_, Infallible>(format!("{number}"));
        }
    };

    let mut client = Client::of(Streaming::new(values));
    for number in 1..=3 {
        assert_eq!(client.value(), format!("{number}"));
        assert_eq!(produced.load(SeqCst), number);
    }
    client.assert_over(End::Finished);
}

#[test]
fn a_sent_value_is_seen_while_its_producer_waits() {
    let next = Arc::new(Notify::new());
    let go = Arc::clone(&next);
    let mut client = Client::of(produce(16, |values| async move {
        values.send("one").await?;
        go.notified().await;
        values.send("two").await?;
        Ok::<_, BoxError>(())
    }));

    assert_eq!(client.value(), "one");
    client.assert_pending();
    next.notify_one();
    assert!(client.is_woken());
    assert_eq!(client.value(), "two");
    client.assert_over(End::Finished);
}

#[test]
fn a_producer_starts_with_the_first_poll_and_is_dropped_with_the_body() {
    struct Guard(Arc<AtomicBool>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.store(true, SeqCst);
        }
    }
    let started = Arc::new(AtomicBool::new(false));
    let dropped = Arc::new(AtomicBool::new(false));
    let (start, guard) = (Arc::clone(&started), Guard(Arc::clone(&dropped)));
    let mut client = Client::of(produce::<Bytes, _, _>(1, |values| async move {
        start.store(true, SeqCst);
        let _guard = guard;
        values.closed().await;
    }));

    assert!(!started.load(SeqCst));
    client.assert_pending();
    assert!(started.load(SeqCst));
    assert!(!dropped.load(SeqCst));
    drop(client);
    assert!(dropped.load(SeqCst));
}

#[test]
fn a_producer_that_is_never_polled_never_runs() {
    let started = Arc::new(AtomicBool::new(false));
    let start = Arc::clone(&started);
    let client = Client::of(produce::<Bytes, _, _>(1, |_| async move {
        start.store(true, SeqCst);
    }));
    let control = client.control.clone();
    drop(client);

    assert!(!started.load(SeqCst));
    assert_eq!(control.end(), Some(End::PeerLeft));
}

#[test]
fn empty_values_are_skipped() {
    let mut client = Client::of(from_iter(["", "one", "", "", "two", ""]));

    assert_eq!(client.value(), "one");
    assert_eq!(client.value(), "two");
    client.assert_over(End::Finished);
}

#[test]
fn endless_empty_values_let_other_tasks_run() {
    let mut client = Client::of(from_iter(std::iter::repeat("")));

    assert!(matches!(client.poll(), Poll::Pending));
    assert!(client.is_woken());
}
