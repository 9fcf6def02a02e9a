//! Who is woken by what, promise H3.

use std::{
    iter::repeat_n,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Wake, Waker},
};

use peristyle_sse::feed::{Delivery, Feed, Follow, Subscription, Topics};
use tokio_stream::Stream;
use tokio_test::task::{Spawn, spawn};

use super::{builder, feed, follow, gives, in_topic, publish, topic};

#[test]
fn a_follower_of_a_topic_is_woken_by_no_other_among_a_hundred_thousand() {
    let feed = builder().max_events(200_000).build();
    let names: Vec<String> = (0..100_000).map(|number| format!("t/{number}")).collect();
    let mut followers: Vec<_> = names
        .iter()
        .map(|name| {
            let mut follower = follow(&feed, Follow::live().topics(topic(name)));
            assert!(follower.poll_next().is_pending());
            follower
        })
        .collect();
    feed.publish(in_topic("t/777"));
    publish(&feed, 1);
    for (number, follower) in followers.iter_mut().enumerate() {
        assert_eq!(follower.is_woken(), number == 777);
    }
    gives(&mut followers[777], &["1"]);
}

fn waiting(feed: &Feed, topics: Topics) -> Spawn<Subscription> {
    let mut follower = follow(feed, Follow::live().topics(topics));
    gives(&mut follower, &[]);
    follower
}

#[test]
fn each_is_woken_by_what_it_asked_for() {
    for (names, published, woken) in [
        (&["a"][..], "a", true),
        (&["a"], "b", false),
        (&["a", "b"], "b", true),
        (&["a", "b"], "c", false),
        (&["a/*"], "a/x", true),
        (&["a/*"], "a", false),
        (&["a/*", "b"], "b", true),
    ] {
        let feed = feed();
        let mut follower = waiting(&feed, Topics::new(names.iter().copied()).unwrap());
        feed.publish(in_topic(published));
        assert_eq!(follower.is_woken(), woken, "{names:?} {published}");
        gives(&mut follower, if woken { &["1"] } else { &[] });
    }
}

#[test]
fn a_follower_is_woken_once_however_much_is_published() {
    let feed = feed();
    let (counter, waker) = counting();
    let mut follower = feed.subscribe(Follow::live());
    let mut cx = Context::from_waker(&waker);
    assert!(poll(&mut follower, &mut cx).is_pending());
    publish(&feed, 100);
    assert_eq!(counter.load(), 1);
    for _ in 0..100 {
        assert!(poll(&mut follower, &mut cx).is_ready());
    }
    assert!(poll(&mut follower, &mut cx).is_pending());
    publish(&feed, 1);
    assert_eq!(counter.load(), 2);
}

#[test]
fn the_last_waker_is_the_one_that_is_woken() {
    let feed = feed();
    let [(first, one), (second, two)] = [counting(), counting()];
    let mut follower = feed.subscribe(Follow::live());
    for waker in [&one, &two] {
        let mut cx = Context::from_waker(waker);
        assert!(poll(&mut follower, &mut cx).is_pending());
    }
    publish(&feed, 1);
    assert_eq!((first.load(), second.load()), (0, 1));
}

#[test]
fn a_follower_that_left_keeps_no_waker_and_is_not_woken() {
    let feed = feed();
    let (counter, waker) = counting();
    let mut follower = feed.subscribe(Follow::live());
    assert!(poll(&mut follower, &mut Context::from_waker(&waker)).is_pending());
    drop(follower);
    drop(waker);
    assert_eq!(Arc::strong_count(&counter), 1);
    publish(&feed, 1);
    assert_eq!(counter.load(), 0);
}

#[test]
fn much_that_does_not_match_is_passed_over_in_turns() {
    let feed = builder().max_events(10_000).build();
    publish(&feed, 5_000);
    feed.publish(in_topic("a/x"));
    let topics: Topics = "a/*".parse().unwrap();
    let mut follower = spawn(feed.subscribe(Follow::earliest().topics(topics)));
    let mut turns = 0;
    while follower.poll_next().is_pending() {
        assert!(follower.is_woken(), "it goes on by itself");
        turns += 1;
    }
    assert_eq!(turns, 4);
}

#[test]
fn who_has_many_patterns_has_shorter_turns() {
    let feed = feed();
    publish(&feed, 99);
    feed.publish(in_topic("a/x"));
    let names = repeat_n("a/*", 256);
    let topics = Topics::new(names).unwrap();
    let mut follower = spawn(feed.subscribe(Follow::earliest().topics(topics)));
    let mut turns = 1;
    while follower.poll_next().is_pending() {
        assert!(follower.is_woken());
        turns += 1;
    }
    assert_eq!(turns, 100 / (1024 / 256));
}

struct Counter(AtomicUsize);

impl Counter {
    fn load(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn counting() -> (Arc<Counter>, Waker) {
    let counter = Arc::new(Counter(0.into()));
    (Arc::clone(&counter), counter.into())
}

fn poll(follower: &mut Subscription, cx: &mut Context<'_>) -> Poll<Option<Delivery>> {
    Stream::poll_next(Pin::new(follower), cx)
}

/// The number of the event that it gives.
fn number(polled: Poll<Option<Delivery>>) -> u64 {
    let Poll::Ready(Some(Delivery::Event(event))) = polled else {
        panic!("{polled:?}");
    };
    let cursor = event.cursor().to_string();
    let offset = cursor
        .rsplit_once('-')
        .map(|(_epoch, offset)| offset.parse());
    offset.expect("an epoch and an offset").expect("a number")
}

/// With the last event that there is it is armed for the next already.
#[test]
fn one_that_is_asked_once_for_each_event_misses_none() {
    let feed = feed();
    let mut follower = waiting(&feed, Topics::all());
    for expected in 1..=5 {
        publish(&feed, 1);
        assert_eq!(number(follower.poll_next()), expected);
    }
    assert!(follower.poll_next().is_pending());
    publish(&feed, 1);
    assert!(follower.is_woken());
}

#[test]
fn one_that_takes_an_event_in_one_task_and_waits_in_another_is_woken_there() {
    let feed = feed();
    let mut first = waiting(&feed, Topics::all());
    publish(&feed, 1);
    assert_eq!(number(first.poll_next()), 1);
    let mut second = spawn(first.into_inner());
    assert!(second.poll_next().is_pending());
    publish(&feed, 1);
    assert!(second.is_woken());
    assert_eq!(number(second.poll_next()), 2);
    assert!(second.poll_next().is_pending());
}
