//! Who may follow, and what of it, promise H15.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use peristyle_core::End;
use peristyle_sse::{
    Event, KeepAlive,
    feed::{Feed, Follow, Lag, Publish, Published, Subscription},
};
use tokio::time::{Duration, Instant, advance};
use tokio_test::task::Spawn;

use super::{at, builder, ends, feed, follow, gives, in_topic, publish, topic};
use crate::client::{Client, Ends};

const SECOND: Duration = Duration::from_secs(1);

fn named(feed: &Feed, name: &'static str) -> Spawn<Subscription> {
    follow(feed, Follow::live().principal(name))
}

fn revoke(feed: &Feed, name: &str) -> usize {
    feed.revoke(|it: &&str| *it == name)
}

/// With data of one letter.
fn letters(feed: &Feed, letters: &str) {
    for letter in letters.chars() {
        feed.publish(Event::data(letter.encode_utf8(&mut [0; 4])));
    }
}

fn is(letter: &'static str) -> impl Fn(&Published) -> bool {
    move |event| {
        event
            .event()
            .as_bytes()
            .ends_with(format!("data: {letter}\n\n").as_bytes())
    }
}

#[test]
fn who_is_revoked_is_woken_and_ended_and_the_others_are_not() {
    let feed = feed();
    let mut followers = ["ann", "bob", "ann"].map(|name| named(&feed, name));
    let mut nobody = follow(&feed, Follow::live());
    let mut number = follow(&feed, Follow::live().principal(7_u8));
    for follower in followers.iter_mut().chain([&mut nobody, &mut number]) {
        gives(follower, &[]);
    }
    assert_eq!(revoke(&feed, "ann"), 2);
    assert_eq!(revoke(&feed, "ann"), 0, "again");
    assert_eq!(feed.presence(&topic("a")).followers(), 3);
    let [ann, bob, other] = &mut followers;
    for follower in [ann, other] {
        assert!(follower.is_woken());
        ends(follower, &[]);
        assert_eq!(follower.end(), Some(End::Revoked));
    }
    publish(&feed, 1);
    for follower in [bob, &mut nobody, &mut number] {
        gives(follower, &["1"]);
    }
    assert_eq!(feed.stats().subscribers, 3);
}

#[test]
fn who_is_revoked_gets_nothing_more_of_what_it_had_taken_and_what_waits() {
    let feed = feed();
    let mut reading = named(&feed, "ann");
    publish(&feed, 100);
    assert!(reading.poll_next().is_ready());
    let mut waiting = named(&feed, "ann");
    gives(&mut waiting, &[]);
    publish(&feed, 1);
    let first = Follow::live().first(Event::data("state")).principal("ann");
    let mut new = follow(&feed, first);
    assert_eq!(revoke(&feed, "ann"), 3);
    for follower in [&mut reading, &mut waiting, &mut new] {
        ends(follower, &[]);
        assert_eq!(follower.end(), Some(End::Revoked));
    }
}

#[test]
fn who_comes_after_another_was_revoked_is_not() {
    let feed = feed();
    drop(named(&feed, "ann"));
    assert_eq!(revoke(&feed, "ann"), 0);
    let mut ann = named(&feed, "ann");
    assert_eq!(revoke(&feed, "bob"), 0);
    publish(&feed, 1);
    gives(&mut ann, &["1"]);
}

#[test]
fn a_place_that_somebody_else_has_taken_meanwhile_is_not_revoked() {
    let feed = feed();
    let gone = std::cell::Cell::new(Some(named(&feed, "ann")));
    let bob = std::cell::Cell::new(None);
    let revoked = feed.revoke(|_: &&str| {
        drop(gone.take());
        bob.set(Some(named(&feed, "bob")));
        true
    });
    assert_eq!(revoked, 0);
    gives(&mut bob.take().unwrap(), &[]);
}

#[test]
fn a_panic_of_the_one_who_revokes_is_its_own() {
    let feed = feed();
    let mut ann = named(&feed, "ann");
    let revoked = std::panic::AssertUnwindSafe(|| feed.revoke(|_: &&str| panic!("on purpose")));
    assert!(std::panic::catch_unwind(revoked).is_err());
    publish(&feed, 1);
    gives(&mut ann, &["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_revoked_gets_a_clean_end() {
    let feed = feed();
    let (told, stream) = Ends::of(feed.follow(Follow::live().principal("ann")).unwrap());
    let mut client = Client::open(stream);
    client.waits();
    publish(&feed, 2);
    client.gets("id: e-1\ndata: x\n\n");
    revoke(&feed, "ann");
    client.is_at_end();
    told.are(&[End::Revoked]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_for_a_snapshot_is_revoked_too() {
    let feed = feed();
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    let receive = std::sync::Mutex::new(Some(receive));
    let follow = Follow::live()
        .resume(Some("?"))
        .principal("ann")
        .on_gap(move |_| {
            let receive = receive.lock().unwrap().take().unwrap();
            async move { receive.await.map(|()| Event::data("state")) }
        });
    let mut client = Client::open(feed.follow(follow).unwrap());
    client.waits();
    publish(&feed, 1);
    assert!(!client.is_woken());
    revoke(&feed, "ann");
    assert!(client.is_woken());
    send.send(()).unwrap();
    client.is_at_end();
    assert_eq!(client.control.end(), Some(End::Revoked));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_its_snapshot_waits_for_the_log() {
    let feed = feed();
    let (send, receive) = tokio::sync::oneshot::channel::<()>();
    let receive = std::sync::Mutex::new(Some(receive));
    let follow = Follow::live().resume(Some("?")).on_gap(move |_| {
        let receive = receive.lock().unwrap().take().unwrap();
        async move { receive.await.map(|()| Event::data("state")) }
    });
    let mut client = Client::open(feed.follow(follow).unwrap());
    client.waits();
    publish(&feed, 1);
    send.send(()).unwrap();
    client.gets("id: e-0\ndata: state\n\n");
    client.gets("id: e-1\ndata: x\n\n");
    client.waits();
    publish(&feed, 1);
    assert!(client.is_woken());
    client.gets("id: e-2\ndata: x\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_subscriber_expires_at_its_time() {
    let feed = feed();
    let at = Instant::now() + 10 * SECOND;
    let mut waiting = follow(&feed, Follow::live().expires_at(at));
    gives(&mut waiting, &[]);
    let mut reading = follow(&feed, Follow::live().expires_at(at));
    publish(&feed, 40);
    assert!(reading.poll_next().is_ready());
    advance(Duration::from_millis(9_999)).await;
    assert!(reading.poll_next().is_ready());
    let all: Vec<_> = (1..=40).map(|it: u32| it.to_string()).collect();
    gives(
        &mut waiting,
        &all.iter().map(String::as_str).collect::<Vec<_>>(),
    );
    advance(Duration::from_millis(1)).await;
    assert!(waiting.is_woken());
    ends(&mut waiting, &[]);
    ends(&mut reading, &[]);
    assert_eq!(waiting.end(), Some(End::Expired));
    assert_eq!(reading.end(), Some(End::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_client_expires_at_its_time_with_a_clean_end() {
    let feed = feed();
    let expires = Follow::live().expires_at(Instant::now() + 10 * SECOND);
    let stream = feed.follow(expires).unwrap().keep_alive(KeepAlive::OFF);
    let (told, stream) = Ends::of(stream.max_age(20 * SECOND));
    advance(5 * SECOND).await;
    let mut client = Client::open(stream);
    client.waits();
    advance(5 * SECOND).await;
    assert!(client.is_woken());
    publish(&feed, 1);
    client.is_at_end();
    told.are(&[End::Expired]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_expired_before_it_came_gets_nothing() {
    let feed = feed();
    publish(&feed, 1);
    let follow = Follow::earliest().expires_at(Instant::now());
    let mut client = Client::open(feed.follow(follow).unwrap());
    client.is_at_end();
    assert_eq!(client.control.end(), Some(End::Expired));
}

#[test]
fn a_filter_holds_for_what_is_in_the_log_and_for_what_comes() {
    let feed = feed();
    letters(&feed, "abab");
    let mut follower = follow(&feed, Follow::earliest().filter(is("a")));
    gives(&mut follower, &["1", "3"]);
    assert_eq!(follower.cursor(), at(4));
    letters(&feed, "b");
    gives(&mut follower, &[]);
    letters(&feed, "ab");
    gives(&mut follower, &["6"]);
    let mut back = follow(&feed, Follow::after(at(3)).filter(is("a")));
    gives(&mut back, &["6"]);
}

#[test]
fn a_filter_may_use_the_feed_and_is_asked_once_for_each_event() {
    let feed = feed();
    let asked = Arc::new(AtomicUsize::new(0));
    let (own, counted) = (feed.clone(), Arc::clone(&asked));
    let filter = move |event: &Published| {
        counted.fetch_add(1, Relaxed);
        own.stats().events > 0 && event.topic().is_some_and(|it| **it == *"a/x")
    };
    let names: peristyle_sse::feed::Topics = "a/*".parse().unwrap();
    let mut follower = follow(&feed, Follow::live().topics(names).filter(filter));
    for name in ["a/x", "a/y", "b", "a/x"] {
        feed.publish(in_topic(name));
    }
    assert_eq!(asked.load(Relaxed), 0, "publishers do not meet it");
    gives(&mut follower, &["1", "4"]);
    assert_eq!(asked.load(Relaxed), 3);
}

#[test]
fn a_gap_and_the_first_event_are_no_concern_of_a_filter() {
    let feed = builder().max_events(1).build();
    letters(&feed, "bb");
    let follow_none = Follow::after(at(0)).lag(Lag::Gap).filter(|_| false);
    let mut follower = follow(&feed, follow_none);
    gives(&mut follower, &["e-0..e-1 evicted"]);
    let state = Follow::live().first(Event::data("state")).filter(|_| false);
    gives(&mut follow(&feed, state), &["2"]);
}

#[test]
fn who_passes_over_much_lets_others_have_their_turn() {
    let feed = feed();
    letters(&feed, &"b".repeat(1_000));
    letters(&feed, "a");
    let mut follower = follow(&feed, Follow::earliest().filter(is("a")));
    let mut turns = 0;
    while follower.poll_next().is_pending() {
        assert!(follower.is_woken());
        turns += 1;
    }
    assert_eq!(turns, 3);
    gives(&mut follower, &[]);
}

#[test]
fn a_filter_that_panics_ends_its_subscriber_and_nobody_else() {
    let feed = feed();
    let mut others = follow(&feed, Follow::live());
    let filter = |event: &Published| event.cursor() != at(2) || panic!("on purpose");
    let mut follower = follow(&feed, Follow::live().filter(filter));
    publish(&feed, 3);
    ends(&mut follower, &["1"]);
    assert_eq!(follower.end(), Some(End::Failed));
    assert_eq!(follower.cursor(), at(1));
    gives(&mut others, &["1", "2", "3"]);
    assert_eq!(feed.stats().subscribers, 1);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_panics_is_an_error_of_the_stream() {
    let feed = feed();
    let follow = Follow::live().filter(|_| panic!("on purpose"));
    let mut client = Client::open(feed.follow(follow).unwrap());
    feed.publish(Publish::new(Event::data("x")));
    client.fails("panicked: on purpose");
    assert_eq!(client.control.end(), Some(End::Failed));
    assert_eq!(feed.stats().subscribers, 0);
}
