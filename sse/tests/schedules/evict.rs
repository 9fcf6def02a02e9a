//! A follower that reads while what it reads is evicted.

use loom::thread;
use peristyle_core::End;

use super::{Delivery, at, builder, event, explore, in_topic, next, topic};
use crate::feed::{Follow, Gap, Lag, Reason, Subscription};

/// What it has by the time it has got up to this event: offsets, with the gaps before them.
fn seen_up_to(mut follower: Subscription, last: u64) -> Vec<(Option<Gap>, u64)> {
    let mut seen = Vec::new();
    let mut gap = None;
    loop {
        match next(&mut follower).expect("it does not end") {
            Delivery::Gap(next) => gap = Some(joined(gap, next)),
            Delivery::Event(event) => seen.push((gap.take(), event.cursor().offset())),
            Delivery::Withheld(_) => unreachable!("there is no chain"),
        }
        if seen.last().is_some_and(|(_, offset)| *offset == last) {
            return seen;
        }
    }
}

/// One gap may follow on another, when more was evicted meanwhile.
fn joined(gap: Option<Gap>, mut next: Gap) -> Gap {
    if let Some(gap) = gap {
        assert_eq!(next.from, Some(gap.to));
        next.from = gap.from;
    }
    next
}

fn check(seen: &[(Option<Gap>, u64)]) {
    let mut position = 0;
    for (gap, offset) in seen {
        let expected = (position + 1 < *offset).then_some(Gap {
            from: Some(at(position)),
            to: at(offset - 1),
            reason: Reason::Lagged,
        });
        assert_eq!(*gap, expected, "{seen:?}");
        position = *offset;
    }
}

#[test]
fn a_slow_follower_is_told_of_exactly_what_it_missed() {
    explore(|| {
        let feed = builder().max_events(1).build();
        let follower = feed.subscribe(Follow::live().lag(Lag::Gap));
        let publisher = thread::spawn(move || {
            for _ in 0..3 {
                feed.publish(event());
            }
        });
        check(&seen_up_to(follower, 3));
        publisher.join().unwrap();
    });
}

#[test]
fn a_slow_follower_of_a_topic_is_told_of_exactly_what_it_missed() {
    explore(|| {
        let feed = builder().max_events(1).build();
        let follow = Follow::live().lag(Lag::Gap).topics(topic("a"));
        let follower = feed.subscribe(follow);
        let publisher = thread::spawn(move || {
            feed.publish(in_topic("a"));
            feed.publish(in_topic("a"));
        });
        check(&seen_up_to(follower, 2));
        publisher.join().unwrap();
    });
}

#[test]
fn a_slow_follower_that_is_to_resume_gets_a_first_part_and_then_the_end() {
    explore(|| {
        let feed = builder().max_events(1).build();
        let mut follower = feed.subscribe(Follow::live());
        let publisher = thread::spawn(move || {
            feed.publish(event());
            feed.publish(event());
        });
        let mut position = 0;
        while let Some(delivery) = (position < 2).then(|| next(&mut follower)).flatten() {
            let Delivery::Event(event) = delivery else {
                panic!("{delivery:?}");
            };
            position += 1;
            assert_eq!(event.cursor(), at(position));
        }
        let end = (position < 2).then_some(End::Lagged);
        assert_eq!(follower.end(), end);
        publisher.join().unwrap();
    });
}
