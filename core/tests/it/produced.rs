//! A channel together with the function that fills it.

use std::{
    error::Error as _,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use futures_core::Stream;
use peristyle_core::{
    BoxError, End, Panicked,
    channel::{Aborted, Produced, Sender, produce},
};
use tokio_test::{assert_pending, assert_ready, task};

use crate::probe::{panic_quietly, pending_once};

type Spawned<V> = task::Spawn<Produced<V>>;

fn next<V>(stream: &mut Spawned<V>) -> std::task::Poll<Option<Result<V, Aborted>>> {
    stream.enter(|cx, stream| stream.poll_next(cx))
}

/// All that comes, polling whenever woken: the values, then each error's cause.
fn all(stream: Produced<u8>) -> Vec<Result<u8, Option<String>>> {
    let mut stream = task::spawn(stream);
    let mut seen = Vec::new();
    loop {
        match next(&mut stream) {
            std::task::Poll::Pending => assert!(stream.is_woken(), "nothing will wake it"),
            std::task::Poll::Ready(Some(item)) => {
                seen.push(item.map_err(|error| error.source().map(ToString::to_string)));
            }
            std::task::Poll::Ready(None) => break,
        }
    }
    for _ in 0..3 {
        assert!(
            assert_ready!(next(&mut stream)).is_none(),
            "the end is the end"
        );
    }
    seen
}

fn failed(cause: &str) -> Result<u8, Option<String>> {
    Err(Some(cause.to_owned()))
}

#[test]
fn a_producer_that_returns_well_ends_the_stream_cleanly() {
    let at_once = produce(2, |sender: Sender<u8>| async move {
        sender.send_all(1..=5).await
    });
    assert_eq!(all(at_once), [Ok(1), Ok(2), Ok(3), Ok(4), Ok(5)]);
    let waits = produce(2, async |sender: Sender<u8>| {
        for value in 1..=3 {
            pending_once().await;
            sender.send(value).await.unwrap();
        }
    });
    assert_eq!(all(waits), [Ok(1), Ok(2), Ok(3)]);
}

#[test]
fn a_producer_that_finishes_its_sender_ends_the_stream_cleanly() {
    let stream = produce(1, async |sender: Sender<u8>| {
        sender.send(1).await.unwrap();
        sender.finish();
        pending_once().await;
    });
    assert_eq!(all(stream), [Ok(1)]);
}

#[test]
fn an_error_of_the_producer_is_the_last_thing_that_comes_and_comes_once() {
    let stream = produce(4, async |sender: Sender<u8>| {
        sender.send(1).await.unwrap();
        pending_once().await;
        Err::<(), BoxError>("boom".into())
    });
    assert_eq!(all(stream), [Ok(1), failed("boom")]);
}

#[test]
fn a_panic_of_the_producer_is_the_last_thing_that_comes_and_comes_once_with_its_text() {
    let stream = produce(4, async |sender: Sender<u8>| {
        sender.send(1).await.unwrap();
        pending_once().await;
        panic_quietly::<()>("bang");
    });
    assert_eq!(all(stream), [Ok(1), failed("panicked: bang")]);
}

#[test]
fn the_panic_of_a_producer_can_be_told_from_an_error() {
    let mut stream = task::spawn(produce(1, |_: Sender<u8>| async {
        panic_quietly::<()>("bang");
    }));
    let error = assert_ready!(next(&mut stream)).unwrap().unwrap_err();
    assert!(error.source().unwrap().is::<Panicked>());
}

#[test]
fn a_producer_that_panics_before_it_waits_for_anything_aborts_the_stream() {
    let stream = produce(1, |_: Sender<u8>| -> std::future::Ready<()> {
        panic_quietly("bang")
    });
    assert_eq!(all(stream), [failed("panicked: bang")]);
}

#[test]
fn an_abort_by_the_producer_comes_once_whatever_it_returns() {
    let well = produce(2, async |sender: Sender<u8>| {
        sender.send(1).await.unwrap();
        sender.abort("boom");
    });
    assert_eq!(all(well), [Ok(1), failed("boom")]);
    let fails = produce(2, async |sender: Sender<u8>| {
        sender.send(1).await.unwrap();
        sender.abort("boom");
        Err::<(), &str>("boom again")
    });
    assert_eq!(all(fails), [Ok(1), failed("boom")]);
}

#[test]
fn what_a_producer_left_to_another_task_must_be_finished_there() {
    let (kept, mut taken) = tokio::sync::mpsc::channel(1);
    let stream = produce(2, async move |sender: Sender<u8>| {
        kept.try_send(sender.clone()).unwrap();
        sender.send(1).await.unwrap();
    });
    let mut stream = task::spawn(stream);
    assert_eq!(assert_ready!(next(&mut stream)).unwrap().unwrap(), 1);
    assert_pending!(next(&mut stream));
    drop(taken.try_recv().unwrap());
    assert!(stream.is_woken());
    let item = assert_ready!(next(&mut stream));
    assert!(
        item.expect("cut off, and not complete")
            .unwrap_err()
            .is_dropped()
    );
}

#[test]
fn what_a_producer_left_to_another_task_is_complete_when_it_finishes_there() {
    let (kept, mut taken) = tokio::sync::mpsc::channel(1);
    let stream = produce(2, async move |sender: Sender<u8>| {
        kept.try_send(sender).unwrap();
    });
    let mut stream = task::spawn(stream);
    assert_pending!(next(&mut stream));
    let sender = taken.try_recv().unwrap();
    sender.try_send(1).unwrap();
    sender.finish();
    assert!(stream.is_woken());
    assert_eq!(assert_ready!(next(&mut stream)).unwrap().unwrap(), 1);
    assert!(assert_ready!(next(&mut stream)).is_none());
}

#[test]
fn a_producer_starts_with_the_first_poll_and_is_never_ahead_by_more_than_the_capacity() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let stream = produce(2, async move |sender: Sender<u8>| {
        for value in 0..10 {
            sender.send(value).await.unwrap();
            count.fetch_add(1, Ordering::Relaxed);
        }
    });
    let mut stream = task::spawn(stream);
    assert_eq!(sent.load(Ordering::Relaxed), 0);
    for value in 0..5 {
        assert_eq!(assert_ready!(next(&mut stream)).unwrap().unwrap(), value);
        // It has its next turn when both are taken.
        let turns = usize::from(value) / 2 + 1;
        assert_eq!(sent.load(Ordering::Relaxed), 2 * turns);
    }
}

#[test]
fn a_value_does_not_wait_for_the_next_one() {
    let (more, wait) = tokio::sync::oneshot::channel::<()>();
    let stream = produce(8, async move |sender: Sender<u8>| {
        sender.send(1).await.unwrap();
        wait.await.unwrap();
        sender.send(2).await.unwrap();
    });
    let mut stream = task::spawn(stream);
    assert_eq!(assert_ready!(next(&mut stream)).unwrap().unwrap(), 1);
    assert_pending!(next(&mut stream));
    more.send(()).unwrap();
    assert!(stream.is_woken());
    assert_eq!(assert_ready!(next(&mut stream)).unwrap().unwrap(), 2);
    assert!(assert_ready!(next(&mut stream)).is_none());
}

#[test]
fn a_producer_learns_why_its_stream_was_closed() {
    let stream = produce(1, async |sender: Sender<u8>| {
        let end = sender.closed().await;
        Err::<(), _>(end.to_string())
    });
    let mut stream = task::spawn(stream);
    assert_pending!(next(&mut stream));
    stream.close(End::Drained);
    assert!(stream.is_woken());
    let error = assert_ready!(next(&mut stream)).unwrap().unwrap_err();
    assert_eq!(
        error.source().unwrap().to_string(),
        "the server is draining"
    );
}

#[test]
fn a_producer_is_dropped_with_its_stream() {
    struct Sets(Arc<AtomicBool>);
    impl Drop for Sets {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let dropped = Arc::new(AtomicBool::new(false));
    let sets = Sets(Arc::clone(&dropped));
    let stream = produce(1, async move |sender: Sender<u8>| {
        let _sets = sets;
        sender.closed().await;
    });
    let mut stream = task::spawn(stream);
    assert_pending!(next(&mut stream));
    assert!(!dropped.load(Ordering::Relaxed));
    drop(stream);
    assert!(dropped.load(Ordering::Relaxed));
}

#[test]
fn a_panic_in_the_drop_of_a_producer_aborts_the_stream() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_quietly::<()>("on the way out");
        }
    }
    let stream = produce(2, |sender: Sender<u8>| {
        let bomb = Bomb;
        async move {
            let _bomb = bomb;
            sender.send(1).await.unwrap();
        }
    });
    assert_eq!(all(stream), [Ok(1), failed("panicked: on the way out")]);
}

#[test]
fn the_producer_gets_its_turn_when_all_it_sent_is_taken() {
    let turns = Arc::new(AtomicUsize::new(0));
    let counted = turns.clone();
    let stream = produce(4, move |sender: Sender<u8>| async move {
        let mut sending = pin!(sender.send_all(0..8));
        poll_fn(|cx| {
            counted.fetch_add(1, Ordering::Relaxed);
            sending.as_mut().poll(cx)
        })
        .await
    });
    let mut stream = task::spawn(stream);
    for (value, turn) in [
        (0, 1),
        (1, 1),
        (2, 1),
        (3, 1),
        (4, 2),
        (5, 2),
        (6, 2),
        (7, 2),
    ] {
        let item = assert_ready!(next(&mut stream)).unwrap();
        assert_eq!(
            (item.unwrap(), turns.load(Ordering::Relaxed)),
            (value, turn)
        );
    }
    assert!(assert_ready!(next(&mut stream)).is_none());
}
