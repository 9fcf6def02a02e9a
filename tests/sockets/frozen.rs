//! Clients that do not read, and those beside them.

use std::time::Duration;

use peristyle::{
    End,
    server::Exit,
    sse::{
        Event, KeepAlive,
        feed::{Feed, Follow, Lag},
    },
};
use tokio::{io::AsyncWriteExt, time::advance};

use crate::{
    client::{Client, Ending, HELLO},
    server::{Site, Still, WAYS, Way, finished, soon},
};

/// More than a socket takes.
const MUCH: usize = 16 << 20;

/// A log that keeps all of it.
fn feed() -> Feed {
    Feed::builder()
        .max_bytes(2 * MUCH)
        .max_events(200_000)
        .build()
}

async fn site(way: Way, feed: &Feed, lag: Lag) -> Site {
    let feed = feed.clone();
    let stream = move || {
        let stream = feed.follow(Follow::live().lag(lag)).unwrap();
        stream.keep_alive(KeepAlive::OFF)
    };
    Site::start(way, stream).await
}

fn publish(feed: &Feed, each: usize) -> usize {
    let count = MUCH / each;
    for number in 0..count {
        feed.publish(Event::data(&format!("{number} {}", "x".repeat(each))));
    }
    count
}

/// The numbers of the events, in the order in which they came.
fn numbers(body: &str) -> Vec<usize> {
    let data = body.split("data: ").skip(1);
    let numbers = data.filter_map(|data| data.split(' ').next()?.parse().ok());
    numbers.collect()
}

#[tokio::test(start_paused = true)]
async fn one_that_does_not_read_delays_nobody_and_gets_all_when_it_reads() {
    for way in WAYS {
        for each in [100, 5_000, 100_000, 5_000_000] {
            let _still = Still::stand();
            let feed = feed();
            let _others = way.others(&feed);
            let site = site(way, &feed, Lag::Resume).await;
            let mut frozen = Client::get(site.address).await;
            let mut honest = Client::get(site.address).await;
            frozen.until(":\n\n").await;
            honest.until(":\n\n").await;
            let count = publish(&feed, each);
            feed.finish(Event::data("end"));
            for client in [&mut honest, &mut frozen] {
                let (body, ending) = client.rest().await;
                assert_eq!(ending, Ending::Last);
                assert!(numbers(&body).into_iter().eq(0..count), "{way:?} {each}");
                // Nothing comes after the end but the next response.
                client.io.write_all(HELLO.as_bytes()).await.unwrap();
                client.next_whole("hello").await;
                assert!(
                    client.head.starts_with("HTTP/1.1 200 OK\r\n"),
                    "{way:?} {each}"
                );
            }
            finished(site.end()).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_takes_nothing_for_as_long_as_it_may_is_cut_off() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = feed();
        let others = way.others(&feed);
        let mut site = site(way, &feed, Lag::Resume).await;
        let mut frozen = Client::get(site.address).await;
        frozen.until(":\n\n").await;
        publish(&feed, 10_000);
        let mut other = Client::get(site.address).await;
        other.until(":\n\n").await;
        for _ in 0..2 {
            advance(Duration::from_secs(16)).await;
            feed.publish(Event::data("still"));
            other.until("data: still\n\n").await;
        }
        assert_eq!(soon(site.ends.recv()).await, Some(End::Stalled), "{way:?}");
        assert_eq!(
            soon(site.exits.recv()).await.unwrap().0,
            Exit::Aborted,
            "{way:?}"
        );
        assert_eq!(feed.stats().subscribers, 1 + others.len());
        let (body, ending) = frozen.rest().await;
        assert_ne!(ending, Ending::Last, "{way:?}");
        assert!(numbers(&body).into_iter().eq(0..numbers(&body).len()));
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_reads_a_little_in_time_is_not_cut_off() {
    for way in WAYS {
        let _still = Still::stand();
        let feed = feed();
        let _others = way.others(&feed);
        let site = site(way, &feed, Lag::Resume).await;
        let mut slow = Client::get(site.address).await;
        slow.until(":\n\n").await;
        let count = publish(&feed, 10_000);
        feed.finish(Event::data("end"));
        for step in 1..=4 {
            advance(Duration::from_secs(20)).await;
            // More than systems wait for before they say that there is room.
            slow.until_at_least(step * (MUCH / 5)).await;
        }
        let (body, ending) = slow.rest().await;
        assert_eq!(ending, Ending::Last, "{way:?}");
        assert!(numbers(&body).into_iter().eq(0..count), "{way:?}");
        finished(site.end()).await;
    }
}

#[tokio::test(start_paused = true)]
async fn one_for_which_the_log_keeps_too_little_is_told_or_ended() {
    for way in WAYS {
        for lag in [Lag::Resume, Lag::Gap] {
            let _still = Still::stand();
            let feed = Feed::builder().max_events(20).max_bytes(MUCH).build();
            let _others = way.others(&feed);
            let mut site = site(way, &feed, lag).await;
            let mut frozen = Client::get(site.address).await;
            frozen.until(":\n\n").await;
            let count = publish(&feed, 100_000);
            feed.finish(Event::data("end"));
            let (body, ending) = frozen.rest().await;
            assert_eq!(ending, Ending::Last, "{way:?}");
            let end = soon(site.ends.recv()).await;
            if lag == Lag::Resume {
                assert_eq!(end, Some(End::Lagged), "{way:?}");
                assert!(!body.contains("event: gap"));
                assert!(numbers(&body).into_iter().eq(0..numbers(&body).len()));
            } else {
                assert_eq!(end, Some(End::Finished), "{way:?}");
                let (before, after) = body.split_once("event: gap").unwrap();
                assert!(numbers(before).into_iter().eq(0..numbers(before).len()));
                // The last of the log is the end.
                assert!(numbers(after).into_iter().eq(count - 19..count), "{way:?}");
            }
            finished(site.end()).await;
        }
    }
}
