//! A client, from connection to connection.

use std::{
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use fastrand::Rng;
use peristyle_sse::Decoder;
use tokio::time::sleep;

use crate::{
    asked::Asked,
    connection::{self, End, Fate},
    ledger::Account,
    load::Crowd,
};

/// What a client says that has no position to say.
const STRAY: &str = "nowhere-at-all";

pub(crate) struct Client {
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) rng: Rng,
    pub(crate) pace: Pace,
    pub(crate) asked: Asked,
    pub(crate) account: Account,
    pub(crate) decoder: Decoder,
}

/// How a client reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Fast,
    /// It stops for a moment after so many bytes.
    Slow(usize),
    /// It stops now and then for longer than the server waits.
    Frozen(usize),
}

impl Client {
    pub(crate) fn new(crowd: Arc<Crowd>, number: u64, seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let some = rng.usize(2 * 1024..8 * 1024);
        let pace = match number % 20 {
            0 | 1 => Pace::Slow(some),
            2 => Pace::Frozen(8 * some),
            _ => Pace::Fast,
        };
        let mut asked = Asked::draw(&mut rng);
        // Who reads slowly falls behind only if there is much to read.
        while pace != Pace::Fast && !asked.is_everything() {
            asked = Asked::draw(&mut rng);
        }
        Self {
            crowd,
            rng,
            pace,
            account: asked.account(),
            asked,
            decoder: Decoder::new(),
        }
    }

    /// Comes back until it was told that there is nothing more.
    pub(crate) async fn run(mut self) -> Account {
        self.away(0..500).await;
        loop {
            let end = self.connect().await;
            self.crowd.settle(&mut self.account);
            match end {
                End::Done => {
                    self.account.done();
                    return self.account;
                }
                End::Left => {}
                End::Failed => self.away(10..50).await,
            }
            if self.crowd.is_ending() {
                self.away(0..20).await;
                continue;
            }
            if self.rng.u8(..20) == 0 {
                self.begin_anew();
            }
            match self.rng.u8(..10) {
                0 => self.away(1_000..5_000).await,
                _ => self.away(0..30).await,
            }
        }
    }

    async fn connect(&mut self) -> End {
        // Who reads slowly is there for long enough to fall behind.
        let patient = self.pace != Pace::Fast && self.rng.u8(..4) > 0;
        let fate = Fate::draw(&mut self.rng, patient || self.crowd.is_ending());
        let last = self.decoder.last_event_id().to_owned();
        let strays = !self.crowd.is_ending() && self.rng.u8(..50) == 0;
        let last = if strays { STRAY } else { &last };
        self.crowd.counts.connects.fetch_add(1, Relaxed);
        if last.is_empty() {
            self.crowd.counts.newcomers.fetch_add(1, Relaxed);
        } else {
            self.crowd.counts.resumed.fetch_add(1, Relaxed);
        }
        if strays {
            self.account.strayed();
        } else {
            self.account.connected();
        }
        self.decoder.reset();
        let last = last.to_owned();
        match connection::follow(self, &last, fate).await {
            Ok(end) => end,
            Err(error) => {
                // A server that has gone, or is about to.
                let gone = error.is::<std::io::Error>();
                if !gone {
                    self.crowd.fail(&error);
                }
                End::Failed
            }
        }
    }

    /// As another, who asks for something else and knows nothing.
    fn begin_anew(&mut self) {
        self.asked = Asked::draw(&mut self.rng);
        let account = std::mem::replace(&mut self.account, self.asked.account());
        if !account.is_settled() {
            self.crowd.leave(account);
        }
        self.decoder = Decoder::new();
    }

    async fn away(&mut self, millis: std::ops::Range<u64>) {
        let millis = self.rng.u64(millis);
        sleep(Duration::from_millis(millis)).await;
    }
}
