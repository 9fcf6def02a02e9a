//! Every order in which publishers and followers of a feed can take their turns, up to some number
//! of preemptions.
//!
//! `cargo xtask test` runs these with `--cfg loom`. The feed is the real one; its lock is loom's. A
//! lost wake-up is a deadlock that loom reports.

mod evict;
mod hand_over;
mod leave;
mod order;
mod revoke;
mod wake;

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
};

use loom::{model::Builder, sync::Notify};

use super::{Cursor, Delivery, Epoch, Feed, FeedBuilder, Publish, Subscription, Topic};
use crate::Event;

/// `LOOM_MAX_PREEMPTIONS` takes its place.
const PREEMPTIONS: usize = 3;

/// Runs `model` in every order of its steps in which at most [`PREEMPTIONS`] threads are interrupted.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = Builder::new();
    builder.preemption_bound.get_or_insert(PREEMPTIONS);
    builder.check(model);
}

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

fn builder() -> FeedBuilder {
    Feed::builder().epoch(Epoch::new(0))
}

fn event() -> Publish {
    Publish::new(Event::data(""))
}

fn topic(name: &str) -> Topic {
    name.parse().unwrap()
}

fn in_topic(name: &str) -> Publish {
    event().topic(topic(name))
}

/// What comes next; `None` at the end.
fn next(subscription: &mut Subscription) -> Option<Delivery> {
    block_on(poll_fn(|cx| subscription.poll(cx)))
}

/// The offset of the next event, which is not a gap.
fn offset(subscription: &mut Subscription) -> Option<u64> {
    next(subscription).map(|delivery| match delivery {
        Delivery::Event(event) => event.cursor().offset(),
        other => panic!("{other:?}"),
    })
}

/// The offsets of the events up to the end.
fn offsets(mut subscription: Subscription) -> Vec<u64> {
    std::iter::from_fn(|| offset(&mut subscription)).collect()
}

/// Whether there is nothing for now.
fn is_waiting(subscription: &mut Subscription) -> bool {
    subscription
        .poll(&mut Context::from_waker(Waker::noop()))
        .is_pending()
}

fn at(offset: u64) -> Cursor {
    Cursor::new(Epoch::new(0), offset)
}
