//! Waiting for the receiver to leave while it does.

use loom::thread;

use super::{block_on, explore};
use crate::{End, channel};

#[test]
fn closed_resolves_with_the_reason_of_a_close() {
    explore(|| {
        let (sender, mut receiver) = channel::<u8>(1);
        let waits = thread::spawn(move || block_on(sender.closed()));
        receiver.close(End::Drained);
        drop(receiver);
        assert_eq!(waits.join().unwrap(), End::Drained);
    });
}

#[test]
fn closed_resolves_for_each_who_waits_when_the_receiver_is_dropped() {
    explore(|| {
        let (sender, receiver) = channel::<u8>(1);
        let other = sender.clone();
        let one = thread::spawn(move || block_on(sender.closed()));
        let two = thread::spawn(move || block_on(other.closed()));
        drop(receiver);
        assert_eq!(one.join().unwrap(), End::PeerLeft);
        assert_eq!(two.join().unwrap(), End::PeerLeft);
    });
}

#[test]
fn closed_resolves_with_whichever_of_a_close_and_an_abort_came_first() {
    explore(|| {
        let (sender, mut receiver) = channel::<u8>(1);
        let (waits, again) = (sender.clone(), sender.clone());
        let waits = thread::spawn(move || block_on(waits.closed()));
        let aborts = thread::spawn(move || sender.abort("boom"));
        receiver.close(End::Deadline);
        let end = waits.join().unwrap();
        assert!([End::Deadline, End::Failed].contains(&end), "{end}");
        assert_eq!(block_on(again.closed()), end);
        aborts.join().unwrap();
    });
}
