//! Every order in which threads can take their turns at a channel or a `Control`, up to some number of preemptions.
//!
//! `cargo xtask test` runs these with `--cfg loom`. The channel is the real one; its locks are loom's, and each use of tokio's
//! semaphore and notification is one step: see [`stepped`]. A lost wake-up is a deadlock that loom reports.

mod abort;
mod blocked;
mod cancel;
mod closed;
mod control;
mod many;
mod overflow;
pub(super) mod stepped;
mod waiting;

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use loom::{model::Builder, sync::Notify};

use super::{Aborted, Receiver, SendError};
use crate::End;

/// Few bugs need more, and one more takes ten times as long. `LOOM_MAX_PREEMPTIONS` takes its place.
const PREEMPTIONS: usize = 2;

/// Runs `model` in every order of its steps in which at most [`PREEMPTIONS`] threads are interrupted.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.check(model);
}

/// As loom's own, but cloning or dropping its waker is no step: tokio does both under a lock that loom does not know, and
/// whoever took that lock in between would never return.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Thread(Notify);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.notify();
        }
    }
    let thread = Arc::new(Thread(Notify::new()));
    let waker = Waker::from(Arc::clone(&thread));
    let mut cx = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut cx) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread.0.wait(),
        }
    }
}

/// Polls once with a waker that nobody waits for, then drops the future.
fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The values up to the end, and the error if that is the end.
fn received<V>(receiver: &mut Receiver<V>) -> (Vec<V>, Option<Aborted>) {
    let mut values = Vec::new();
    loop {
        match block_on(receiver.recv()) {
            Some(Ok(value)) => values.push(value),
            Some(Err(aborted)) => return (values, Some(aborted)),
            None => return (values, None),
        }
    }
}

fn refused<V>(sent: Result<(), SendError<V>>) -> (V, End) {
    let error = sent.expect_err("the receiver takes nothing more");
    let end = error.end().expect("closed, and not merely full");
    (error.into_inner(), end)
}
