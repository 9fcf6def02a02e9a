//! What a feed costs, promise H24, in what can be counted exactly.

use allocation_counter::measure;
use peristyle_sse::{
    Event, EventBody,
    feed::{Feed, Follow, Following},
};
use tokio::time::{Duration, Instant, Sleep};
use tokio_test::task::spawn;

use super::{follow, topic};
use crate::client::Client;

#[test]
fn an_idle_follower_takes_less_than_300_bytes() {
    let feed = Feed::new();
    let mut followers = Vec::with_capacity(1_000);
    let cost = measure(|| {
        for number in 0..1_000 {
            let follow = match number % 2 {
                0 => Follow::live(),
                _ => Follow::live().topics(topic("a")),
            };
            let follower = feed.subscribe(follow);
            followers.push(follower);
        }
    });
    assert!(cost.bytes_current < 300 * 1_000, "{cost:?}");
}

/// Its one timer, for whatever comes first of comment, age, drain and expiry, is an entry in the
/// wheel that all streams of the runtime share, and is part of the body.
#[tokio::test(start_paused = true)]
async fn waiting_for_a_comment_and_an_end_allocates_nothing() {
    let own = size_of::<EventBody<Following>>() - size_of::<Sleep>();
    assert!(own <= 560, "{own}");
    let feed = Feed::new();
    let in_an_hour = Instant::now() + Duration::from_secs(3_600);
    let stream = feed.follow(Follow::live().expires_at(in_an_hour)).unwrap();
    let mut client = Client::open(stream.max_age(Duration::from_secs(1_800)));
    let cost = measure(|| client.waits());
    assert_eq!(cost.count_total, 0);
}

#[test]
fn delivering_an_event_allocates_nothing() {
    let feed = Feed::new();
    let mut follower = follow(&feed, Follow::live());
    let mut other = follow(&feed, Follow::live());
    for _ in 0..2 {
        feed.publish(Event::data("x"));
        // The first clone of the bytes makes them shared.
        assert!(other.poll_next().is_ready());
        let cost = measure(|| assert!(follower.poll_next().is_ready()));
        assert_eq!(cost.count_total, 0);
        let cost = measure(|| assert!(follower.poll_next().is_pending()));
        assert_eq!(cost.count_total, 0);
        assert!(other.poll_next().is_pending());
    }
}

#[test]
fn a_follower_that_left_leaves_nothing_behind() {
    let feed = Feed::new();
    drop(spawn(feed.subscribe(Follow::live().topics(topic("a")))));
    let cost = measure(|| {
        for _ in 0..100 {
            let mut follower = spawn(feed.subscribe(Follow::live().topics(topic("a"))));
            assert!(follower.poll_next().is_pending());
        }
    });
    assert_eq!(cost.bytes_current, 0);
}

#[test]
fn who_was_ended_keeps_nothing_of_what_it_had_taken() {
    let feed = Feed::new();
    super::publish(&feed, 100);
    let mut follower = follow(&feed, Follow::earliest().principal(7_u8));
    assert!(follower.poll_next().is_ready());
    feed.revoke(|_: &u8| true);
    let cost = measure(|| assert!(follower.poll_next().is_ready()));
    assert!(cost.bytes_current < -1_000, "{cost:?}");
}
