//! Several publishers at once.

use loom::thread;

use super::{at, builder, event, explore, in_topic, offset, topic};
use crate::feed::Follow;

#[test]
fn the_order_of_cursors_is_the_order_of_delivery() {
    explore(|| {
        let feed = builder().build();
        let mut follower = feed.subscribe(Follow::live());
        let publishers = ["a", "b"].map(|name| {
            let feed = feed.clone();
            thread::spawn(move || (feed.publish(in_topic(name)), name))
        });
        let first = super::next(&mut follower);
        let Some(super::Delivery::Event(first)) = first else {
            panic!("{first:?}");
        };
        assert_eq!(offset(&mut follower), Some(2));
        let mut published = publishers.map(|it| it.join().unwrap());
        published.sort_by_key(|(cursor, _)| cursor.offset());
        assert_eq!(published.map(|(cursor, _)| cursor), [at(1), at(2)]);
        assert_eq!(first.topic().unwrap().as_str(), published[0].1);
    });
}

#[test]
fn a_repeated_publish_is_one_event() {
    explore(|| {
        let feed = builder().build();
        let publishers = [(), ()].map(|()| {
            let feed = feed.clone();
            thread::spawn(move || feed.publish(event().idempotency_key("once").unwrap()))
        });
        assert_eq!(publishers.map(|it| it.join().unwrap()), [at(1), at(1)]);
        assert_eq!(feed.cursor(), at(1));
    });
}

#[test]
fn two_followers_of_two_topics_get_the_same_order() {
    explore(|| {
        let feed = builder().build();
        let publisher = feed.clone();
        let publisher = thread::spawn(move || publisher.publish(in_topic("a")));
        let mut follower = feed.subscribe(Follow::earliest().topics(topic("a")));
        let own = feed.publish(in_topic("a"));
        let seen = [offset(&mut follower), offset(&mut follower)];
        assert_eq!(seen, [Some(1), Some(2)]);
        assert_ne!(publisher.join().unwrap(), own);
    });
}
