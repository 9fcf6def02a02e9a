//! A follower that comes while something is published: what was before and what comes live.

use loom::thread;

use super::{at, builder, event, explore, is_waiting, offset, offsets};
use crate::feed::Follow;

#[test]
fn a_follower_that_comes_back_while_events_are_published_gets_each_once() {
    explore(|| {
        let feed = builder().build();
        feed.publish(event());
        let publisher = feed.clone();
        let publisher = thread::spawn(move || {
            publisher.publish(event());
            publisher.finish(crate::Event::data(""));
        });
        let follower = feed.subscribe(Follow::after(at(1)));
        assert_eq!(offsets(follower), [2, 3]);
        publisher.join().unwrap();
    });
}

#[test]
fn a_live_follower_gets_all_that_comes_after_the_position_it_starts_at() {
    explore(|| {
        let feed = builder().build();
        let publisher = feed.clone();
        let publisher = thread::spawn(move || publisher.publish(event()));
        let mut follower = feed.subscribe(Follow::live());
        let start = follower.cursor();
        publisher.join().unwrap();
        if start == at(0) {
            assert_eq!(offset(&mut follower), Some(1));
        }
        assert!(is_waiting(&mut follower));
        assert_eq!(follower.cursor(), at(1));
    });
}

#[test]
fn a_follower_that_leaves_and_comes_back_loses_and_repeats_nothing() {
    explore(|| {
        let feed = builder().build();
        let publisher = feed.clone();
        let publisher = thread::spawn(move || {
            publisher.publish(event());
            publisher.publish(event());
        });
        let mut follower = feed.subscribe(Follow::after(at(0)));
        assert_eq!(offset(&mut follower), Some(1));
        let held = follower.cursor();
        drop(follower);
        let mut follower = feed.subscribe(Follow::live().resume(Some(&held.to_string())));
        assert_eq!(offset(&mut follower), Some(2));
        publisher.join().unwrap();
    });
}
