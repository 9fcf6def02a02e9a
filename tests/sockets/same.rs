//! A client cannot tell which way its events came: two that follow one feed, a way each, get the same bytes, whatever happens.

use std::time::{Duration, SystemTime};

use fastrand::Rng;
use peristyle::sse::{
    Drain, Event, Jitter, KeepAlive,
    feed::{Cursor, Feed, Follow, Publish},
};
use tokio::{task::yield_now, time::advance};

use crate::{
    client::{Client, Ending},
    server::{Site, Still, WAYS, Way, finished},
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
    let before = rng.usize(..5);
    let newest = publish(&feed, &mut rng, before);
    let plan = Plan::draw(&mut rng);
    // Of what they are to get.
    let mut newest = newest.filter(|_| plan.last > Some(0));
    let mut pair = Pair::start(&feed, &plan).await;
    for _ in 0..rng.usize(1..20) {
        match rng.u8(..10) {
            0..5 => {
                let count = rng.usize(1..60);
                newest = publish(&feed, &mut rng, count);
            }
            5..8 => pass(Duration::from_millis(rng.u64(..20_000))).await,
            _ => {}
        }
        if !plan.freezes {
            pair.catch_up(newest).await;
        }
    }
    let [first, second] = pair.end(&feed, newest, plan.end).await;
    // When one that does not read is sent comments depends on how much the system takes.
    let same = if plan.freezes {
        events(&first.0).eq(events(&second.0))
    } else {
        first.0 == second.0
    };
    let same = same && first.1 == second.1;
    assert!(
        same,
        "PERISTYLE_SOCKETS_SEED={seed} {plan:?}\n{first:?}\n{second:?}"
    );
}

/// Without the comments between them.
fn events(body: &str) -> impl Iterator<Item = &str> {
    body.split("\n\n").filter(|block| *block != ":")
}

#[derive(Debug)]
struct Plan {
    last: Option<usize>,
    /// Neither reads before the end.
    freezes: bool,
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
            freezes: rng.u8(..4) == 0,
            seed: rng.u64(..),
            end: *rng
                .choice(&[End::Finish, End::Revoke, End::Drain, End::Age])
                .unwrap(),
        }
    }

    fn follow(&self) -> Follow {
        let follow = self.last.map_or_else(Follow::live, Follow::last);
        follow.principal("somebody")
    }
}

struct Pair {
    sites: Vec<Site>,
    clients: Vec<Client>,
}

/// Older than any schedule.
const AGE: Duration = Duration::from_secs(24 * 60 * 60);

impl Pair {
    async fn start(feed: &Feed, plan: &Plan) -> Self {
        let (mut sites, mut clients) = (Vec::new(), Vec::new());
        for way in WAYS {
            let site = start(way, feed.clone(), plan).await;
            let mut client = Client::get(site.address).await;
            client.until_at_least(":\n\n".len()).await;
            sites.push(site);
            clients.push(client);
        }
        Self { sites, clients }
    }

    async fn catch_up(&mut self, newest: Option<Cursor>) {
        for client in &mut self.clients {
            if let Some(newest) = newest {
                client.until_id(newest).await;
            }
        }
    }

    async fn end(mut self, feed: &Feed, newest: Option<Cursor>, end: End) -> [(String, Ending); 2] {
        if !matches!(end, End::Finish) {
            self.catch_up(newest).await;
        }
        let Self { sites, mut clients } = self;
        let mut sites = Some(sites);
        let mut serving = Vec::new();
        match end {
            End::Finish => drop(feed.finish(Event::data("end"))),
            End::Revoke => assert_eq!(feed.revoke(|_: &&str| true), 2),
            End::Age => pass(AGE).await,
            End::Drain => serving.extend(sites.take().into_iter().flatten().map(Site::end)),
        }
        let [first, second] = &mut clients[..] else {
            unreachable!("there is a client for each way");
        };
        let got = [first.rest().await, second.rest().await];
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
    let retry = between.seeded(plan.seed);
    Site::start(way, move || {
        let stream = feed.follow(follow.clone()).unwrap();
        stream
            .keep_alive(keep_alive)
            .retry(retry.clone())
            .max_age(AGE)
            .on_drain(Drain::Last(Event::data("drained")))
    })
    .await
}

/// Returns the last.
fn publish(feed: &Feed, rng: &mut Rng, count: usize) -> Option<Cursor> {
    let mut newest = None;
    for number in 0..count {
        let length = match rng.u8(..40) {
            0 => rng.usize(16_300..16_500),
            1 => rng.usize(60_000..200_000),
            2..6 => rng.usize(900..4_200),
            _ => rng.usize(..200),
        };
        let event = Event::data(&format!("{number} {}", "x".repeat(length)));
        newest = Some(feed.publish(Publish::new(event)));
    }
    newest
}

/// Lets time pass, and all that it brings come.
async fn pass(time: Duration) {
    advance(time).await;
    for _ in 0..50 {
        yield_now().await;
    }
}
