//! A host that drains or cuts a stream while it ends.

use std::{
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use loom::thread;

use super::{block_on, explore};
use crate::{Control, End};

#[test]
fn a_stream_that_waits_for_the_drain_is_always_woken_by_it() {
    explore(|| {
        let (control, mut controlled) = Control::new();
        let stream = thread::spawn(move || {
            block_on(poll_fn(|cx| controlled.poll_drain(cx)));
            controlled.end(End::Drained);
        });
        control.drain();
        stream.join().unwrap();
        assert_eq!(control.end(), Some(End::Drained));
    });
}

#[test]
fn a_stream_that_ends_while_it_is_drained_and_cut_ends_once_for_its_own_reason() {
    explore(|| {
        let (control, mut controlled) = Control::new();
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        controlled.on_end(move |end| {
            assert_eq!(end, End::Finished);
            count.fetch_add(1, Ordering::Relaxed);
        });
        let stream = thread::spawn(move || controlled.end(End::Finished));
        control.drain();
        control.cut(End::Deadline);
        stream.join().unwrap();
        assert_eq!(control.end(), Some(End::Finished));
        assert_eq!(told.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn a_host_that_cut_a_stream_and_sees_no_end_yet_knows_how_it_will_end() {
    explore(|| {
        let (control, controlled) = Control::new();
        let stream = thread::spawn(move || drop(controlled));
        control.cut(End::Deadline);
        let seen = control.end();
        stream.join().unwrap();
        let end = control.end();
        match seen {
            None => assert_eq!(end, Some(End::Deadline)),
            Some(_) => assert_eq!(end, seen),
        }
    });
}
