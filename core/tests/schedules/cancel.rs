//! A send or a reserve that is given up while room is being given to it.

use std::task::Poll;

use loom::thread;

use super::{block_on, explore, poll_once};
use crate::{channel, channel::Builder};

#[test]
fn room_for_a_send_that_is_given_up_goes_to_the_next() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        sender.try_send(0).unwrap();
        let other = sender.clone();
        let gives_up = thread::spawn(move || {
            let sent = poll_once(other.send(1)).is_ready();
            other.finish();
            sent
        });
        let next = thread::spawn(move || {
            block_on(sender.send(2)).unwrap();
            sender.finish();
        });
        let (mut values, aborted) = super::received(&mut receiver);
        assert!(aborted.is_none());
        let sent = gives_up.join().unwrap();
        values.sort_unstable();
        assert_eq!(values, if sent { vec![0, 1, 2] } else { vec![0, 2] });
        next.join().unwrap();
    });
}

#[test]
fn room_for_a_reserve_that_is_given_up_goes_to_the_next() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        sender.try_send(0).unwrap();
        let other = sender.clone();
        let gives_up = thread::spawn(move || {
            if let Poll::Ready(permit) = poll_once(other.reserve()) {
                drop(permit.unwrap());
            }
            other.finish();
        });
        let next = thread::spawn(move || {
            block_on(sender.send(2)).unwrap();
            sender.finish();
        });
        let (values, aborted) = super::received(&mut receiver);
        assert!(aborted.is_none());
        assert_eq!(values, [0, 2]);
        gives_up.join().unwrap();
        next.join().unwrap();
    });
}

#[test]
fn a_place_held_while_waiting_for_bytes_is_free_again_when_it_is_given_up() {
    explore(|| {
        let (sender, mut receiver) = Builder::new(2).bytes(2, |size: &usize| *size).build();
        sender.try_send(2).unwrap();
        let other = sender.clone();
        let gives_up = thread::spawn(move || {
            let sent = poll_once(other.send(1)).is_ready();
            other.finish();
            sent
        });
        let received = thread::spawn(move || {
            let first = block_on(receiver.recv()).unwrap().unwrap();
            (first, receiver)
        });
        let sent = gives_up.join().unwrap();
        let (first, receiver) = received.join().unwrap();
        assert_eq!(first, 2);
        // Both places are free again, but for the one that was used.
        sender.try_send(0).unwrap();
        assert_eq!(sender.try_send(0).is_ok(), !sent);
        sender.finish();
        drop(receiver);
    });
}
