//! Feeds and topics that come to an end, promise H17.

use peristyle_core::End;
use peristyle_sse::{
    Event,
    feed::{Feed, Follow, Topics},
};

use super::{at, builder, ends, feed, follow, gives, in_topic, publish, topic};
use crate::client::{Client, Ends};

fn is_finished(feed: &Feed, follow: Follow) -> bool {
    feed.follow(follow).is_err()
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_the_last_event_and_the_end_and_is_told_not_to_come_back() {
    let feed = feed();
    let (told, stream) = Ends::of(feed.follow(Follow::live()).unwrap());
    let mut client = Client::open(stream);
    client.waits();
    assert_eq!(feed.finish(Event::data("bye")), at(1));
    assert!(client.is_woken());
    client.gets("id: e-1\ndata: bye\n\n");
    client.is_at_end();
    told.are(&[End::Finished]);
    let finished = feed.follow(Follow::live().resume(Some("e-1"))).unwrap_err();
    assert_eq!(finished.to_string(), "the feed or its topics are finished");
    assert_eq!(feed.stats().subscribers, 0);
}

#[test]
fn who_has_not_got_the_last_event_gets_it_before_the_end() {
    let feed = feed();
    publish(&feed, 2);
    feed.finish(Event::data("bye"));
    ends(&mut follow(&feed, Follow::after(at(1))), &["2", "3"]);
    assert!(is_finished(&feed, Follow::after(at(3))));
    assert!(is_finished(&feed, Follow::live()));
    assert!(!is_finished(&feed, Follow::after(at(2))));
    assert!(!is_finished(&feed, Follow::earliest()));
}

#[test]
fn the_last_event_of_a_feed_goes_to_those_of_every_topic() {
    let feed = feed();
    let of = |names: &[&str]| {
        let topics = Topics::new(names.iter().copied()).unwrap();
        let mut follower = follow(&feed, Follow::live().topics(topics));
        gives(&mut follower, &[]);
        follower
    };
    let mut followers = [of(&["a"]), of(&["a", "b"]), of(&["a/**"]), of(&[])];
    feed.finish(Event::data("bye"));
    for follower in &mut followers {
        assert!(follower.is_woken());
        ends(follower, &["1"]);
        assert_eq!(follower.end(), Some(End::Finished));
    }
}

#[test]
fn a_topic_ends_for_those_who_follow_nothing_else() {
    let feed = feed();
    let of = |names: &[&str]| {
        let topics = Topics::new(names.iter().copied()).unwrap();
        follow(&feed, Follow::earliest().topics(topics))
    };
    feed.publish(in_topic("a").last());
    ends(&mut of(&["a"]), &["1"]);
    gives(&mut of(&["a", "b"]), &["1"]);
    gives(&mut of(&["a/**"]), &["1"]);
    gives(&mut follow(&feed, Follow::earliest()), &["1"]);
    feed.publish(in_topic("b").last());
    ends(&mut of(&["a", "b"]), &["1", "2"]);
    assert!(is_finished(&feed, Follow::after(at(1)).topics(topic("a"))));
    assert!(!is_finished(&feed, Follow::after(at(1)).topics(topic("b"))));
    assert!(!is_finished(&feed, Follow::live()));
}

#[test]
fn publishing_opens_a_topic_and_a_feed_again() {
    let feed = feed();
    feed.publish(in_topic("a").last());
    feed.publish(in_topic("a"));
    gives(
        &mut follow(&feed, Follow::after(at(1)).topics(topic("a"))),
        &["2"],
    );
    feed.finish(Event::data("bye"));
    publish(&feed, 1);
    gives(&mut follow(&feed, Follow::after(at(2))), &["3", "4"]);
}

#[test]
fn a_finished_topic_is_known_when_its_events_are_gone() {
    let feed = builder().max_events(1).build();
    feed.publish(in_topic("a").last());
    publish(&feed, 3);
    assert!(is_finished(&feed, Follow::after(at(1)).topics(topic("a"))));
    let mut missed = follow(&feed, Follow::after(at(0)).topics(topic("a")));
    ends(&mut missed, &["e-0..e-3 evicted"]);
}

#[test]
fn a_finished_topic_is_known_when_its_last_follower_left_after_others_were_forgotten() {
    let feed = builder().max_events(1).max_quiet_topics(1).build();
    let held = follow(&feed, Follow::live().topics(topic("a")));
    feed.publish(in_topic("a").last());
    for name in ["b", "c", "d"] {
        feed.publish(in_topic(name));
    }
    drop(held);
    assert!(is_finished(&feed, Follow::after(at(1)).topics(topic("a"))));
}

#[test]
fn who_comes_back_to_a_finished_topic_after_it_missed_the_last_event_is_told_of_the_gap() {
    let feed = builder()
        .max_events(1)
        .max_age(std::time::Duration::ZERO)
        .build();
    publish(&feed, 1);
    feed.finish(Event::data("bye"));
    assert!(!is_finished(&feed, Follow::after(at(0))));
    assert!(is_finished(&feed, Follow::after(at(2))));
}
