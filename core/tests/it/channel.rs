//! The bounded channel of many values.

use std::{
    error::Error as _,
    panic::{AssertUnwindSafe, catch_unwind},
};

use peristyle_core::{
    End, channel,
    channel::{Aborted, Builder, Overflow, Receiver, SendError, Sender},
};
use tokio_test::{assert_pending, assert_ready, task};

use crate::probe::{drive, panic_quietly};

const REASONS: [End; 4] = [End::PeerLeft, End::Drained, End::Deadline, End::Stalled];

fn sized(limit: u32) -> Builder<String> {
    Builder::new(10).bytes(limit, |text: &String| text.len())
}

fn full<V>(sent: Result<(), SendError<V>>) -> V {
    let error = sent.unwrap_err();
    assert!(error.is_full());
    assert_eq!(error.end(), None);
    error.into_inner()
}

fn refused<V>(sent: Result<(), SendError<V>>) -> (V, End) {
    let error = sent.unwrap_err();
    let end = error.end().expect("closed, and not merely full");
    (error.into_inner(), end)
}

/// What can be received now.
fn ready<V>(receiver: &mut Receiver<V>) -> Vec<V> {
    let mut values = Vec::new();
    loop {
        let mut next = task::spawn(receiver.recv());
        match next.poll() {
            std::task::Poll::Ready(Some(value)) => values.push(value.unwrap()),
            _ => return values,
        }
    }
}

fn received<V>(receiver: &mut Receiver<V>) -> Option<Result<V, Aborted>> {
    assert_ready!(task::spawn(receiver.recv()).poll())
}

fn aborted<V: std::fmt::Debug>(receiver: &mut Receiver<V>) -> Aborted {
    received(receiver).expect("not a clean end").unwrap_err()
}

#[test]
fn values_arrive_in_the_order_in_which_they_were_sent() {
    let (sender, mut receiver) = channel(3);
    for value in 1..=3 {
        drive(sender.send(value)).unwrap();
    }
    assert_eq!(ready(&mut receiver), [1, 2, 3]);
}

#[test]
fn a_channel_holds_its_capacity_and_no_more() {
    for capacity in [1, 2, 7] {
        let (sender, mut receiver) = channel(capacity);
        let taken = (0..100)
            .take_while(|value| sender.try_send(*value).is_ok())
            .count();
        assert_eq!(taken, capacity);
        assert_eq!(ready(&mut receiver).len(), capacity);
        assert_eq!(
            (0..100)
                .take_while(|value| sender.try_send(*value).is_ok())
                .count(),
            capacity
        );
    }
}

#[test]
fn send_waits_for_room_and_is_woken_when_there_is_some() {
    let (sender, mut receiver) = channel(1);
    drive(sender.send(1)).unwrap();
    let mut second = task::spawn(sender.send(2));
    assert_pending!(second.poll());
    assert!(!second.is_woken());
    assert_eq!(received(&mut receiver).unwrap().unwrap(), 1);
    assert!(second.is_woken());
    assert_ready!(second.poll()).unwrap();
    assert_eq!(ready(&mut receiver), [2]);
}

#[test]
fn senders_that_wait_are_served_first_come_first() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(0).unwrap();
    let mut waiting: Vec<_> = (1..=3)
        .map(|value| task::spawn(sender.send(value)))
        .collect();
    for send in &mut waiting {
        assert_pending!(send.poll());
    }
    for (at, send) in waiting.iter_mut().enumerate() {
        assert_eq!(ready(&mut receiver), [at]);
        assert_eq!(full(sender.try_send(9)), 9, "no overtaking");
        assert_ready!(send.poll()).unwrap();
    }
}

#[test]
fn try_send_gives_the_value_back_when_the_channel_is_full() {
    let (sender, _receiver) = channel(1);
    sender.try_send("in").unwrap();
    assert_eq!(full(sender.try_send("out")), "out");
    let error = sender.try_send("out").unwrap_err();
    assert_eq!(error.to_string(), "not sent: the channel is full");
}

#[test]
fn a_receiver_that_waits_is_woken_by_each_value() {
    let (sender, mut receiver) = channel(2);
    let mut next = task::spawn(receiver.recv());
    assert_pending!(next.poll());
    assert!(!next.is_woken());
    sender.try_send(1).unwrap();
    assert!(next.is_woken());
    assert_eq!(assert_ready!(next.poll()).unwrap().unwrap(), 1);
}

#[test]
fn a_receiver_is_a_stream_of_its_values() {
    use futures_core::Stream;
    let (sender, receiver) = channel(2);
    sender.try_send(1).unwrap();
    sender.finish();
    let mut stream = task::spawn(receiver);
    let mut next = || stream.enter(|cx, receiver| Stream::poll_next(receiver, cx));
    assert_eq!(assert_ready!(next()).unwrap().unwrap(), 1);
    assert!(assert_ready!(next()).is_none());
}

#[test]
fn a_blocked_send_learns_at_once_why_the_receiver_closed() {
    for why in REASONS {
        let (sender, mut receiver) = channel(1);
        sender.try_send(1).unwrap();
        let mut blocked = task::spawn(sender.send(2));
        assert_pending!(blocked.poll());
        receiver.close(why);
        assert!(blocked.is_woken());
        assert_eq!(refused(assert_ready!(blocked.poll())), (2, why));
        assert_eq!(refused(drive(sender.send(3))), (3, why));
        assert_eq!(refused(sender.try_send(4)), (4, why));
        assert_eq!(drive(sender.reserve()).unwrap_err(), why);
        assert!(sender.is_closed());
    }
}

#[test]
fn a_blocked_reserve_learns_at_once_why_the_receiver_closed() {
    for why in REASONS {
        let (sender, mut receiver) = channel(1);
        sender.try_send(1).unwrap();
        let mut blocked = task::spawn(sender.reserve());
        assert_pending!(blocked.poll());
        receiver.close(why);
        assert!(blocked.is_woken());
        assert_eq!(assert_ready!(blocked.poll()).unwrap_err(), why);
    }
}

#[test]
fn a_send_blocked_by_bytes_learns_at_once_why_the_receiver_closed() {
    for why in REASONS {
        let (sender, mut receiver) = sized(4).build();
        sender.try_send("1234".to_owned()).unwrap();
        let mut blocked = task::spawn(sender.send("5".to_owned()));
        assert_pending!(blocked.poll());
        receiver.close(why);
        assert!(blocked.is_woken());
        assert_eq!(
            refused(assert_ready!(blocked.poll())),
            ("5".to_owned(), why)
        );
    }
}

#[test]
fn closed_resolves_with_the_reason_for_each_who_waits_and_each_who_comes_later() {
    for why in REASONS {
        let (sender, mut receiver) = channel::<u8>(1);
        let other = sender.clone();
        let (mut one, mut two) = (task::spawn(sender.closed()), task::spawn(other.closed()));
        assert_pending!(one.poll());
        assert_pending!(two.poll());
        receiver.close(why);
        assert!(one.is_woken() && two.is_woken());
        assert_eq!(assert_ready!(one.poll()), why);
        assert_eq!(assert_ready!(two.poll()), why);
        assert_eq!(assert_ready!(task::spawn(sender.closed()).poll()), why);
    }
}

#[test]
fn a_receiver_that_is_dropped_tells_the_senders_that_the_peer_has_left() {
    let (sender, receiver) = channel(1);
    sender.try_send(1).unwrap();
    let (mut blocked, mut closed) = (task::spawn(sender.send(2)), task::spawn(sender.closed()));
    assert_pending!(blocked.poll());
    assert_pending!(closed.poll());
    drop(receiver);
    assert!(blocked.is_woken() && closed.is_woken());
    assert_eq!(refused(assert_ready!(blocked.poll())), (2, End::PeerLeft));
    assert_eq!(assert_ready!(closed.poll()), End::PeerLeft);
    let error = sender.try_send(3).unwrap_err();
    assert_eq!(error.to_string(), "not sent: the peer has left");
}

#[test]
fn only_the_first_reason_counts() {
    let (sender, mut receiver) = channel::<u8>(1);
    receiver.close(End::Drained);
    receiver.close(End::Deadline);
    drop(receiver);
    assert_eq!(drive(sender.closed()), End::Drained);
}

#[test]
fn under_each_policy_a_closed_channel_refuses_and_says_why() {
    for overflow in [
        Overflow::Wait,
        Overflow::DropOldest,
        Overflow::DropNewest,
        Overflow::Fail,
    ] {
        let (sender, mut receiver) = Builder::new(1).overflow(overflow).build();
        receiver.close(End::Drained);
        assert_eq!(
            refused(drive(sender.send(1))),
            (1, End::Drained),
            "{overflow:?}"
        );
        assert_eq!(
            refused(sender.try_send(2)),
            (2, End::Drained),
            "{overflow:?}"
        );
        assert_eq!(
            drive(sender.reserve()).unwrap_err(),
            End::Drained,
            "{overflow:?}"
        );
        assert_eq!(sender.dropped(), 0);
    }
}

#[test]
fn what_was_sent_before_a_close_can_still_be_received() {
    let (sender, mut receiver) = channel(2);
    sender.try_send(1).unwrap();
    receiver.close(End::Drained);
    sender.try_send(2).unwrap_err();
    assert_eq!(received(&mut receiver).unwrap().unwrap(), 1);
    sender.finish();
    assert!(received(&mut receiver).is_none());
}

#[test]
fn what_is_in_the_channel_is_dropped_with_its_receiver() {
    let (value, watch) = (std::sync::Arc::new(()), std::sync::Weak::new());
    let _: std::sync::Weak<()> = watch;
    let watch = std::sync::Arc::downgrade(&value);
    let (sender, receiver) = channel(1);
    sender.try_send(value).unwrap();
    drop(receiver);
    assert_eq!(watch.strong_count(), 0);
    drop(sender);
}

#[test]
fn finish_is_a_clean_end_after_all_that_was_sent() {
    let (sender, mut receiver) = channel(2);
    sender.try_send(1).unwrap();
    sender.finish();
    assert_eq!(received(&mut receiver).unwrap().unwrap(), 1);
    assert!(received(&mut receiver).is_none());
    assert!(received(&mut receiver).is_none());
}

#[test]
fn each_of_several_senders_must_finish() {
    let (sender, mut receiver) = channel(2);
    let other = sender.clone();
    sender.finish();
    let mut next = task::spawn(receiver.recv());
    assert_pending!(next.poll());
    other.try_send(1).unwrap();
    assert_eq!(assert_ready!(next.poll()).unwrap().unwrap(), 1);
    drop(next);
    other.finish();
    assert!(received(&mut receiver).is_none());
}

#[test]
fn a_receiver_that_waits_is_woken_by_the_end() {
    let ends: [fn(Sender<u8>); 3] = [Sender::finish, |sender| sender.abort("boom"), drop];
    for end in ends {
        let (sender, mut receiver) = channel(1);
        let mut next = task::spawn(receiver.recv());
        assert_pending!(next.poll());
        end(sender);
        assert!(next.is_woken());
        let _ = assert_ready!(next.poll());
    }
}

#[test]
fn an_abort_is_an_error_after_what_was_sent_before() {
    let (sender, mut receiver) = channel(2);
    sender.try_send(1).unwrap();
    sender.abort("boom");
    assert_eq!(received(&mut receiver).unwrap().unwrap(), 1);
    let error = aborted(&mut receiver);
    assert_eq!(error.to_string(), "the producer failed");
    assert_eq!(error.source().unwrap().to_string(), "boom");
    assert!(!error.is_dropped());
    assert!(received(&mut receiver).is_none(), "once");
}

#[test]
fn a_sender_dropped_without_finishing_is_an_abort() {
    let (sender, mut receiver) = channel(2);
    sender.try_send(1).unwrap();
    drop(sender);
    assert_eq!(received(&mut receiver).unwrap().unwrap(), 1);
    let error = aborted(&mut receiver);
    assert_eq!(
        error.to_string(),
        "the producer went away before it finished"
    );
    assert!(error.is_dropped() && error.source().is_none());
    assert!(received(&mut receiver).is_none(), "once");
}

#[test]
fn one_of_several_senders_dropped_without_finishing_is_an_abort_when_the_last_is_gone() {
    for dropped_first in [true, false] {
        let (sender, mut receiver) = channel::<u8>(1);
        let other = sender.clone();
        if dropped_first {
            drop(sender);
            assert_pending!(task::spawn(receiver.recv()).poll());
            other.finish();
        } else {
            sender.finish();
            assert_pending!(task::spawn(receiver.recv()).poll());
            drop(other);
        }
        assert!(aborted(&mut receiver).is_dropped());
    }
}

#[test]
fn a_sender_dropped_by_a_panic_is_an_abort_at_once() {
    let (sender, mut receiver) = channel(2);
    let other = sender.clone();
    sender.try_send(1).unwrap();
    let panicking = AssertUnwindSafe(move || {
        let _sender = sender;
        panic_quietly::<()>("bang");
    });
    catch_unwind(panicking).unwrap_err();
    assert_eq!(received(&mut receiver).unwrap().unwrap(), 1);
    let error = aborted(&mut receiver);
    assert!(!error.is_dropped());
    assert_eq!(error.source().unwrap().to_string(), "the producer panicked");
    assert_eq!(drive(other.closed()), End::Failed);
    other.finish();
}

#[test]
fn a_sender_that_finished_before_the_panic_is_not_aborted_by_it() {
    let (sender, mut receiver) = channel::<u8>(1);
    let panicking = AssertUnwindSafe(move || {
        sender.finish();
        panic_quietly::<()>("bang");
    });
    catch_unwind(panicking).unwrap_err();
    assert!(received(&mut receiver).is_none());
}

#[test]
fn the_other_senders_learn_at_once_that_one_of_them_failed() {
    let (sender, mut receiver) = channel(1);
    let other = sender.clone();
    other.try_send(1).unwrap();
    let (mut blocked, mut closed) = (task::spawn(other.send(2)), task::spawn(other.closed()));
    assert_pending!(blocked.poll());
    assert_pending!(closed.poll());
    sender.abort("boom");
    assert!(blocked.is_woken() && closed.is_woken());
    assert_eq!(refused(assert_ready!(blocked.poll())), (2, End::Failed));
    assert_eq!(assert_ready!(closed.poll()), End::Failed);
    assert_eq!(received(&mut receiver).unwrap().unwrap(), 1);
    assert_eq!(aborted(&mut receiver).source().unwrap().to_string(), "boom");
}

#[test]
fn a_busy_sender_cannot_keep_the_failure_of_another_waiting() {
    let (sender, mut receiver) = channel(1);
    let busy = sender.clone();
    busy.try_send(1).unwrap();
    sender.abort("boom");
    assert_eq!(received(&mut receiver).unwrap().unwrap(), 1);
    assert_eq!(refused(busy.try_send(2)), (2, End::Failed));
    assert!(!aborted(&mut receiver).is_dropped());
}

#[test]
fn an_abort_says_more_than_a_sender_that_was_merely_dropped() {
    let (sender, mut receiver) = channel::<u8>(1);
    let other = sender.clone();
    drop(other);
    sender.abort("boom");
    assert_eq!(aborted(&mut receiver).source().unwrap().to_string(), "boom");
    assert!(received(&mut receiver).is_none());
}

#[test]
fn a_dropped_send_was_not_sent_and_its_place_goes_to_the_next() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(1).unwrap();
    let (mut given_up, mut next) = (task::spawn(sender.send(2)), task::spawn(sender.send(3)));
    assert_pending!(given_up.poll());
    assert_pending!(next.poll());
    drop(given_up);
    assert_eq!(ready(&mut receiver), [1]);
    assert!(next.is_woken());
    assert_ready!(next.poll()).unwrap();
    assert_eq!(ready(&mut receiver), [3]);
}

#[test]
fn room_that_was_given_to_a_send_which_is_then_dropped_goes_to_the_next() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(1).unwrap();
    let (mut given_up, mut next) = (task::spawn(sender.send(2)), task::spawn(sender.send(3)));
    assert_pending!(given_up.poll());
    assert_pending!(next.poll());
    assert_eq!(ready(&mut receiver), [1]);
    assert!(given_up.is_woken() && !next.is_woken());
    drop(given_up);
    assert!(next.is_woken());
    assert_ready!(next.poll()).unwrap();
    assert_eq!(ready(&mut receiver), [3]);
}

#[test]
fn a_dropped_recv_loses_nothing() {
    let (sender, mut receiver) = channel(1);
    let mut given_up = task::spawn(receiver.recv());
    assert_pending!(given_up.poll());
    sender.try_send(1).unwrap();
    drop(given_up);
    assert_eq!(ready(&mut receiver), [1]);
}

#[test]
fn a_permit_keeps_room_until_it_is_used() {
    let (sender, mut receiver) = channel(1);
    let permit = drive(sender.reserve()).unwrap();
    assert_eq!(full(sender.try_send(2)), 2);
    permit.send(1).unwrap();
    assert_eq!(full(sender.try_send(2)), 2);
    assert_eq!(ready(&mut receiver), [1]);
    sender.try_send(2).unwrap();
}

#[test]
fn a_permit_that_is_dropped_gives_its_room_back() {
    let (sender, mut receiver) = channel(1);
    let permit = drive(sender.reserve()).unwrap();
    let mut blocked = task::spawn(sender.send(1));
    assert_pending!(blocked.poll());
    drop(permit);
    assert!(blocked.is_woken());
    assert_ready!(blocked.poll()).unwrap();
    assert_eq!(ready(&mut receiver), [1]);
}

#[test]
fn a_permit_outlived_by_its_channel_gives_the_value_back() {
    let (sender, receiver) = channel(1);
    let permit = drive(sender.reserve()).unwrap();
    drop(receiver);
    assert_eq!(refused(permit.send(1)), (1, End::PeerLeft));
}

#[test]
fn a_reserve_that_is_dropped_while_it_waits_keeps_nothing() {
    let (sender, mut receiver) = channel(1);
    sender.try_send(1).unwrap();
    let mut given_up = task::spawn(sender.reserve());
    assert_pending!(given_up.poll());
    assert_eq!(ready(&mut receiver), [1]);
    drop(given_up);
    sender.try_send(2).unwrap();
}

#[test]
fn many_are_sent_in_order_waiting_as_needed() {
    let (sender, mut receiver) = channel(2);
    let mut sending = task::spawn(sender.send_all(1..=5));
    assert_pending!(sending.poll());
    assert_eq!(ready(&mut receiver), [1, 2]);
    assert_pending!(sending.poll());
    assert_eq!(ready(&mut receiver), [3, 4]);
    assert_ready!(sending.poll()).unwrap();
    assert_eq!(ready(&mut receiver), [5]);
}

#[test]
fn sending_many_stops_at_the_first_that_is_refused() {
    let (sender, mut receiver) = channel(2);
    let mut sending = task::spawn(sender.send_all(1..=5));
    assert_pending!(sending.poll());
    receiver.close(End::Drained);
    assert_eq!(refused(assert_ready!(sending.poll())), (3, End::Drained));
    assert_eq!(ready(&mut receiver), [1, 2]);
}

#[test]
fn sending_many_that_is_dropped_has_sent_a_first_part() {
    let (sender, mut receiver) = channel(2);
    let mut sending = task::spawn(sender.send_all(1..=5));
    assert_pending!(sending.poll());
    drop(sending);
    assert_eq!(ready(&mut receiver), [1, 2]);
    sender.try_send(6).unwrap();
    assert_eq!(ready(&mut receiver), [6]);
}

#[test]
fn bytes_bound_what_the_channel_holds() {
    let (sender, mut receiver) = sized(5).build();
    sender.try_send("12".to_owned()).unwrap();
    sender.try_send("345".to_owned()).unwrap();
    assert_eq!(full(sender.try_send("6".to_owned())), "6");
    sender.try_send(String::new()).unwrap();
    assert_eq!(received(&mut receiver).unwrap().unwrap(), "12");
    assert_eq!(full(sender.try_send("678".to_owned())), "678");
    sender.try_send("67".to_owned()).unwrap();
    assert_eq!(ready(&mut receiver), ["345", "", "67"]);
}

#[test]
fn count_bounds_what_the_channel_holds_as_well_as_bytes() {
    let (sender, _receiver) = Builder::new(2)
        .bytes(100, |text: &String| text.len())
        .build();
    sender.try_send(String::new()).unwrap();
    sender.try_send(String::new()).unwrap();
    assert_eq!(full(sender.try_send(String::new())), "");
}

#[test]
fn a_send_waits_for_bytes_and_is_woken_when_there_are_enough() {
    let (sender, mut receiver) = sized(4).build();
    sender.try_send("1".to_owned()).unwrap();
    sender.try_send("234".to_owned()).unwrap();
    let mut waiting = task::spawn(sender.send("56".to_owned()));
    assert_pending!(waiting.poll());
    assert_eq!(received(&mut receiver).unwrap().unwrap(), "1");
    assert_pending!(waiting.poll());
    assert_eq!(received(&mut receiver).unwrap().unwrap(), "234");
    assert!(waiting.is_woken());
    assert_ready!(waiting.poll()).unwrap();
    assert_eq!(ready(&mut receiver), ["56"]);
}

#[test]
fn a_value_larger_than_the_bound_is_held_alone() {
    let (sender, mut receiver) = sized(4).build();
    sender.try_send("1".to_owned()).unwrap();
    assert_eq!(full(sender.try_send("123456789".to_owned())), "123456789");
    assert_eq!(ready(&mut receiver), ["1"]);
    sender.try_send("123456789".to_owned()).unwrap();
    assert_eq!(full(sender.try_send("1".to_owned())), "1");
    assert_eq!(ready(&mut receiver), ["123456789"]);
    sender.try_send("1234".to_owned()).unwrap();
}

#[test]
fn a_permit_takes_only_the_bytes_that_its_value_needs() {
    let (sender, mut receiver) = sized(4).build();
    let permit = drive(sender.reserve()).unwrap();
    assert_eq!(full(sender.try_send("1".to_owned())), "1");
    permit.send("1".to_owned()).unwrap();
    sender.try_send("234".to_owned()).unwrap();
    assert_eq!(full(sender.try_send("5".to_owned())), "5");
    assert_eq!(ready(&mut receiver), ["1", "234"]);
}

#[test]
fn a_send_that_waits_for_bytes_and_is_dropped_gives_its_place_back() {
    let (sender, mut receiver) = Builder::new(2).bytes(4, |text: &String| text.len()).build();
    sender.try_send("1234".to_owned()).unwrap();
    let mut given_up = task::spawn(sender.send("5".to_owned()));
    assert_pending!(given_up.poll());
    drop(given_up);
    sender.try_send(String::new()).unwrap();
    assert_eq!(ready(&mut receiver), ["1234", ""]);
}

#[test]
fn the_default_policy_is_to_wait() {
    let (sender, _receiver) = Builder::new(1).overflow(Overflow::default()).build();
    sender.try_send(1).unwrap();
    assert_pending!(task::spawn(sender.send(2)).poll());
    assert_eq!(sender.dropped(), 0);
}

#[test]
fn dropping_the_oldest_makes_room_and_is_counted() {
    let (sender, mut receiver) = Builder::new(2).overflow(Overflow::DropOldest).build();
    drive(sender.send_all(1..=4)).unwrap();
    sender.try_send(5).unwrap();
    assert_eq!((sender.dropped(), receiver.dropped()), (3, 3));
    assert_eq!(ready(&mut receiver), [4, 5]);
    drive(sender.reserve()).unwrap().send(6).unwrap();
    assert_eq!(ready(&mut receiver), [6]);
    assert_eq!(sender.dropped(), 3);
}

#[test]
fn dropping_the_oldest_makes_room_by_bytes_too() {
    let (sender, mut receiver) = sized(4).overflow(Overflow::DropOldest).build();
    for text in ["1", "2", "3", "456"] {
        sender.try_send(text.to_owned()).unwrap();
    }
    assert_eq!(sender.dropped(), 2);
    assert_eq!(ready(&mut receiver), ["3", "456"]);
}

#[test]
fn dropping_the_newest_keeps_what_is_there_and_is_counted() {
    let (sender, mut receiver) = Builder::new(2).overflow(Overflow::DropNewest).build();
    drive(sender.send_all(1..=4)).unwrap();
    sender.try_send(5).unwrap();
    assert_eq!((sender.dropped(), receiver.dropped()), (3, 3));
    assert_eq!(ready(&mut receiver), [1, 2]);
    sender.try_send(6).unwrap();
    assert_eq!(ready(&mut receiver), [6]);
}

#[test]
fn failing_gives_the_value_back_and_never_waits() {
    let (sender, mut receiver) = Builder::new(1).overflow(Overflow::Fail).build();
    drive(sender.send(1)).unwrap();
    assert_eq!(full(assert_ready!(task::spawn(sender.send(2)).poll())), 2);
    assert_eq!(full(sender.try_send(3)), 3);
    assert_eq!(full(drive(sender.reserve()).unwrap().send(4)), 4);
    assert_eq!(sender.dropped(), 0);
    assert_eq!(ready(&mut receiver), [1]);
    sender.try_send(5).unwrap();
}

#[should_panic = "a channel holds at least one value"]
#[test]
fn a_channel_of_nothing_is_refused() {
    let _ = channel::<u8>(0);
}

#[should_panic = "a channel holds at least one byte"]
#[test]
fn a_channel_of_no_bytes_is_refused() {
    let _ = sized(0);
}

#[test]
fn many_threads_send_and_nothing_is_lost_or_repeated() {
    let (sender, mut receiver) = channel(3);
    let senders: Vec<_> = (0..4).map(|_| sender.clone()).collect();
    sender.finish();
    std::thread::scope(|scope| {
        for (at, sender) in senders.into_iter().enumerate() {
            scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .build()
                    .unwrap();
                runtime
                    .block_on(sender.send_all((0..1000).map(|value| at * 1000 + value)))
                    .unwrap();
                sender.finish();
            });
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut values: Vec<usize> = Vec::new();
        while let Some(value) = runtime.block_on(receiver.recv()) {
            values.push(value.unwrap());
        }
        for at in 0..4 {
            let its: Vec<_> = values
                .iter()
                .copied()
                .filter(|value| value / 1000 == at)
                .collect();
            assert_eq!(its, (at * 1000..(at + 1) * 1000).collect::<Vec<_>>());
        }
    });
}
