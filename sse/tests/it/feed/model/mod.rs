//! Random publishers, followers, reconnects and evictions against a list of all that was published.
//!
//! The list knows nothing of how the log works: it is asked what a follower should have got.

mod follower;
mod twin;

use std::time::Duration;

use fastrand::Rng;
use peristyle_sse::{
    Event,
    feed::{Epoch, Feed, FeedBuilder, Lag, Publish, Topics},
};
use tokio::time::advance;

use self::{
    follower::{Access, Follower, Start},
    twin::Twin,
};

const TOPICS: [&str; 5] = ["a", "a/x", "a/y", "b/x", "b/y/z"];
const FILTERS: [&[&str]; 9] = [
    &["a"],
    &["b/x"],
    &["a/x", "b/x"],
    &["a/x", "a/y", "b/y/z", "nobody"],
    &["a/**"],
    &["*/x"],
    &["b/*/z", "a"],
    &["**"],
    &["nobody"],
];
const LAGS: [Lag; 3] = [Lag::Resume, Lag::Gap, Lag::Latest];

/// Some share one.
const PRINCIPALS: u32 = 4;

/// A seed that failed goes here first, to be run alone.
const SEEDS: std::ops::Range<u64> = 0..2_000;

#[tokio::test(start_paused = true)]
async fn whatever_happens_each_follower_gets_all_that_it_asked_for_once_and_in_order_or_is_told() {
    for seed in SEEDS {
        let mut run = Run::new(seed);
        for _ in 0..120 {
            run.step().await;
        }
        run.settle();
    }
}

struct Run {
    rng: Rng,
    feed: Feed,
    twin: Twin,
    followers: Vec<Follower>,
    epochs: u64,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let twin = Twin::new(&mut rng);
        let feed = build(&twin, 0);
        Self {
            rng,
            feed,
            twin,
            followers: Vec::new(),
            epochs: 0,
        }
    }

    async fn step(&mut self) {
        match self.rng.u8(0..100) {
            0..45 => self.publish(),
            45..60 => self.poll(),
            60..75 => self.follow(),
            75..84 => self.leave(),
            84..88 => self.revoke(),
            88..99 => {
                advance(Duration::from_millis(self.rng.u64(0..2_000))).await;
                self.check_retention();
                for follower in &mut self.followers {
                    follower.check_expired();
                }
            }
            _ => self.restart(),
        }
    }

    fn publish(&mut self) {
        let topic = self.rng.choice(TOPICS).filter(|_| self.rng.u8(0..8) > 0);
        let key = self.rng.choice(["k", "l"]).filter(|_| self.rng.bool());
        let last = self.rng.u8(0..20) == 0;
        let repeated = self
            .rng
            .choice(["i", "j"])
            .filter(|_| self.rng.u8(0..6) == 0);
        let data = "d".repeat(self.rng.usize(0..60));
        let mut publish = Publish::new(Event::data(&data));
        if let Some(topic) = topic {
            publish = publish.topic(topic.parse().expect("a topic"));
        }
        if let Some(key) = key {
            publish = publish.key(key).expect("it is short");
        }
        if let Some(key) = repeated {
            publish = publish.idempotency_key(key).expect("it is short");
        }
        if last {
            publish = publish.last();
        }
        let cursor = self.feed.publish(publish);
        let offset = self
            .twin
            .publish(topic, key, repeated, last, &data, cursor.epoch());
        assert_eq!(cursor.offset(), offset);
        self.check_retention();
        for follower in &mut self.followers {
            follower.check_woken(&self.twin);
        }
    }

    fn poll(&mut self) {
        if self.followers.is_empty() {
            return;
        }
        let index = self.rng.usize(0..self.followers.len());
        let times = self.rng.usize(1..40);
        self.followers[index].take(&mut self.twin, &self.feed, times);
    }

    fn follow(&mut self) {
        if self.followers.len() > 6 {
            return;
        }
        let names = self.rng.choice(FILTERS).filter(|_| self.rng.u8(0..5) > 0);
        let lag = self.rng.choice(LAGS).expect("there are some");
        let mut follower = Follower::new(names, lag, self.access());
        let start = match self.rng.u8(0..4) {
            0 => Start::Live,
            1 => Start::Earliest,
            2 => Start::Last(self.rng.usize(0..5)),
            _ => Start::Hostile,
        };
        follower.connect(start, &mut self.twin, &self.feed);
        self.followers.push(follower);
    }

    fn access(&mut self) -> Access {
        let millis = self.rng.u64(1..10_000);
        Access {
            principal: Some(self.rng.u32(0..PRINCIPALS)).filter(|_| self.rng.u8(0..4) > 0),
            life: Some(Duration::from_millis(millis)).filter(|_| self.rng.u8(0..4) == 0),
            even: self.rng.u8(0..4) == 0,
        }
    }

    fn revoke(&mut self) {
        let principal = self.rng.u32(0..PRINCIPALS);
        let count = self.feed.revoke(|it: &u32| *it == principal);
        let followers = self.followers.iter_mut();
        let revoked = followers.map(|it| usize::from(it.revoke(principal)));
        assert_eq!(count, revoked.sum::<usize>());
    }

    /// A follower loses its connection, and comes back now or later, or never.
    fn leave(&mut self) {
        if self.followers.is_empty() {
            return;
        }
        let index = self.rng.usize(0..self.followers.len());
        match self.rng.u8(0..4) {
            0 => drop(self.followers.swap_remove(index)),
            1 => self.followers[index].disconnect(),
            _ => self.followers[index].reconnect(&mut self.twin, &self.feed),
        }
    }

    /// The process starts again, and its log is gone.
    fn restart(&mut self) {
        self.epochs += 1;
        self.feed = build(&self.twin, self.epochs);
        self.twin.restart();
        for follower in &mut self.followers {
            follower.disconnect();
        }
    }

    fn check_retention(&mut self) {
        let stats = self.feed.stats();
        let first = self.feed.cursor().offset() + 1 - stats.events as u64;
        self.twin.check_retained(first, stats.bytes);
        let connected = self.followers.iter().filter(|it| it.is_connected()).count();
        assert_eq!(stats.subscribers, connected);
    }

    /// In the end everyone comes back and gets all there is.
    fn settle(&mut self) {
        for follower in &mut self.followers {
            follower.reconnect(&mut self.twin, &self.feed);
            follower.take(&mut self.twin, &self.feed, usize::MAX);
        }
        self.followers.clear();
        self.feed.publish(Event::data(""));
        let stats = self.feed.stats();
        assert_eq!(stats.subscribers, 0);
        assert!(stats.topics <= TOPICS.len());
    }
}

fn build(twin: &Twin, epoch: u64) -> Feed {
    let builder: FeedBuilder = Feed::builder()
        .max_events(twin.max_events)
        .max_bytes(twin.max_bytes)
        .max_age(twin.max_age)
        .epoch(Epoch::new(epoch));
    builder.build()
}

fn topics(names: Option<&[&str]>) -> Topics {
    match names {
        None => Topics::all(),
        Some(names) => Topics::new(names.iter().copied()).expect("topics"),
    }
}
