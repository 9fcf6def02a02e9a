//! Publishing, promises H1, H4 and H5.

use std::time::Duration;

use peristyle_sse::{
    Event,
    feed::{Delivery, Feed, Follow, Publish},
};
use tokio_test::{assert_ready, task::spawn};

use super::{at, builder, feed, follow, gives, in_topic, publish};

/// The only event, as it goes over the wire.
fn wire(feed: &Feed) -> Event {
    let mut follower = follow(feed, Follow::last(1));
    match assert_ready!(follower.poll_next()).expect("it has not ended") {
        Delivery::Event(event) => event.into_event(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_cursor_is_the_id_in_its_place_among_the_fields() {
    for (event, text) in [
        (Event::data("x"), "id: e-1\ndata: x\n\n"),
        (
            Event::builder()
                .comment("c\nd")
                .event("name")
                .id("theirs")
                .retry(Duration::from_secs(1))
                .data("x\ny")
                .build()
                .unwrap(),
            ": c\n: d\nevent: name\nid: e-1\nretry: 1000\ndata: x\ndata: y\n\n",
        ),
        (
            Event::builder().id("").data("id: 3").build().unwrap(),
            "id: e-1\ndata: id: 3\n\n",
        ),
        (
            Event::builder().id("theirs").build().unwrap(),
            "id: e-1\n\n",
        ),
        (Event::comment("c"), ": c\nid: e-1\n\n"),
    ] {
        let feed = feed();
        feed.publish(event);
        assert_eq!(wire(&feed).as_bytes(), text);
    }
}

#[test]
fn an_id_of_any_length_is_in_its_place() {
    for (epoch, offset) in [(0, 1), (u64::MAX, 12), (36, 100)] {
        let feed = Feed::builder()
            .epoch(peristyle_sse::feed::Epoch::new(epoch))
            .build();
        publish(&feed, offset - 1);
        let event = Event::builder().event("name").data("x").build().unwrap();
        let cursor = feed.publish(event);
        assert_eq!(
            wire(&feed).as_bytes(),
            &format!("event: name\nid: {cursor}\ndata: x\n\n")
        );
    }
}

#[test]
fn an_event_is_encoded_once_for_all() {
    let feed = feed();
    publish(&feed, 1);
    let [one, other] = [wire(&feed), wire(&feed)];
    assert_eq!(one.as_bytes().as_ptr(), other.as_bytes().as_ptr());
}

#[test]
fn publishing_needs_nobody_and_numbers_events_from_one() {
    let feed = feed();
    assert_eq!(feed.cursor(), at(0));
    assert_eq!(feed.publish(Event::data("")), at(1));
    let other = feed.clone();
    assert_eq!(other.publish(in_topic("a")), at(2));
    assert_eq!(feed.cursor(), at(2));
}

#[test]
fn what_was_published_comes_with_its_labels() {
    let feed = feed();
    feed.publish(in_topic("a/b").key("k").unwrap());
    publish(&feed, 1);
    let mut follower = follow(&feed, Follow::earliest());
    let mut labels = || match assert_ready!(follower.poll_next()).unwrap() {
        Delivery::Event(event) => (
            event.topic().map(ToString::to_string),
            event.key().map(str::to_owned),
            event.cursor(),
        ),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        labels(),
        (Some("a/b".to_owned()), Some("k".to_owned()), at(1))
    );
    assert_eq!(labels(), (None, None, at(2)));
}

#[test]
fn a_repeated_publish_gives_the_first_cursor_and_adds_nothing() {
    let feed = feed();
    let once = || {
        Publish::new(Event::data("x"))
            .idempotency_key("once")
            .unwrap()
    };
    assert_eq!(feed.publish(once()), at(1));
    assert_eq!(feed.publish(Event::data("x")), at(2));
    let mut follower = follow(&feed, Follow::live());
    gives(&mut follower, &[]);
    assert_eq!(feed.publish(once().topic(super::topic("a")).last()), at(1));
    assert!(!follower.is_woken());
    assert_eq!(feed.stats().events, 2);
    assert_eq!(
        feed.publish(
            Publish::new(Event::data(""))
                .idempotency_key("other")
                .unwrap()
        ),
        at(3)
    );
}

#[test]
fn an_idempotency_key_is_free_again_when_its_event_is_evicted() {
    let feed = builder().max_events(2).build();
    let once = || {
        Publish::new(Event::data("x"))
            .idempotency_key("once")
            .unwrap()
    };
    feed.publish(once());
    publish(&feed, 1);
    assert_eq!(feed.publish(once()), at(1));
    publish(&feed, 1);
    assert_eq!(feed.publish(once()), at(4));
}

#[test]
fn keys_are_bounded() {
    let key = "x".repeat(257);
    let event = || Publish::new(Event::data("x"));
    assert_eq!(
        event().key(&key).unwrap_err().to_string(),
        "key longer than 256 bytes"
    );
    assert!(event().idempotency_key(&key).is_err());
    assert!(
        event()
            .key(&key[1..])
            .unwrap()
            .idempotency_key(&key[1..])
            .is_ok()
    );
}

#[test]
fn a_snapshot_is_taken_after_its_position() {
    let feed = feed();
    publish(&feed, 1);
    let state = feed.snapshot(|| async {
        publish(&feed, 1);
        "state"
    });
    assert_eq!(assert_ready!(spawn(state).poll()), (at(1), "state"));
}
