//! A sender that waits for room while the receiver leaves.

use loom::thread;

use super::{block_on, explore, refused};
use crate::{End, channel, channel::Builder};

#[test]
fn a_blocked_send_learns_why_the_receiver_closed_and_gets_its_value_back() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        sender.try_send(1).unwrap();
        let blocked = thread::spawn(move || refused(block_on(sender.send(2))));
        receiver.close(End::Drained);
        assert_eq!(blocked.join().unwrap(), (2, End::Drained));
    });
}

#[test]
fn a_blocked_reserve_learns_why_the_receiver_closed() {
    explore(|| {
        let (sender, mut receiver) = channel::<u8>(1);
        sender.try_send(1).unwrap();
        let blocked = thread::spawn(move || block_on(sender.reserve()).unwrap_err());
        receiver.close(End::Stalled);
        assert_eq!(blocked.join().unwrap(), End::Stalled);
    });
}

#[test]
fn a_send_that_waits_for_bytes_learns_that_the_receiver_was_dropped() {
    explore(|| {
        let (sender, receiver) = Builder::new(4).bytes(2, |text: &&str| text.len()).build();
        sender.try_send("12").unwrap();
        let blocked = thread::spawn(move || refused(block_on(sender.send("3"))));
        drop(receiver);
        assert_eq!(blocked.join().unwrap(), ("3", End::PeerLeft));
    });
}

#[test]
fn a_send_is_either_refused_or_received_by_a_receiver_that_takes_and_closes() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        sender.try_send(1).unwrap();
        let blocked = thread::spawn(move || {
            let sent = block_on(sender.send(2)).map_err(|it| it.end());
            sender.finish();
            sent
        });
        assert_eq!(block_on(receiver.recv()).unwrap().unwrap(), 1);
        receiver.close(End::Deadline);
        let rest: Vec<_> = std::iter::from_fn(|| block_on(receiver.recv()))
            .map(Result::unwrap)
            .collect();
        match blocked.join().unwrap() {
            Ok(()) => assert_eq!(rest, [2]),
            Err(end) => assert_eq!((end, rest), (Some(End::Deadline), vec![])),
        }
    });
}

#[test]
fn every_blocked_sender_learns_that_the_receiver_was_dropped() {
    explore(|| {
        let (sender, receiver) = channel(1);
        sender.try_send(0).unwrap();
        let blocked: Vec<_> = (1..=2)
            .map(|value| {
                let sender = sender.clone();
                thread::spawn(move || refused(block_on(sender.send(value))))
            })
            .collect();
        drop(receiver);
        for (blocked, value) in blocked.into_iter().zip(1..) {
            assert_eq!(blocked.join().unwrap(), (value, End::PeerLeft));
        }
    });
}
