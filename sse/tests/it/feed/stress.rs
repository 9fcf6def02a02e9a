//! Many publishers and followers on several threads, promises H4 and H7.

use std::{
    pin::pin,
    thread::{self, ScopedJoinHandle},
};

use peristyle_sse::{
    Event,
    feed::{Delivery, Feed, Follow, Lag, Subscription, Topics},
};
use tokio_stream::StreamExt;

use super::in_topic;

const PUBLISHERS: usize = 3;
const EVENTS: usize = 4_000;

fn run<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.expect("a runtime").block_on(future)
}

/// Each publishes to its own topic, and says where.
fn publish_all(feed: &Feed) {
    thread::scope(|scope| {
        for number in 0..PUBLISHERS {
            scope.spawn(move || {
                for _ in 0..EVENTS {
                    feed.publish(in_topic(&format!("p/{number}")));
                }
            });
        }
    });
    feed.finish(Event::data("bye"));
}

/// Offsets up to the end, with a reconnect now and then.
async fn collect(feed: &Feed, topics: &Topics, reconnect_every: usize) -> Vec<u64> {
    let mut offsets = Vec::new();
    let mut id = "0-0".to_owned();
    loop {
        let follow = Follow::live().resume(Some(&id)).topics(topics.clone());
        let mut follower: Subscription = feed.subscribe(follow);
        for _ in 0..reconnect_every {
            match follower.next().await {
                None => return offsets,
                Some(Delivery::Event(event)) => {
                    id = event.cursor().to_string();
                    offsets.push(event.cursor().offset());
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

#[test]
fn nothing_is_lost_repeated_or_reordered_between_threads() {
    let total = PUBLISHERS * EVENTS + 1;
    let feed = Feed::builder()
        .max_events(total)
        .epoch(peristyle_sse::feed::Epoch::new(0))
        .build();
    let choices = [
        (Topics::all(), 7, total),
        (Topics::all(), usize::MAX, total),
        ("p/*".parse().unwrap(), 100, total),
        ("p/1".parse().unwrap(), 13, EVENTS + 1),
        (Topics::new(["p/0", "p/2"]).unwrap(), 1_000, 2 * EVENTS + 1),
    ];
    thread::scope(|scope| {
        let feed = &feed;
        let followers: Vec<ScopedJoinHandle<'_, Vec<u64>>> = choices
            .iter()
            .map(|(topics, every, _)| scope.spawn(move || run(collect(feed, topics, *every))))
            .collect();
        publish_all(feed);
        for (follower, (_, _, expected)) in followers.into_iter().zip(&choices) {
            let offsets = follower.join().unwrap();
            assert_eq!(offsets.len(), *expected);
            assert!(offsets.is_sorted_by(|a, b| a < b));
        }
    });
    assert_eq!(feed.stats().subscribers, 0);
}

#[test]
fn slow_followers_account_for_every_event() {
    let feed = Feed::builder().max_events(8).build();
    thread::scope(|scope| {
        let feed = &feed;
        let followers: Vec<_> = (0..3)
            .map(|_| feed.subscribe(Follow::live().lag(Lag::Gap)))
            .map(|follower| scope.spawn(move || run(account(follower))))
            .collect();
        publish_all(feed);
        for follower in followers {
            assert_eq!(follower.join().unwrap(), feed.cursor().offset());
        }
    });
}

/// Goes through all positions up to the end; returns the last.
async fn account(follower: Subscription) -> u64 {
    let mut follower = pin!(follower);
    let mut position = 0;
    while let Some(delivery) = follower.next().await {
        match delivery {
            Delivery::Event(event) => {
                position += 1;
                assert_eq!(event.cursor().offset(), position);
            }
            Delivery::Gap(gap) => {
                assert_eq!(gap.from.expect("it had a position").offset(), position);
                position = gap.to.offset();
            }
            other => panic!("{other:?}"),
        }
    }
    position
}
