//! Two senders that wait for the room that one receiver makes.

use loom::thread::{self, JoinHandle};

use super::{block_on, explore, received};
use crate::{
    End, channel,
    channel::{Builder, Sender},
};

/// Sends the values, then finishes; how many were taken.
fn producer<const N: usize>(sender: Sender<u8>, values: [u8; N]) -> JoinHandle<usize> {
    thread::spawn(move || {
        let refused = values
            .iter()
            .position(|value| block_on(sender.send(*value)).is_err());
        sender.finish();
        refused.unwrap_or(N)
    })
}

#[test]
fn two_blocked_senders_lose_nothing_repeat_nothing_and_keep_their_order() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        let one = producer(sender.clone(), [10, 11]);
        let two = producer(sender, [20]);
        let (values, aborted) = received(&mut receiver);
        assert!(aborted.is_none());
        assert!(
            [[10, 11, 20], [10, 20, 11], [20, 10, 11]].contains(&values[..].try_into().unwrap()),
            "{values:?}"
        );
        assert_eq!((one.join().unwrap(), two.join().unwrap()), (2, 1));
    });
}

#[test]
fn a_closed_channel_never_holds_more_than_its_capacity() {
    explore(|| {
        let (sender, mut receiver) = channel(1);
        let one = producer(sender.clone(), [10, 11]);
        let two = producer(sender, [20]);
        let first = block_on(receiver.recv()).unwrap().unwrap();
        receiver.close(End::Drained);
        let (rest, aborted) = received(&mut receiver);
        assert!(aborted.is_none());
        assert!(rest.len() <= 1, "{first} {rest:?}");
        let taken = one.join().unwrap() + two.join().unwrap();
        assert_eq!(taken, 1 + rest.len(), "{first} {rest:?}");
    });
}

#[test]
fn bytes_given_back_reach_each_of_two_blocked_senders() {
    explore(|| {
        let (sender, mut receiver) = Builder::new(4).bytes(2, |_: &u8| 2).build();
        let one = producer(sender.clone(), [10]);
        let two = producer(sender, [20]);
        let (mut values, aborted) = received(&mut receiver);
        values.sort_unstable();
        assert_eq!(values, [10, 20]);
        assert!(aborted.is_none());
        assert_eq!((one.join().unwrap(), two.join().unwrap()), (1, 1));
    });
}
