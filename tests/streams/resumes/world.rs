//! A feed, its servers one after the other, those who publish and those who follow; time stands still but for what is waited for.

use std::{
    mem,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use fastrand::Rng;
use peristyle::sse::feed::Feed;
use tokio::{
    runtime::Builder,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    follower::Follower,
    served::{RETAINED, TOPICS, feed, position, serving, to_publish},
};
use crate::{
    client::LONGEST,
    ledger::{Account, Book, EVERYONE, Record, Tally},
    server::{Door, InMemory, finished},
};

const FOLLOWERS: usize = 16;
const PUBLISHERS: u16 = 3;
const KEYS: u8 = 3;
const RESTARTS: u64 = 9;
/// How long a server lasts, in milliseconds.
const LIFE: Range<u64> = 200..1_500;
pub(super) fn live_through(seed: u64) -> Tally {
    let mut runtime = Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let mut rng = Rng::with_seed(seed);
        let (world, mut servers) = start();
        let mut publishers = JoinSet::new();
        for name in 1..=PUBLISHERS {
            publishers.spawn(publish(Arc::clone(&world), name, rng.fork()));
        }
        let mut followers = JoinSet::new();
        for _ in 0..FOLLOWERS {
            followers.spawn(Follower::new(Arc::clone(&world), rng.fork()).run());
        }
        servers.live(&mut rng).await;
        world.ending.store(true, Relaxed);
        publishers.join_all().await;
        world.finish();
        let done = timeout(LONGEST, followers.join_all()).await;
        let accounts = done.expect("each comes to the end");
        servers.end().await;
        world.judge(accounts)
    })
}

async fn publish(world: Arc<World>, publisher: u16, mut rng: Rng) {
    let mut number = 0;
    while !world.is_ending() {
        for _ in 0..rng.u8(1..8) {
            number += 1;
            world.publish(Record {
                topic: rng.u8(..=TOPICS),
                key: rng.bool().then(|| rng.u8(..KEYS)),
                publisher,
                number,
            });
        }
        pause(&mut rng, 1..40).await;
    }
}

pub(super) async fn pause(rng: &mut Rng, millis: Range<u64>) {
    sleep(Duration::from_millis(rng.u64(millis))).await;
}

/// What there is at the moment, and what was noted.
pub(super) struct World {
    now: Mutex<(Feed, Door)>,
    book: Mutex<Book>,
    tally: Mutex<Tally>,
    /// Of followers that will not come back.
    left: Mutex<Vec<Account>>,
    ending: AtomicBool,
}

impl World {
    /// Nothing goes wrong any more.
    pub(super) fn is_ending(&self) -> bool {
        self.ending.load(Relaxed)
    }

    pub(super) fn door(&self) -> Door {
        self.now.lock().unwrap().1.clone()
    }

    pub(super) fn settle(&self, account: &mut Account) {
        account.settle(&self.book.lock().unwrap(), &mut self.tally.lock().unwrap());
    }

    pub(super) fn leave(&self, account: Account) {
        self.left.lock().unwrap().push(account);
    }

    fn publish(&self, record: Record) -> u64 {
        let cursor = self.now.lock().unwrap().0.publish(to_publish(record));
        let mut book = self.book.lock().unwrap();
        book.enter(position(cursor), record);
        cursor.epoch().number()
    }

    /// Nobody publishes any more.
    fn finish(&self) {
        let epoch = self.publish(Record {
            topic: EVERYONE,
            key: None,
            publisher: 0,
            number: 1,
        });
        self.book.lock().unwrap().close(epoch);
    }

    fn judge(&self, accounts: Vec<Account>) -> Tally {
        let left = mem::take(&mut *self.left.lock().unwrap());
        for mut account in accounts.into_iter().chain(left) {
            self.settle(&mut account);
            assert!(account.is_settled());
        }
        let book = self.book.lock().unwrap();
        assert!(book.published() > 10 * u64::from(RETAINED));
        let mut tally = self.tally.lock().unwrap().clone();
        tally.close(&book);
        assert_eq!(tally.unknown, 0);
        tally
    }
}

/// The server, and those before it that have not ended.
struct Servers {
    world: Arc<World>,
    epoch: u64,
    server: InMemory,
    draining: Vec<JoinSet<()>>,
}

fn start() -> (Arc<World>, Servers) {
    let feed = feed(1);
    let server = InMemory::start(serving(feed.clone()));
    let world = Arc::new(World {
        now: Mutex::new((feed, server.door())),
        book: Mutex::new(Book::new(RETAINED.into())),
        tally: Mutex::default(),
        left: Mutex::default(),
        ending: AtomicBool::default(),
    });
    let servers = Servers {
        world: Arc::clone(&world),
        epoch: 1,
        server,
        draining: Vec::new(),
    };
    (world, servers)
}

impl Servers {
    async fn live(&mut self, rng: &mut Rng) {
        for restart in 1..=RESTARTS {
            pause(rng, LIFE).await;
            if restart % 3 == 0 {
                self.kill();
            } else {
                self.drain();
            }
        }
        pause(rng, LIFE).await;
    }

    /// Another server of the same feed takes the place of one that drains.
    fn drain(&mut self) {
        let mut now = self.world.now.lock().unwrap();
        let next = InMemory::start(serving(now.0.clone()));
        now.1 = next.door();
        let before = mem::replace(&mut self.server, next);
        self.draining.push(before.end());
    }

    /// Everything is gone at once, the feed too.
    fn kill(&mut self) {
        self.world.book.lock().unwrap().close(self.epoch);
        self.epoch += 1;
        let feed = feed(self.epoch);
        self.server = InMemory::start(serving(feed.clone()));
        *self.world.now.lock().unwrap() = (feed, self.server.door());
        self.draining.clear();
    }

    async fn end(self) {
        self.server.ended().await;
        for server in self.draining {
            finished(server).await;
        }
    }
}
