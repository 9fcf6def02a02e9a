//! What a feed tells of itself, promise H21.

use peristyle_core::End;
use peristyle_sse::{
    Event,
    feed::{Follow, Lag, Log, Publish},
};
use tokio_test::task::spawn;

use super::{at, builder, ends, feed, follow, gives, in_topic, publish, topic};

#[test]
fn what_is_published_delivered_and_evicted_is_counted() {
    let feed = builder().max_events(2).build();
    let mut first = follow(&feed, Follow::live());
    let mut second = follow(&feed, Follow::live());
    publish(&feed, 2);
    gives(&mut first, &["1", "2"]);
    let once = || {
        Publish::new(Event::data("x"))
            .idempotency_key("once")
            .unwrap()
    };
    feed.publish(once());
    feed.publish(once());
    gives(&mut first, &["3"]);
    let metrics = feed.metrics();
    assert_eq!(metrics.published, 3);
    assert_eq!(metrics.delivered, 3);
    assert_eq!(
        metrics.delivered_bytes,
        3 * "id: e-1\ndata: x\n\n".len() as u64
    );
    assert_eq!(metrics.evicted, 1);
    assert_eq!(metrics.subscribers, 2);
    assert_eq!(metrics.gaps, 0);
    ends(&mut second, &[]);
    assert_eq!(feed.metrics().ended(End::Lagged), 1);
    let mut back = follow(&feed, Follow::after(at(0)));
    gives(&mut back, &["e-0..e-1 evicted", "2", "3"]);
    assert_eq!(feed.metrics().gaps, 1);
    assert_eq!(feed.metrics().delivered, 5);
}

#[test]
fn the_lag_is_that_of_the_one_that_is_furthest_behind() {
    let feed = feed();
    assert_eq!(feed.metrics().lag, 0);
    publish(&feed, 10);
    assert_eq!(feed.metrics().lag, 0, "nobody");
    let late = follow(&feed, Follow::after(at(4)));
    assert_eq!(feed.metrics().lag, 6);
    drop(late);
    let mut live = follow(&feed, Follow::live());
    let mut quiet = follow(&feed, Follow::live().topics(topic("a")));
    gives(&mut live, &[]);
    gives(&mut quiet, &[]);
    publish(&feed, 3);
    assert_eq!(feed.metrics().lag, 3);
    gives(&mut live, &["11", "12", "13"]);
    assert_eq!(
        feed.metrics().lag,
        0,
        "nothing is missing to who waits for a topic"
    );
    feed.publish(in_topic("a"));
    gives(&mut live, &["14"]);
    publish(&feed, 1);
    gives(&mut live, &["15"]);
    assert_eq!(feed.metrics().lag, 2);
    gives(&mut quiet, &["14"]);
    assert_eq!(feed.metrics().lag, 0);
}

#[test]
fn the_lag_of_who_reads_ends_where_it_has_read_to() {
    let feed = feed();
    publish(&feed, 100);
    let mut reading = follow(&feed, Follow::earliest().lag(Lag::Gap));
    assert!(reading.poll_next().is_ready());
    assert_eq!(feed.metrics().lag, 100 - 32);
}

#[test]
fn each_end_is_counted_once_by_its_reason() {
    let feed = feed();
    let who = || Follow::live().principal("ann");
    drop(feed.subscribe(who()));
    drop(feed.subscribe(who()));
    let mut revoked = follow(&feed, who());
    feed.revoke(|_: &&str| true);
    ends(&mut revoked, &[]);
    let mut last = follow(&feed, Follow::live());
    feed.finish(Event::data("bye"));
    ends(&mut last, &["1"]);
    drop((revoked, last));
    assert!(feed.follow(Follow::live()).is_err());
    drop(spawn(Log::tail(&feed, 9)));
    let metrics = feed.metrics();
    let ended =
        [End::PeerLeft, End::Revoked, End::Finished, End::Lagged].map(|it| metrics.ended(it));
    assert_eq!(ended, [2, 1, 1, 0]);
}
