//! Followers that leave while something is published.

use loom::thread;

use super::{builder, explore, in_topic, is_waiting, offset, topic};
use crate::feed::Follow;

#[test]
fn one_that_leaves_takes_no_wake_from_another() {
    explore(|| {
        let feed = builder().build();
        let mut leaves = feed.subscribe(Follow::live().topics(topic("a")));
        let mut stays = feed.subscribe(Follow::live().topics(topic("a")));
        assert!(is_waiting(&mut leaves));
        let publisher = feed.clone();
        let publisher = thread::spawn(move || publisher.publish(in_topic("a")));
        let leaves = thread::spawn(move || drop(leaves));
        assert_eq!(offset(&mut stays), Some(1));
        publisher.join().unwrap();
        leaves.join().unwrap();
        assert_eq!(feed.stats().subscribers, 1);
    });
}

#[test]
fn one_that_comes_while_another_leaves_has_a_place_of_its_own() {
    explore(|| {
        let feed = builder().build();
        let leaves = feed.subscribe(Follow::live().topics(topic("a")));
        let other = feed.clone();
        let comes = thread::spawn(move || {
            let mut comes = other.subscribe(Follow::live().topics(topic("a")));
            offset(&mut comes)
        });
        drop(leaves);
        while feed.stats().subscribers == 0 {
            thread::yield_now();
        }
        feed.publish(in_topic("a"));
        assert_eq!(comes.join().unwrap(), Some(1));
        assert_eq!(feed.stats().subscribers, 0);
    });
}
