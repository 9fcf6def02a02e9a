//! What the log keeps, promise H1, and what it remembers of topics.

use std::time::Duration;

use peristyle_sse::{
    Event,
    feed::{Feed, Follow},
};
use tokio::time::advance;

use super::{at, builder, follow, gives, in_topic, publish, topic};

/// With its id an event takes 18 bytes.
fn publish_bytes(feed: &Feed) {
    feed.publish(Event::data("x"));
}

#[test]
fn the_oldest_leave_when_there_are_too_many() {
    let feed = builder().max_events(3).build();
    publish(&feed, 5);
    assert_eq!(feed.stats().events, 3);
    gives(&mut follow(&feed, Follow::earliest()), &["3", "4", "5"]);
}

#[test]
fn the_oldest_leave_when_they_have_too_many_bytes() {
    let size = "id: e-1\ndata: x\n\n".len();
    let feed = builder().max_bytes(3 * size).build();
    for _ in 0..3 {
        publish_bytes(&feed);
    }
    assert_eq!((feed.stats().events, feed.stats().bytes), (3, 3 * size));
    publish_bytes(&feed);
    assert_eq!((feed.stats().events, feed.stats().bytes), (3, 3 * size));
    gives(&mut follow(&feed, Follow::earliest()), &["2", "3", "4"]);
}

#[test]
fn topics_and_keys_count_as_bytes() {
    let feed = builder().build();
    let publish = in_topic("topic")
        .key("key")
        .unwrap()
        .idempotency_key("idem")
        .unwrap();
    feed.publish(publish);
    let size = "id: e-1\ndata: topic\n\n".len() + "topic".len() + "key".len() + "idem".len();
    assert_eq!(feed.stats().bytes, size);
}

#[test]
fn the_newest_stays_however_large() {
    let feed = builder().max_bytes(0).build();
    publish(&feed, 2);
    gives(&mut follow(&feed, Follow::earliest()), &["2"]);
    assert_eq!(feed.stats().events, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_leaves_when_someone_publishes_comes_or_reads() {
    let feed = builder().max_age(Duration::from_secs(10)).build();
    let mut slow = follow(&feed, Follow::live());
    publish(&feed, 2);
    advance(Duration::from_secs(10)).await;
    gives(&mut follow(&feed, Follow::earliest()), &["1", "2"]);
    advance(Duration::from_millis(1)).await;
    assert_eq!(feed.stats().events, 2, "nobody has looked");
    super::ends(&mut slow, &[]);
    assert_eq!(feed.stats().events, 0);
    publish(&feed, 1);
    advance(Duration::from_secs(11)).await;
    gives(&mut follow(&feed, Follow::earliest()), &[]);
    publish(&feed, 1);
    advance(Duration::from_secs(11)).await;
    publish(&feed, 1);
    assert_eq!(feed.stats().events, 1);
    assert_eq!(feed.cursor(), at(5), "offsets go on");
}

#[test]
#[should_panic(expected = "a log keeps at least one event")]
fn a_log_of_no_events_is_refused() {
    let _ = Feed::builder().max_events(0);
}

#[test]
fn who_follows_a_topic_by_name_is_told_of_a_gap_only_if_it_missed_something() {
    let feed = builder().max_events(2).build();
    feed.publish(in_topic("a"));
    publish(&feed, 5);
    let back = |held| follow(&feed, Follow::after(at(held)).topics(topic("a")));
    gives(&mut back(1), &[]);
    gives(&mut back(0), &["e-0..e-4 evicted"]);
}

#[test]
fn topics_that_are_neither_followed_nor_in_the_log_are_forgotten_the_longest_quiet_first() {
    let feed = builder().max_events(1).max_quiet_topics(2).build();
    for name in ["a", "b", "c", "d"] {
        feed.publish(in_topic(name));
    }
    assert_eq!(
        feed.stats().topics,
        3,
        "one in the log and two that are remembered"
    );
    let back = |name, held| follow(&feed, Follow::after(at(held)).topics(topic(name)));
    gives(&mut back("b", 2), &[]);
    gives(&mut back("c", 3), &[]);
    // What was forgotten ended here or before.
    gives(&mut back("a", 1), &[]);
    feed.publish(in_topic("e"));
    feed.publish(in_topic("f"));
    gives(&mut back("a", 1), &["e-1..e-5 evicted"]);
    gives(&mut back("a", 3), &[]);
    assert_eq!(feed.stats().topics, 3);
}

#[test]
fn asking_for_topics_that_nobody_publishes_leaves_nothing_behind() {
    let feed = builder().max_events(1).max_quiet_topics(2).build();
    feed.publish(in_topic("a"));
    publish(&feed, 1);
    for number in 0..100 {
        let name = format!("hostile/{number}");
        drop(follow(&feed, Follow::live().topics(topic(&name))));
    }
    assert_eq!(feed.stats().topics, 1);
    gives(
        &mut follow(&feed, Follow::after(at(1)).topics(topic("a"))),
        &[],
    );
}

#[test]
fn a_topic_that_came_back_is_forgotten_when_it_is_quiet_again() {
    let feed = builder().max_events(1).max_quiet_topics(1).build();
    for name in ["a", "b", "a", "c", "d"] {
        feed.publish(in_topic(name));
    }
    assert_eq!(feed.stats().topics, 2);
}

#[test]
fn a_topic_that_comes_and_goes_is_remembered_once() {
    let feed = builder().max_events(1).max_quiet_topics(2).build();
    for _ in 0..10 {
        feed.publish(in_topic("a"));
        feed.publish(in_topic("b"));
    }
    let back = |name, held| follow(&feed, Follow::after(at(held)).topics(topic(name)));
    for _ in 0..10 {
        drop(back("a", 19));
    }
    publish(&feed, 1);
    assert_eq!(feed.stats().topics, 2);
    gives(&mut back("a", 19), &[]);
    gives(&mut back("b", 20), &[]);
    gives(&mut back("b", 19), &["e-19..e-20 evicted"]);
}
