//! Who follows, and who is told of it, promise H14.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use peristyle_core::End;
use peristyle_sse::{
    Event,
    feed::{Feed, FeedBuilder, Follow, Log, Peer, Topics},
};
use tokio::time::Duration;
use tokio_test::task::spawn;

use super::{at, builder, ends, feed, follow, gives, in_topic, publish, topic};
use crate::client::{Client, Ends};

fn of(names: &[&str]) -> Follow {
    Follow::live().topics(Topics::new(names.iter().copied()).expect("topics"))
}

/// What the hooks were told.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Told {
    fn to(builder: FeedBuilder) -> (Self, Feed) {
        let told = Self::default();
        let (joins, leaves) = (told.clone(), told.clone());
        let feed = builder
            .on_join(move |peer| joins.push(format!("{} joins", name(peer))))
            .on_leave(move |peer, end| leaves.push(format!("{} left: {end}", name(peer))))
            .build();
        (told, feed)
    }

    fn push(&self, text: String) {
        self.0.lock().expect("no panic").push(text);
    }

    #[track_caller]
    fn is(&self, expected: &[&str]) {
        assert_eq!(*self.0.lock().expect("no panic"), expected);
        self.0.lock().expect("no panic").clear();
    }
}

fn name(peer: &Peer) -> &str {
    peer.principal::<&str>().copied().unwrap_or("somebody")
}

#[test]
fn those_are_present_who_get_the_events_of_a_topic() {
    let feed = feed();
    let _others =
        [of(&["b"]), of(&["a/x/y"]), of(&["a/*/y"]), of(&[])].map(|it| feed.subscribe(it));
    let follows = [
        of(&["a/x"]).principal("by name"),
        of(&["a/x", "b"]).principal("by two names"),
        of(&["a/*"]).principal("by pattern"),
        Follow::live().principal("of all"),
    ];
    let subscriptions = follows.map(|follow| feed.subscribe(follow));
    let presence = feed.presence(&topic("a/x"));
    assert_eq!(presence.followers(), 4);
    let mut names: Vec<_> = presence.principals::<&str>().copied().collect();
    names.sort_unstable();
    assert_eq!(names, ["by name", "by pattern", "by two names", "of all"]);
    drop(subscriptions);
    assert_eq!(feed.presence(&topic("a/x")).followers(), 0);
    assert_eq!(feed.presence(&topic("b")).followers(), 1);
    assert_eq!(feed.presence(&topic("unknown")).followers(), 0);
}

#[test]
fn principals_are_found_by_their_type() {
    let feed = feed();
    let _nobody = feed.subscribe(Follow::live());
    let _number = feed.subscribe(Follow::live().principal(7_u32));
    let _text = feed.subscribe(Follow::live().principal("seven"));
    let presence = feed.presence(&topic("a"));
    assert_eq!(presence.followers(), 3);
    assert_eq!(presence.principals::<u32>().collect::<Vec<_>>(), [&7]);
    assert_eq!(presence.principals::<u64>().count(), 0);
}

#[test]
fn each_end_is_told_once_and_with_its_reason() {
    let (told, feed) = Told::to(builder().max_events(1));
    drop(feed.subscribe(Follow::live().principal("ann")));
    told.is(&["ann joins", "ann left: the peer has left"]);
    let mut slow = follow(&feed, Follow::live());
    publish(&feed, 2);
    ends(&mut slow, &[]);
    told.is(&[
        "somebody joins",
        "somebody left: the peer has fallen behind",
    ]);
    let mut last = follow(&feed, of(&["a"]).principal("bob"));
    feed.publish(in_topic("a").last());
    ends(&mut last, &["3"]);
    told.is(&["bob joins", "bob left: finished"]);
    drop((slow, last));
    told.is(&[]);
}

#[test]
fn one_that_has_ended_is_not_present() {
    let feed = feed();
    let mut last = follow(&feed, Follow::live());
    assert_eq!(feed.stats().subscribers, 1);
    feed.finish(Event::data("bye"));
    assert_eq!(feed.presence(&topic("a")).followers(), 1);
    ends(&mut last, &["1"]);
    assert_eq!(feed.presence(&topic("a")).followers(), 0);
    assert_eq!(feed.stats().subscribers, 0);
    // Its place is another's by now.
    let mut next = follow(&feed, Follow::after(at(1)));
    publish(&feed, 1);
    drop(last);
    gives(&mut next, &["2"]);
    assert_eq!(feed.stats().subscribers, 1);
}

#[tokio::test(start_paused = true)]
async fn the_feed_is_told_why_the_stream_of_a_client_ended() {
    let (told, feed) = Told::to(builder());
    let stream = || feed.follow(Follow::live().principal("ann")).unwrap();
    let (ends, drained) = Ends::of(stream());
    let mut client = Client::open(drained);
    client.control.drain();
    client.is_at_end();
    ends.are(&[End::Drained]);
    drop(client);
    told.is(&["ann joins", "ann left: the server is draining"]);
    let cut = Client::open(stream());
    cut.control.cut(End::Stalled);
    drop(cut);
    told.is(&["ann joins", "ann left: the peer has stalled"]);
    drop(stream());
    told.is(&["ann joins", "ann left: the peer has left"]);
    let mut old = Client::open(stream().max_age(Duration::ZERO));
    old.is_at_end();
    told.is(&["ann joins", "ann left: the stream is too old"]);
}

#[test]
fn who_is_refused_has_not_joined() {
    let (told, feed) = Told::to(builder());
    feed.finish(Event::data("bye"));
    assert!(feed.follow(Follow::live()).is_err());
    told.is(&[]);
}

#[test]
fn whoever_waits_for_the_log_itself_is_not_present() {
    let (told, feed) = Told::to(builder());
    let mut tail = spawn(Log::tail(&feed, 0));
    assert!(tail.poll().is_pending());
    assert_eq!(feed.stats().subscribers, 0);
    assert_eq!(feed.presence(&topic("a")).followers(), 0);
    drop(tail);
    told.is(&[]);
}

#[test]
fn what_is_told_may_use_the_feed() {
    let feed = builder()
        .on_join(|peer| {
            assert_eq!(peer.feed().presence(&topic("a")).followers(), 1);
            assert!(peer.topics().contains(&topic("a")));
            peer.feed().publish(in_topic("a"));
        })
        .on_leave(|peer, _| {
            assert_eq!(peer.feed().presence(&topic("a")).followers(), 0);
            peer.feed().publish(in_topic("a"));
        })
        .build();
    let mut follower = follow(&feed, of(&["a"]));
    gives(&mut follower, &["1"]);
    drop(follower);
    assert_eq!(feed.cursor(), at(2));
}

#[test]
fn a_feed_that_tells_who_joins_is_gone_with_its_last_handle() {
    let told = Arc::new(());
    let (joins, leaves) = (Arc::clone(&told), Arc::clone(&told));
    let feed = builder()
        .on_join(move |peer| drop((peer.feed().clone(), joins.clone())))
        .on_leave(move |peer, _| drop((peer.feed().clone(), leaves.clone())))
        .build();
    let follower = follow(&feed, Follow::live());
    drop(feed);
    assert_eq!(Arc::strong_count(&told), 3);
    drop(follower);
    assert_eq!(Arc::strong_count(&told), 1);
}

#[test]
fn a_panic_of_what_is_told_is_nothing_to_the_subscriber() {
    let left = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&left);
    let feed = builder()
        .on_join(|_| panic!("on purpose"))
        .on_leave(move |_, _| {
            counted.fetch_add(1, Relaxed);
            panic!("on purpose")
        })
        .build();
    let mut follower = follow(&feed, Follow::live());
    publish(&feed, 1);
    gives(&mut follower, &["1"]);
    drop(follower);
    assert_eq!(left.load(Relaxed), 1);
    assert_eq!(feed.stats().subscribers, 0);
}
