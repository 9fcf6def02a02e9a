//! A follower that waits while something is published.

use loom::thread;

use super::{Delivery, builder, event, explore, in_topic, is_waiting, next, offset, topic};
use crate::feed::{Follow, Topics};

#[test]
fn a_follower_that_waits_is_woken_by_each_event() {
    explore(|| {
        let feed = builder().build();
        let mut follower = feed.subscribe(Follow::live());
        let publisher = thread::spawn(move || {
            feed.publish(event());
            feed.publish(event());
        });
        assert_eq!(offset(&mut follower), Some(1));
        assert_eq!(offset(&mut follower), Some(2));
        publisher.join().unwrap();
    });
}

#[test]
fn a_follower_of_a_topic_is_woken_by_its_event_among_others() {
    explore(|| {
        let feed = builder().build();
        let mut follower = feed.subscribe(Follow::live().topics(topic("a")));
        let publisher = thread::spawn(move || {
            feed.publish(in_topic("b"));
            feed.publish(in_topic("a"));
            feed.publish(in_topic("b"));
        });
        assert_eq!(offset(&mut follower), Some(2));
        publisher.join().unwrap();
        assert!(is_waiting(&mut follower));
    });
}

#[test]
fn a_follower_of_a_pattern_is_woken_by_the_event_that_matches() {
    explore(|| {
        let feed = builder().build();
        let pattern: Topics = "a/*".parse().unwrap();
        let mut follower = feed.subscribe(Follow::live().topics(pattern));
        let publisher = thread::spawn(move || {
            feed.publish(in_topic("a"));
            feed.publish(in_topic("a/x"));
        });
        assert_eq!(offset(&mut follower), Some(2));
        publisher.join().unwrap();
    });
}

#[test]
fn a_follower_of_two_topics_gets_both_in_order() {
    explore(|| {
        let feed = builder().build();
        let topics = Topics::new(["a", "b"]).unwrap();
        let mut follower = feed.subscribe(Follow::live().topics(topics));
        let publisher = thread::spawn(move || {
            feed.publish(in_topic("b"));
            feed.publish(in_topic("a"));
        });
        assert_eq!(offset(&mut follower), Some(1));
        assert_eq!(offset(&mut follower), Some(2));
        publisher.join().unwrap();
    });
}

#[test]
fn a_follower_that_moves_to_another_task_is_woken_there() {
    explore(|| {
        let feed = builder().build();
        let mut follower = feed.subscribe(Follow::live());
        let publisher = thread::spawn(move || feed.publish(event()));
        // Another task has polled it, and will not again.
        if is_waiting(&mut follower) {
            assert!(matches!(next(&mut follower), Some(Delivery::Event(_))));
        }
        publisher.join().unwrap();
    });
}

#[test]
fn followers_of_a_feed_and_of_a_topic_are_woken_when_the_feed_finishes() {
    explore(|| {
        let feed = builder().build();
        let mut all = feed.subscribe(Follow::live());
        let mut one = feed.subscribe(Follow::live().topics(topic("a")));
        let all = thread::spawn(move || [offset(&mut all), offset(&mut all)]);
        let one = thread::spawn(move || [offset(&mut one), offset(&mut one)]);
        feed.publish(event().last());
        assert_eq!(all.join().unwrap(), [Some(1), None]);
        assert_eq!(one.join().unwrap(), [Some(1), None]);
    });
}
