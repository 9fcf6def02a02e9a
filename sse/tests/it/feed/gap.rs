//! Gaps as clients see them, promise H8.

use std::sync::{Arc, Mutex};

use peristyle_core::{BoxError, End};
use peristyle_sse::{
    Event,
    feed::{Feed, Follow, Gap, Lag},
};

use super::{at, builder, feed, publish};
use crate::client::{Client, Ends};

#[tokio::test(start_paused = true)]
async fn a_client_that_was_away_too_long_is_told_first_and_then_gets_what_there_is() {
    let feed = builder().max_events(2).build();
    publish(&feed, 5);
    let stream = feed.follow(Follow::live().resume(Some("e-1"))).unwrap();
    let mut client = Client::open(stream);
    client.gets(concat!(
        "event: gap\nid: e-3\n",
        "data: {\"from\":\"e-1\",\"to\":\"e-3\",\"reason\":\"evicted\"}\n\n"
    ));
    client.gets("id: e-4\ndata: x\n\n");
    client.gets("id: e-5\ndata: x\n\n");
    client.waits();
}

#[tokio::test(start_paused = true)]
async fn what_a_client_sent_is_not_sent_back() {
    let feed = feed();
    let id = Some("\"},\nevent: x");
    let mut client = Client::open(feed.follow(Follow::live().resume(id)).unwrap());
    client.gets(concat!(
        "event: gap\nid: e-0\n",
        "data: {\"from\":null,\"to\":\"e-0\",\"reason\":\"unknown\"}\n\n"
    ));
    client.waits();
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lost_nothing_is_told_of_no_gap() {
    let feed = builder().max_events(2).build();
    publish(&feed, 5);
    let mut client = Client::open(feed.follow(Follow::after(at(3))).unwrap());
    client.gets("id: e-4\ndata: x\n\n");
}

/// A feed that has lost its first event, and a client that has not seen it.
fn gone(feed: &Feed) -> Follow {
    publish(feed, 3);
    Follow::after(at(0))
}

#[tokio::test(start_paused = true)]
async fn the_state_of_the_application_takes_the_place_of_a_gap() {
    let feed = builder().max_events(2).build();
    let gaps: Arc<Mutex<Vec<Gap>>> = Arc::default();
    let (publisher, seen) = (feed.clone(), Arc::clone(&gaps));
    let follow = gone(&feed).on_gap(move |gap| {
        seen.lock().unwrap().push(gap);
        publish(&publisher, 1);
        async { Ok::<_, BoxError>(Event::builder().id("x").data("state").build()?) }
    });
    let mut client = Client::open(feed.follow(follow).unwrap());
    client.gets("id: e-3\ndata: state\n\n");
    client.gets("id: e-4\ndata: x\n\n");
    client.waits();
    let gaps = gaps.lock().unwrap();
    assert_eq!(
        gaps.iter().map(|it| (it.from, it.to)).collect::<Vec<_>>(),
        [(Some(at(0)), at(3))]
    );
}

#[tokio::test(start_paused = true)]
async fn the_state_may_take_its_time() {
    let feed = builder().max_events(2).build();
    let (send, receive) = tokio::sync::oneshot::channel();
    let receive = Mutex::new(Some(receive));
    let follow = gone(&feed).on_gap(move |_| receive.lock().unwrap().take().unwrap());
    let mut client = Client::open(feed.follow(follow).unwrap());
    client.waits();
    publish(&feed, 1);
    client.waits();
    send.send(Event::data("state")).unwrap();
    assert!(client.is_woken());
    client.gets("id: e-3\ndata: state\n\n");
    client.gets("id: e-4\ndata: x\n\n");
}

#[tokio::test(start_paused = true)]
async fn a_state_that_cannot_be_had_fails_the_stream() {
    let feed = builder().max_events(2).build();
    let follow = gone(&feed).on_gap(|_| async { Err("no database") });
    let (ends, stream) = Ends::of(feed.follow(follow).unwrap());
    let mut client = Client::open(stream);
    client.fails("no database");
    ends.are(&[End::Failed]);
    assert_eq!(feed.stats().subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn the_first_event_comes_after_a_gap() {
    let feed = builder().max_events(2).build();
    let follow = gone(&feed).first(Event::data("state")).lag(Lag::Gap);
    let mut client = Client::open(feed.follow(follow).unwrap());
    client.gets(concat!(
        "event: gap\nid: e-1\n",
        "data: {\"from\":\"e-0\",\"to\":\"e-1\",\"reason\":\"evicted\"}\n\n"
    ));
    client.gets("id: e-1\ndata: state\n\n");
    client.gets("id: e-2\ndata: x\n\n");
}
