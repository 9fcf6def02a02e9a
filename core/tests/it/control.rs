//! What a host and a stream tell each other.

use std::{
    future::Future,
    sync::{Arc, Mutex},
};

use peristyle_core::{Control, Controlled, End};
use tokio_test::{assert_pending, assert_ready, task};

use crate::probe::panic_quietly;

fn drained(controlled: &mut Controlled) -> task::Spawn<impl Future<Output = ()>> {
    task::spawn(std::future::poll_fn(|cx| controlled.poll_drain(cx)))
}

#[test]
fn a_stream_that_waits_for_the_drain_is_woken_by_it() {
    let (control, mut controlled) = Control::new();
    let mut drained = drained(&mut controlled);
    assert_pending!(drained.poll());
    assert!(!drained.is_woken());
    control.drain();
    assert!(drained.is_woken());
    assert_ready!(drained.poll());
    assert_ready!(drained.poll());
}

#[test]
fn only_the_last_task_that_waited_for_the_drain_is_woken() {
    let (control, mut controlled) = Control::new();
    let mut first = task::spawn(());
    let mut second = task::spawn(());
    assert_pending!(first.enter(|cx, _| controlled.poll_drain(cx)));
    assert_pending!(second.enter(|cx, _| controlled.poll_drain(cx)));
    control.drain();
    assert!(second.is_woken() && !first.is_woken());
}

#[test]
fn a_drain_before_the_stream_looks_is_not_missed() {
    let (control, mut controlled) = Control::new();
    control.drain();
    control.drain();
    assert_ready!(drained(&mut controlled).poll());
}

#[test]
fn the_first_end_counts_and_is_told_once() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let (control, mut controlled) = Control::new();
    let ends = Arc::clone(&told);
    controlled.on_end(move |end| ends.lock().unwrap().push(end));
    assert_eq!(control.end(), None);
    controlled.end(End::Drained);
    controlled.end(End::Failed);
    drop(controlled);
    assert_eq!(control.end(), Some(End::Drained));
    assert_eq!(*told.lock().unwrap(), [End::Drained]);
}

#[test]
fn a_stream_that_is_dropped_ends_as_if_the_peer_had_left() {
    let (control, controlled) = Control::new();
    assert_eq!(controlled.dropped_now(), End::PeerLeft);
    drop(controlled);
    assert_eq!(control.end(), Some(End::PeerLeft));
}

#[test]
fn a_stream_that_is_dropped_after_a_cut_ends_as_the_first_cut_said() {
    let (control, mut controlled) = Control::new();
    let told = Arc::new(Mutex::new(None));
    let end = Arc::clone(&told);
    controlled.on_end(move |why| *end.lock().unwrap() = Some(why));
    control.cut(End::Stalled);
    control.cut(End::Deadline);
    assert_eq!(controlled.dropped_now(), End::Stalled);
    drop(controlled);
    assert_eq!(
        (control.end(), *told.lock().unwrap()),
        (Some(End::Stalled), Some(End::Stalled))
    );
}

#[test]
fn a_cut_does_not_change_how_a_stream_says_it_ended() {
    let (control, mut controlled) = Control::new();
    control.cut(End::Deadline);
    controlled.end(End::Finished);
    drop(controlled);
    assert_eq!(control.end(), Some(End::Finished));
}

#[test]
fn every_end_reads_as_a_few_words() {
    let ends = [
        (End::Finished, "finished"),
        (End::Failed, "failed"),
        (End::PeerLeft, "the peer has left"),
        (End::Drained, "the server is draining"),
        (End::Deadline, "the deadline has passed"),
        (End::Stalled, "the peer has stalled"),
        (End::TooOld, "the stream is too old"),
        (End::Lagged, "the peer has fallen behind"),
        (End::Revoked, "access was revoked"),
        (End::Expired, "access has expired"),
    ];
    for (end, text) in ends {
        assert_eq!(end.to_string(), text);
    }
}

#[test]
fn a_panic_of_who_is_told_of_the_end_does_not_leave_the_stream() {
    for dropped in [false, true] {
        let (control, mut controlled) = Control::new();
        controlled.on_end(|_| panic_quietly("bang"));
        if !dropped {
            controlled.end(End::Failed);
        }
        drop(controlled);
        let end = if dropped { End::PeerLeft } else { End::Failed };
        assert_eq!(control.end(), Some(end));
    }
}
