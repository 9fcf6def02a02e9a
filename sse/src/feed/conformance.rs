//! Checks that any [`Log`] must pass.
//!
//! ```
//! use peristyle_sse::feed::{Feed, conformance};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! conformance::check(async || Feed::new()).await;
//! # }
//! ```

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use peristyle_core::BoxError;

use super::{Cursor, Log, Page, Publish, Topic};
use crate::Event;

/// Checks all that a [`Log`] promises, each point on a new and empty log from `make`.
///
/// The logs must keep 100 small events while they are checked, which takes as long as their calls
/// do: nothing here waits for a time to pass.
///
/// # Panics
///
/// When a promise is broken, with what it was.
pub async fn check<L: Log>(make: impl AsyncFn() -> L) {
    an_empty_log_has_nothing(&make().await).await;
    what_was_appended_is_read_in_its_order(&make().await).await;
    a_page_starts_after_its_position_and_keeps_its_limit(&make().await).await;
    hostile_positions_are_at_the_end(&make().await).await;
    a_repeated_append_changes_nothing(&make().await).await;
    appends_at_once_have_one_order(&make().await).await;
    an_event_wakes_all_who_wait(&make().await).await;
    who_is_behind_does_not_wait(&make().await).await;
}

async fn an_empty_log_has_nothing<L: Log>(log: &L) {
    let page = read(log, 0, 10).await;
    assert!(page.events.is_empty(), "a new log has no events");
    assert!(!page.is_missing(0), "a new log has lost nothing");
    let epoch = ok(log.epoch().await);
    assert_eq!(ok(log.epoch().await), epoch, "an epoch stays");
}

async fn what_was_appended_is_read_in_its_order<L: Log>(log: &L) {
    let mut cursors = Vec::new();
    for number in 0..10 {
        cursors.push(append(log, labelled(number)).await);
    }
    let epoch = ok(log.epoch().await);
    let page = read(log, 0, 100).await;
    assert_eq!(offsets(&page), cursors, "cursors are where the events are");
    assert!(cursors.is_sorted_by(|a, b| a < b), "offsets grow");
    for (number, (offset, event)) in page.events.iter().enumerate() {
        let cursor = Cursor::new(epoch, *offset);
        assert_eq!(stamped(event, cursor), stamped(&labelled(number), cursor));
        assert_eq!(labels(event), labels(&labelled(number)), "labels are kept");
    }
}

async fn a_page_starts_after_its_position_and_keeps_its_limit<L: Log>(log: &L) {
    let mut cursors = Vec::new();
    for number in 0..10 {
        cursors.push(append(log, event(number)).await);
    }
    for (index, after) in cursors.iter().enumerate() {
        let page = read(log, *after, 100).await;
        assert!(!page.is_missing(*after), "nothing is lost yet");
        let rest = &cursors[index + 1..];
        assert!(rest.starts_with(&offsets(&page)), "no event is left out");
        assert_eq!(page.events.is_empty(), rest.is_empty());
        assert!(read(log, *after, 3).await.events.len() <= 3, "the limit");
    }
}

async fn hostile_positions_are_at_the_end<L: Log>(log: &L) {
    append(log, event(0)).await;
    for after in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
        assert!(read(log, after, 10).await.events.is_empty());
    }
}

async fn a_repeated_append_changes_nothing<L: Log>(log: &L) {
    let once = || event(0).idempotency_key("once").expect("it is short");
    let first = append(log, once()).await;
    append(log, event(1)).await;
    let again = append(log, once().topic(topic("elsewhere"))).await;
    assert_eq!(again, first, "a repeated append gives the first cursor");
    let page = read(log, 0, 10).await;
    assert_eq!(page.events.len(), 2, "a repeated append adds no event");
}

async fn appends_at_once_have_one_order<L: Log>(log: &L) {
    let appends = (0..50).map(|number| log.append(event(number)));
    let cursors: Vec<_> = join(appends).await.into_iter().map(ok).collect();
    let page = read_all(log).await;
    assert_eq!(page.len(), 50, "each append is one event");
    for (number, cursor) in cursors.iter().enumerate() {
        let found = page.iter().find(|(offset, _)| *offset == cursor.offset());
        let (_, found) = found.expect("a cursor is that of an event");
        let expected = stamped(&event(number), *cursor);
        assert_eq!(stamped(found, *cursor), expected, "and of its own");
    }
}

async fn an_event_wakes_all_who_wait<L: Log>(log: &L) {
    let last = append(log, event(0)).await;
    drop(poll_once(pin!(log.tail(last))));
    let tails = join([log.tail(last), log.tail(last)]);
    let mut tails = pin!(tails);
    assert!(poll_once(tails.as_mut()).is_pending(), "there is nothing");
    append(log, event(1)).await;
    tails.await.into_iter().for_each(ok);
    assert_eq!(read(log, last, 10).await.events.len(), 1);
}

async fn who_is_behind_does_not_wait<L: Log>(log: &L) {
    let first = append(log, event(0)).await;
    append(log, event(1).last()).await;
    ok(log.tail(0).await);
    ok(log.tail(first).await);
}

fn event(number: usize) -> Publish {
    Publish::new(Event::data(&format!("event {number}\nof many")))
}

fn topic(name: &str) -> Topic {
    Topic::new(name).expect("it is a topic")
}

fn labelled(number: usize) -> Publish {
    let publish = match number % 4 {
        0 => Ok(event(number)),
        1 => event(number).topic(topic("a/b")).key("key"),
        2 => event(number).topic(topic("c")).idempotency_key("once"),
        _ => event(number).key("key"),
    };
    let publish = publish.expect("keys are short");
    match number {
        5 | 9 => publish.last(),
        // The key has been used.
        6 => event(number),
        _ => publish,
    }
}

fn labels(publish: &Publish) -> (Option<&Topic>, Option<&str>, bool) {
    let topic = publish.topic_ref();
    (topic, publish.key_ref(), publish.is_last())
}

/// What of the event does not depend on whether it had an id.
fn stamped(publish: &Publish, cursor: Cursor) -> Event {
    super::subscription::stamped(publish.event_ref(), cursor)
}

fn offsets(page: &Page) -> Vec<u64> {
    page.events.iter().map(|(offset, _)| *offset).collect()
}

async fn append<L: Log>(log: &L, publish: Publish) -> u64 {
    let cursor = ok(log.append(publish).await);
    assert_eq!(cursor.epoch(), ok(log.epoch().await));
    cursor.offset()
}

async fn read<L: Log>(log: &L, after: u64, limit: usize) -> Page {
    ok(log.read(after, limit).await)
}

async fn read_all<L: Log>(log: &L) -> Vec<(u64, Publish)> {
    let mut all: Vec<(u64, Publish)> = Vec::new();
    loop {
        let after = all.last().map_or(0, |(offset, _)| *offset);
        let page = read(log, after, 7).await;
        if page.events.is_empty() {
            return all;
        }
        all.extend(page.events);
    }
}

fn ok<T>(result: Result<T, impl Into<BoxError>>) -> T {
    match result.map_err(Into::into) {
        Ok(value) => value,
        Err(error) => panic!("the log cannot be reached: {error}"),
    }
}

fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// What all of them give, in the order in which they were given.
async fn join<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs: Vec<_> = futures.iter().map(|_| None).collect();
    poll_fn(|cx| {
        for (future, output) in futures.iter_mut().zip(&mut outputs) {
            if output.is_none() {
                if let Poll::Ready(ready) = future.as_mut().poll(cx) {
                    *output = Some(ready);
                }
            }
        }
        let pending = outputs.iter().any(Option::is_none);
        if pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    outputs.into_iter().flatten().collect()
}
