//! A receiver that waits while its senders do something.

use loom::thread;

use super::{block_on, explore, received};
use crate::{channel, channel::Sender};

#[test]
fn a_waiting_receiver_is_woken_by_a_value_and_by_a_clean_end() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        let producer = thread::spawn(move || {
            block_on(sender.send(1)).unwrap();
            sender.finish();
        });
        let (values, aborted) = received(&mut receiver);
        assert_eq!(values, [1]);
        assert!(aborted.is_none());
        producer.join().unwrap();
    });
}

#[test]
fn a_waiting_receiver_is_woken_by_an_abort_after_the_value_before_it() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        let producer = thread::spawn(move || {
            sender.try_send(1).unwrap();
            sender.abort("boom");
        });
        let (values, aborted) = received(&mut receiver);
        assert_eq!(values, [1]);
        assert!(!aborted.expect("not a clean end").is_dropped());
        producer.join().unwrap();
    });
}

#[test]
fn a_waiting_receiver_is_woken_by_a_drop_and_told_that_it_was_no_clean_end() {
    explore(|| {
        let (sender, mut receiver) = channel::<u8>(1);
        let producer = thread::spawn(move || drop(sender));
        let (values, aborted) = received(&mut receiver);
        assert_eq!(values, []);
        assert!(aborted.expect("not a clean end").is_dropped());
        producer.join().unwrap();
    });
}

#[test]
fn a_stream_is_complete_only_when_both_senders_finished() {
    let ends: [(fn(Sender<u8>), bool); 2] = [(Sender::finish, true), (drop, false)];
    for (end, clean) in ends {
        explore(move || {
            let (sender, mut receiver) = channel(1);
            let other = sender.clone();
            let one = thread::spawn(move || sender.finish());
            let two = thread::spawn(move || end(other));
            let (values, aborted) = received(&mut receiver);
            assert_eq!(values, []);
            assert_eq!(aborted.is_none(), clean);
            one.join().unwrap();
            two.join().unwrap();
        });
    }
}

#[test]
fn a_receiver_that_moves_to_another_thread_is_woken_there() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        let producer = thread::spawn(move || {
            sender.try_send(1).unwrap();
            sender.finish();
        });
        // Another task has polled it, and will not again.
        let first = super::poll_once(receiver.recv());
        let (values, aborted) = received(&mut receiver);
        let first = match first {
            std::task::Poll::Ready(Some(value)) => Some(value.unwrap()),
            _ => None,
        };
        assert_eq!(first.into_iter().chain(values).collect::<Vec<_>>(), [1]);
        assert!(aborted.is_none());
        producer.join().unwrap();
    });
}
