//! Senders that never wait while the receiver takes: what was sent was received, or counted.

use loom::thread;

use super::{explore, received};
use crate::channel::{Builder, Overflow, Receiver, Sender};

fn with(overflow: Overflow) -> (Sender<u8>, Receiver<u8>) {
    Builder::new(1).overflow(overflow).build()
}

/// Sends the values, then finishes; how many were taken, or dropped for lack of room.
fn producer<const N: usize>(sender: Sender<u8>, values: [u8; N]) -> thread::JoinHandle<usize> {
    thread::spawn(move || {
        let sent = values.map(|value| sender.try_send(value));
        sender.finish();
        sent.iter().filter(|it| it.is_ok()).count()
    })
}

fn in_order(values: &[u8], all: &[u8]) -> bool {
    let mut all = all.iter();
    values.iter().all(|value| all.any(|it| it == value))
}

#[test]
fn dropping_the_oldest_counts_all_that_is_not_received_and_the_newest_is() {
    explore(|| {
        let (sender, mut receiver) = with(Overflow::DropOldest);
        let producer = producer(sender, [1, 2, 3]);
        let (values, aborted) = received(&mut receiver);
        assert!(aborted.is_none());
        assert!(in_order(&values, &[1, 2, 3]), "{values:?}");
        assert_eq!(values.last(), Some(&3));
        assert_eq!(producer.join().unwrap(), 3);
        assert_eq!(values.len() as u64 + receiver.dropped(), 3);
    });
}

#[test]
fn dropping_the_newest_counts_all_that_is_not_received_and_the_oldest_is() {
    explore(|| {
        let (sender, mut receiver) = with(Overflow::DropNewest);
        let producer = producer(sender, [1, 2, 3]);
        let (values, aborted) = received(&mut receiver);
        assert!(aborted.is_none());
        assert!(in_order(&values, &[1, 2, 3]), "{values:?}");
        assert_eq!(values.first(), Some(&1));
        assert_eq!(producer.join().unwrap(), 3);
        assert_eq!(values.len() as u64 + receiver.dropped(), 3);
    });
}

#[test]
fn two_senders_that_drop_the_oldest_count_all_that_is_not_received() {
    explore(|| {
        let (sender, mut receiver) = with(Overflow::DropOldest);
        let one = producer(sender.clone(), [10, 11]);
        let two = producer(sender, [20, 21]);
        let (values, aborted) = received(&mut receiver);
        assert!(aborted.is_none());
        assert_eq!(one.join().unwrap() + two.join().unwrap(), 4);
        assert_eq!(values.len() as u64 + receiver.dropped(), 4);
    });
}

#[test]
fn failing_and_waiting_channels_refuse_all_that_is_not_received() {
    for overflow in [Overflow::Fail, Overflow::Wait] {
        explore(move || {
            let (sender, mut receiver) = with(overflow);
            let one = producer(sender.clone(), [10, 11]);
            let two = producer(sender, [20]);
            let (values, aborted) = received(&mut receiver);
            assert!(aborted.is_none());
            assert_eq!(one.join().unwrap() + two.join().unwrap(), values.len());
            assert_eq!(receiver.dropped(), 0);
        });
    }
}
