//! The checks for logs, promise H22: logs that keep the promises pass, and others do not.

use std::{
    convert::Infallible,
    future::poll_fn,
    sync::{Mutex, MutexGuard},
    task::{Poll, Waker},
};

use peristyle_sse::feed::{Cursor, Epoch, Feed, Log, Page, Publish, conformance};

#[tokio::test]
async fn the_log_in_memory_passes() {
    conformance::check(async || Feed::new()).await;
}

#[tokio::test]
async fn another_log_passes_whose_offsets_have_holes_and_whose_pages_are_short() {
    conformance::check(async || Listed::new(Fault::None)).await;
}

macro_rules! faults {
    ($($name:ident: $fault:ident, $broken:literal;)*) => {$(
        #[tokio::test]
        #[should_panic(expected = $broken)]
        async fn $name() {
            conformance::check(async || Listed::new(Fault::$fault)).await;
        }
    )*};
}

faults! {
    a_log_that_repeats_does_not_pass: Repeats, "a repeated append gives the first cursor";
    a_log_that_turns_the_order_round_does_not_pass: Reverses, "cursors are where the events are";
    a_log_that_loses_labels_does_not_pass: Forgets, "labels are kept";
    a_log_that_starts_with_the_position_itself_does_not_pass: Includes, "no event is left out";
    a_log_without_limit_does_not_pass: Floods, "the limit";
    a_log_that_waits_for_what_is_there_does_not_pass: Hurries, "there is nothing";
    a_log_with_a_new_epoch_each_time_does_not_pass: Restarts, "an epoch stays";
}

#[derive(Clone, Copy, PartialEq)]
enum Fault {
    None,
    Repeats,
    Reverses,
    Forgets,
    Includes,
    Floods,
    Hurries,
    Restarts,
}

/// The simplest log that there can be.
struct Listed {
    fault: Fault,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    events: Vec<(u64, Publish)>,
    waiting: Vec<Waker>,
    epoch: u64,
}

impl Listed {
    fn new(fault: Fault) -> Self {
        let state = Mutex::default();
        Self { fault, state }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic while it was locked")
    }

    fn has(&self, fault: Fault) -> bool {
        self.fault == fault
    }
}

impl Log for Listed {
    type Error = Infallible;

    async fn epoch(&self) -> Result<Epoch, Infallible> {
        let mut state = self.lock();
        state.epoch += u64::from(self.has(Fault::Restarts));
        Ok(Epoch::new(state.epoch))
    }

    async fn append(&self, publish: Publish) -> Result<Cursor, Infallible> {
        // Others come in between.
        tokio::task::yield_now().await;
        let mut state = self.lock();
        let key = publish.idempotency_key_ref();
        let known = state
            .events
            .iter()
            .find(|(_, it)| it.idempotency_key_ref() == key);
        let known = known.filter(|_| key.is_some() && !self.has(Fault::Repeats));
        let epoch = Epoch::new(state.epoch);
        if let Some((offset, _)) = known {
            return Ok(Cursor::new(epoch, *offset));
        }
        let offset = 3 * (state.events.len() as u64 + 1);
        let publish = match self.fault {
            Fault::Forgets => Publish::new(publish.event_ref().clone()),
            _ => publish,
        };
        state.events.push((offset, publish));
        state.waiting.drain(..).for_each(Waker::wake);
        Ok(Cursor::new(epoch, offset))
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Page, Infallible> {
        let state = self.lock();
        let includes = self.has(Fault::Includes);
        let later = |it: &&(u64, Publish)| it.0 > after || (includes && it.0 == after);
        let limit = match self.fault {
            Fault::Floods => usize::MAX,
            Fault::None => limit.min(2).max(usize::from(limit > 50) * limit),
            _ => limit,
        };
        let mut events: Vec<_> = state
            .events
            .iter()
            .filter(later)
            .take(limit)
            .cloned()
            .collect();
        if self.has(Fault::Reverses) {
            events.reverse();
        }
        Ok(Page::new(1, events))
    }

    async fn tail(&self, after: u64) -> Result<(), Infallible> {
        poll_fn(|cx| {
            let mut state = self.lock();
            let newest = state.events.last().map_or(0, |(offset, _)| *offset);
            if newest > after || self.has(Fault::Hurries) {
                return Poll::Ready(Ok(()));
            }
            state.waiting.push(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}
