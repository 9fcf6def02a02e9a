//! Followers that are too slow, promises H11 and H12.

use peristyle_core::End;
use peristyle_sse::{
    Event,
    feed::{Feed, Follow, Lag, Publish},
};

use super::{builder, ends, feed, follow, gives, in_topic, publish, topic};
use crate::client::{Client, Ends};

fn small() -> Feed {
    builder().max_events(2).build()
}

fn keyed(feed: &Feed, key: &str) {
    let publish = Publish::new(Event::data(key)).key(key);
    feed.publish(publish.expect("it is short"));
}

#[test]
fn by_default_a_slow_follower_is_ended_so_that_it_comes_back() {
    let feed = small();
    let mut follower = follow(&feed, Follow::live());
    publish(&feed, 3);
    ends(&mut follower, &[]);
    assert_eq!(follower.end(), Some(End::Lagged));
    let held = follower.cursor().to_string();
    let mut follower = follow(&feed, Follow::live().resume(Some(&held)));
    gives(&mut follower, &["e-0..e-1 evicted", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_client_gets_a_clean_end_between_two_events() {
    let feed = small();
    let (told, stream) = Ends::of(feed.follow(Follow::live()).unwrap());
    let mut client = Client::open(stream);
    publish(&feed, 3);
    client.is_at_end();
    told.are(&[End::Lagged]);
    assert_eq!(client.control.end(), Some(End::Lagged));
}

#[test]
fn what_was_taken_is_given_before_the_end() {
    let feed = small();
    let mut follower = follow(&feed, Follow::live());
    publish(&feed, 2);
    assert!(follower.poll_next().is_ready());
    publish(&feed, 3);
    ends(&mut follower, &["2"]);
}

#[test]
fn a_slow_follower_may_be_told_and_go_on() {
    let feed = small();
    let mut follower = follow(&feed, Follow::live().lag(Lag::Gap));
    publish(&feed, 5);
    gives(&mut follower, &["e-0..e-3 lagged", "4", "5"]);
    publish(&feed, 2);
    gives(&mut follower, &["6", "7"]);
}

#[test]
fn a_follower_that_waits_for_what_is_rare_does_not_lag() {
    let feed = small();
    let rare: peristyle_sse::feed::Topics = "rare/*".parse().unwrap();
    let mut followers = [
        follow(&feed, Follow::live().topics(topic("rare/a"))),
        follow(&feed, Follow::live().topics(rare)),
    ];
    for follower in &mut followers {
        gives(follower, &[]);
    }
    publish(&feed, 10);
    for follower in &mut followers {
        assert!(!follower.is_woken());
        gives(follower, &[]);
    }
    publish(&feed, 10);
    feed.publish(in_topic("rare/a"));
    for follower in &mut followers {
        gives(follower, &["21"]);
    }
}

#[test]
fn a_frozen_follower_costs_no_more_than_the_log() {
    let feed = small();
    let mut frozen = follow(&feed, Follow::live());
    gives(&mut frozen, &[]);
    let before = feed.stats();
    publish(&feed, 1_000);
    let after = feed.stats();
    assert_eq!((before.subscribers, after.subscribers), (1, 1));
    assert_eq!(after.events, 2);
    ends(&mut frozen, &[]);
}

#[test]
fn only_the_newest_of_each_key_is_given_to_who_wants_the_latest() {
    let feed = feed();
    let mut follower = follow(&feed, Follow::live().lag(Lag::Latest));
    for key in ["k", "l", "k", "m", "k"] {
        keyed(&feed, key);
    }
    publish(&feed, 2);
    gives(&mut follower, &["2", "4", "5", "6", "7"]);
    keyed(&feed, "k");
    gives(&mut follower, &["8"]);
}

#[test]
fn a_value_that_is_replaced_while_the_follower_is_busy_is_not_given() {
    let feed = feed();
    let mut follower = follow(&feed, Follow::live().lag(Lag::Latest));
    keyed(&feed, "k");
    keyed(&feed, "l");
    assert!(follower.poll_next().is_ready());
    keyed(&feed, "l");
    gives(&mut follower, &["3"]);
}

#[test]
fn keys_are_those_of_their_topic() {
    let feed = feed();
    let in_topic = |name| in_topic(name).key("k").unwrap();
    for publish in [in_topic("a"), in_topic("b"), in_topic("a")] {
        feed.publish(publish);
    }
    keyed(&feed, "k");
    let latest = || Follow::earliest().lag(Lag::Latest);
    gives(&mut follow(&feed, latest()), &["2", "3", "4"]);
    gives(&mut follow(&feed, latest().topics(topic("a"))), &["3"]);
}

#[test]
fn what_was_replaced_before_it_was_evicted_is_no_gap() {
    let feed = small();
    let mut follower = follow(&feed, Follow::live().lag(Lag::Latest));
    for _ in 0..5 {
        keyed(&feed, "k");
    }
    gives(&mut follower, &["5"]);
    keyed(&feed, "l");
    publish(&feed, 2);
    gives(&mut follower, &["e-5..e-6 lagged", "7", "8"]);
}
