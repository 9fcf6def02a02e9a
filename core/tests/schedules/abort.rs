//! One sender fails while others send and the receiver takes.

use loom::thread;

use super::{block_on, explore, received};
use crate::{End, channel};

#[test]
fn a_blocked_sender_learns_that_another_failed() {
    explore(|| {
        let (sender, receiver) = channel(1);
        sender.try_send(1).unwrap();
        let other = sender.clone();
        let blocked = thread::spawn(move || super::refused(block_on(other.send(2))));
        sender.abort("boom");
        assert_eq!(blocked.join().unwrap(), (2, End::Failed));
        drop(receiver);
    });
}

#[test]
fn all_that_was_taken_before_a_failure_is_received_before_it() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        let other = sender.clone();
        let sends = thread::spawn(move || {
            let sent = (1..=2).take_while(|value| block_on(other.send(*value)).is_ok());
            let sent = sent.count();
            other.finish();
            sent
        });
        let aborts = thread::spawn(move || sender.abort("boom"));
        let (values, aborted) = received(&mut receiver);
        assert!(!aborted.expect("not a clean end").is_dropped());
        assert!(block_on(receiver.recv()).is_none(), "once");
        let sent = sends.join().unwrap();
        assert_eq!(values, (1..=sent).collect::<Vec<_>>());
        aborts.join().unwrap();
    });
}

#[test]
fn a_receiver_that_closed_waits_for_no_sender() {
    explore(|| {
        let (sender, mut receiver) = channel::<u8>(1);
        let other = sender.clone();
        let drops = thread::spawn(move || drop(other));
        receiver.close(End::Drained);
        let (values, aborted) = received(&mut receiver);
        assert_eq!(values, []);
        assert!(aborted.is_none_or(|it| it.is_dropped()));
        drops.join().unwrap();
        drop(sender);
    });
}
