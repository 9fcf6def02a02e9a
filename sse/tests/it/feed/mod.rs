//! Feeds: one log, many followers.

mod access;
mod chain;
#[cfg(feature = "conformance")]
mod conformance;
mod cost;
mod cursor;
mod encoding;
mod finish;
mod gap;
mod lag;
mod metrics;
mod model;
mod page;
mod presence;
mod publish;
mod retention;
mod run;
mod start;
mod stress;
mod topics;
mod wake;

use std::task::Poll;

use peristyle_sse::{
    Event,
    feed::{Cursor, Delivery, Epoch, Feed, FeedBuilder, Publish, Subscription, Topic},
};
use tokio_test::task::{Spawn, spawn};

/// In base 36 the epoch is `e`.
const EPOCH: Epoch = Epoch::new(14);

fn builder() -> FeedBuilder {
    Feed::builder().epoch(EPOCH)
}

fn feed() -> Feed {
    builder().build()
}

fn at(offset: u64) -> Cursor {
    Cursor::new(EPOCH, offset)
}

fn topic(name: &str) -> Topic {
    name.parse().expect("a topic")
}

fn in_topic(name: &str) -> Publish {
    Publish::new(Event::data(name)).topic(topic(name))
}

/// As many events as that, without a topic.
fn publish(feed: &Feed, count: usize) {
    for _ in 0..count {
        feed.publish(Event::data("x"));
    }
}

/// What there is for a follower now.
struct Taken {
    /// Offsets, with gaps as text.
    deliveries: Vec<String>,
    ended: bool,
}

fn take(subscription: &mut Spawn<Subscription>) -> Taken {
    let mut deliveries = Vec::new();
    loop {
        let delivery = match subscription.poll_next() {
            Poll::Pending => {
                return Taken {
                    deliveries,
                    ended: false,
                };
            }
            Poll::Ready(None) => {
                return Taken {
                    deliveries,
                    ended: true,
                };
            }
            Poll::Ready(Some(delivery)) => delivery,
        };
        deliveries.push(match delivery {
            Delivery::Event(event) => event.cursor().offset().to_string(),
            Delivery::Gap(gap) => {
                let from = gap
                    .from
                    .map_or_else(|| "?".to_owned(), |from| from.to_string());
                format!("{from}..{} {}", gap.to, gap.reason)
            }
            other => panic!("{other:?}"),
        });
    }
}

/// The subscription gives exactly this, and has then to wait.
#[track_caller]
fn gives(subscription: &mut Spawn<Subscription>, expected: &[&str]) {
    let taken = take(subscription);
    assert_eq!(taken.deliveries, expected);
    assert!(!taken.ended);
}

#[track_caller]
fn ends(subscription: &mut Spawn<Subscription>, expected: &[&str]) {
    let taken = take(subscription);
    assert_eq!(taken.deliveries, expected);
    assert!(taken.ended);
    assert!(take(subscription).ended, "for ever");
}

fn follow(feed: &Feed, follow: peristyle_sse::feed::Follow) -> Spawn<Subscription> {
    spawn(feed.subscribe(follow))
}
