//! The crowd: clients and publishers, and what they share.

use std::{
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use fastrand::Rng;
use peristyle_peers::Failure;
use std::sync::Arc;
use tokio::{runtime::Builder, sync::watch, task::JoinSet, time::timeout};

use crate::{
    client::Client,
    ledger::{Account, Book, Position, Record, Tally},
    options::Options,
    publisher::{self, Pace, Publisher},
    wire::RETAINED,
};

/// How long clients may take, after the last event, to have everything.
const ENDING: Duration = Duration::from_secs(60);

/// Where a server is, and which life of the feed is behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) epoch: u64,
}

/// What was done and what happened, beside what is in the ledger.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) delivered: AtomicU64,
    pub(crate) connects: AtomicU64,
    pub(crate) resumed: AtomicU64,
    /// Clients that began anew, without a position.
    pub(crate) newcomers: AtomicU64,
    pub(crate) closed: AtomicU64,
    pub(crate) reset: AtomicU64,
    pub(crate) in_mid_event: AtomicU64,
    /// Streams that ended with the last chunk, or without.
    pub(crate) clean: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) silent: AtomicU64,
    pub(crate) unacknowledged: AtomicU64,
}

/// What the crowd shares with who watches it.
#[derive(Debug)]
pub(crate) struct Crowd {
    pub(crate) target: watch::Receiver<Target>,
    pub(crate) counts: Counts,
    /// Nothing goes wrong any more: all are to come to the end.
    pub(crate) ending: AtomicBool,
    pub(crate) pace: Pace,
    book: Mutex<Book>,
    tally: Mutex<Tally>,
    /// Of clients that will not come back, and are not settled.
    left: Mutex<Vec<Account>>,
    failures: Mutex<Vec<String>>,
}

impl Crowd {
    pub(crate) fn new(target: watch::Receiver<Target>) -> Self {
        Self {
            target,
            counts: Counts::default(),
            ending: AtomicBool::new(false),
            pace: Pace::default(),
            book: Mutex::new(Book::new(RETAINED.into())),
            tally: Mutex::default(),
            left: Mutex::default(),
            failures: Mutex::default(),
        }
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.ending.load(Relaxed)
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    pub(crate) fn settle(&self, account: &mut Account) {
        account.settle(&self.book(), &mut lock(&self.tally));
    }

    pub(crate) fn leave(&self, account: Account) {
        lock(&self.left).push(account);
    }

    pub(crate) fn enter(&self, entries: impl IntoIterator<Item = (Position, Record)>) {
        let mut book = self.book();
        for (at, record) in entries {
            book.enter(at, record);
        }
    }

    /// Something that must not be, and that no number stands for.
    pub(crate) fn fail(&self, why: &impl ToString) {
        let mut failures = lock(&self.failures);
        if failures.len() < 20 {
            failures.push(why.to_string());
        }
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        lock(&self.failures).clone()
    }

    pub(crate) fn tally(&self) -> Tally {
        lock(&self.tally).clone()
    }

    /// Judges all that is left. Every life of the feed is closed.
    pub(crate) fn close(&self) -> Tally {
        for mut account in lock(&self.left).drain(..) {
            self.settle(&mut account);
            if !account.is_settled() {
                self.fail(&"an account is not settled at the end");
            }
        }
        let mut tally = self.tally();
        tally.close(&self.book());
        tally
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs all of them on one thread, to their end.
pub(crate) fn run(crowd: &Arc<Crowd>, options: &Options) -> Result<(), Failure> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut rng = Rng::with_seed(options.seed);
    runtime.block_on(async {
        let mut clients = JoinSet::new();
        for number in 0..options.clients {
            let client = Client::new(Arc::clone(crowd), number, rng.u64(..));
            clients.spawn(client.run());
        }
        let mut publishers = JoinSet::new();
        for number in 1..=publisher::COUNT {
            let publisher = Publisher::new(Arc::clone(crowd), number, rng.u64(..));
            publishers.spawn(publisher.run());
        }
        publishers.join_all().await;
        publisher::finish(crowd).await?;
        let left = async {
            while let Some(client) = clients.join_next().await {
                crowd.leave(client?);
            }
            Ok::<_, Failure>(())
        };
        if timeout(ENDING, left)
            .await
            .map_or(Ok(()), |left| left)
            .is_err()
            || !clients.is_empty()
        {
            crowd.fail(&format!(
                "{} clients did not come to the end",
                clients.len()
            ));
        }
        Ok(())
    })
}
