//! A client cannot tell which way its events came: those that follow one feed, this way or that, get the same bytes, whatever happens.

use std::time::{Duration, SystemTime};

use fastrand::Rng;
use peristyle::sse::{
    Drain, Event, Jitter, KeepAlive,
    feed::{Cursor, Feed, Follow, Publish, Topics},
};
use tokio::time::advance;

use crate::{
    client::{Client, Ending},
    server::{Site, Still, Way, all_had_turns, finished},
};

const SCHEDULES: u64 = 30;

#[tokio::test(start_paused = true)]
async fn clients_of_either_way_get_the_same_whatever_the_schedule() {
    let _still = Still::stand();
    match std::env::var("PERISTYLE_SOCKETS_SEED") {
        Ok(seed) => live_through(seed.parse().unwrap()).await,
        Err(_) => {
            for seed in fresh() {
                live_through(seed).await;
            }
        }
    }
}

/// Others in each run; a failure names the one to run again.
fn fresh() -> impl Iterator<Item = u64> {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    (0..SCHEDULES).map(move |number| now * SCHEDULES + number)
}

async fn live_through(seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let feed = Feed::builder().max_bytes(256 << 20).build();
    let plan = Plan::draw(&mut rng);
    let _others = plan.way.others(&feed);
    let before = rng.usize(..5);
    let newest = publish(&feed, &mut rng, &plan, before);
    // Of what they are to get.
    let mut newest = newest.filter(|_| plan.last > Some(0));
    let mut crowd = Crowd::start(&feed, &plan).await;
    for _ in 0..rng.usize(1..20) {
        match rng.u8(..10) {
            0..5 => {
                let count = rng.usize(1..60);
                newest = publish(&feed, &mut rng, &plan, count).or(newest);
            }
            5..8 => pass(Duration::from_millis(rng.u64(..20_000))).await,
            _ => {}
        }
        crowd.catch_up(plan.frozen, newest).await;
    }
    let got = crowd.end(&feed, newest, plan.end).await;
    let [rest @ .., over_connection] = &got[..] else {
        unreachable!("there are some");
    };
    for (number, got) in rest.iter().enumerate() {
        // When one that does not read is sent comments depends on how much the system takes.
        let same = if number < plan.frozen {
            events(&got.0).eq(events(&over_connection.0))
        } else {
            got.0 == over_connection.0
        };
        assert!(
            same && got.1 == over_connection.1,
            "PERISTYLE_SOCKETS_SEED={seed} {plan:?} {number}\n{got:?}\n{over_connection:?}"
        );
    }
}

/// Without the comments between them.
fn events(body: &str) -> impl Iterator<Item = &str> {
    body.split("\n\n").filter(|block| *block != ":")
}

#[derive(Debug)]
struct Plan {
    last: Option<usize>,
    /// So many do not read before the end.
    frozen: usize,
    /// How those get theirs whose sockets are written to.
    way: Way,
    /// They follow one topic, not all.
    topic: bool,
    seed: u64,
    end: End,
}

#[derive(Debug, Clone, Copy)]
enum End {
    Finish,
    Revoke,
    Drain,
    Age,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            last: rng.bool().then(|| rng.usize(..8)),
            frozen: *rng.choice(&[0, 0, 1, CLIENTS]).unwrap(),
            way: *rng.choice(&[Way::Socket, Way::Together]).unwrap(),
            topic: rng.u8(..4) == 0,
            seed: rng.u64(..),
            end: *rng
                .choice(&[End::Finish, End::Revoke, End::Drain, End::Age])
                .unwrap(),
        }
    }

    fn follow(&self) -> Follow {
        let follow = self.last.map_or_else(Follow::live, Follow::last);
        let follow = follow.principal("somebody");
        if self.topic {
            follow.topics("ours".parse::<Topics>().unwrap())
        } else {
            follow
        }
    }
}

/// The last has its events over the connection.
struct Crowd {
    sites: Vec<Site>,
    clients: Vec<Client>,
}

const CLIENTS: usize = 4;

/// Older than any schedule.
const AGE: Duration = Duration::from_secs(24 * 60 * 60);

impl Crowd {
    async fn start(feed: &Feed, plan: &Plan) -> Self {
        let (mut sites, mut clients) = (Vec::new(), Vec::new());
        for (way, count) in [(plan.way, CLIENTS - 1), (Way::Connection, 1)] {
            let site = start(way, feed.clone(), plan).await;
            for _ in 0..count {
                let mut client = Client::get(site.address).await;
                client.until_at_least(":\n\n".len()).await;
                clients.push(client);
            }
            sites.push(site);
        }
        Self { sites, clients }
    }

    /// All but so many.
    async fn catch_up(&mut self, frozen: usize, newest: Option<Cursor>) {
        for client in self.clients.iter_mut().skip(frozen) {
            if let Some(newest) = newest {
                client.until_id(newest).await;
            }
        }
    }

    async fn end(mut self, feed: &Feed, newest: Option<Cursor>, end: End) -> Vec<(String, Ending)> {
        if !matches!(end, End::Finish) {
            self.catch_up(0, newest).await;
        }
        let Self { sites, mut clients } = self;
        let mut sites = Some(sites);
        let mut serving = Vec::new();
        match end {
            End::Finish => drop(feed.finish(Event::data("end"))),
            End::Revoke => assert_eq!(feed.revoke(|_: &&str| true), CLIENTS),
            End::Age => pass(AGE).await,
            End::Drain => serving.extend(sites.take().into_iter().flatten().map(Site::end)),
        }
        let mut got = Vec::new();
        for client in &mut clients {
            got.push(client.rest().await);
        }
        serving.extend(sites.into_iter().flatten().map(Site::end));
        for serving in serving {
            finished(serving).await;
        }
        got
    }
}

async fn start(way: Way, feed: Feed, plan: &Plan) -> Site {
    let follow = plan.follow();
    let keep_alive = KeepAlive::every(Duration::from_secs(15))
        .unwrap()
        .seeded(plan.seed);
    let between = Jitter::between(Duration::from_secs(1), Duration::from_secs(5));
    let seed = plan.seed;
    Site::start(way, move || {
        let stream = feed.follow(follow.clone()).unwrap();
        stream
            .keep_alive(keep_alive)
            .retry(between.clone().seeded(seed))
            .max_age(AGE)
            .on_drain(Drain::Last(Event::data("drained")))
    })
    .await
}

/// Returns the last that they are to get.
fn publish(feed: &Feed, rng: &mut Rng, plan: &Plan, count: usize) -> Option<Cursor> {
    let mut newest = None;
    for number in 0..count {
        let length = match rng.u8(..40) {
            0 => rng.usize(16_300..16_500),
            1 => rng.usize(60_000..200_000),
            2..6 => rng.usize(900..4_200),
            _ => rng.usize(..200),
        };
        let event = Event::data(&format!("{number} {}", "x".repeat(length)));
        if plan.topic && rng.bool() {
            feed.publish(Publish::new(event).topic("theirs".parse().unwrap()));
        } else {
            let ours = Publish::new(event).topic("ours".parse().unwrap());
            newest = Some(feed.publish(ours));
        }
    }
    newest
}

/// Lets time pass, and all that it brings come.
async fn pass(time: Duration) {
    advance(time).await;
    all_had_turns().await;
}
