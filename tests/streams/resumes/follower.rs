//! One who follows, from connection to connection.

use std::{iter, mem, ops::ControlFlow, sync::Arc};

use fastrand::Rng;
use peristyle::sse::Decoder;

use super::{
    served::{GAP, GROUP, START, TOPICS, gap, position, query, topic},
    world::{World, pause},
};
use crate::{
    client::{Client, WAYS},
    ledger::{Account, Lag},
};

/// What one says who has no position to say.
const STRAY: &str = "nowhere-at-all";

pub(super) struct Follower {
    world: Arc<World>,
    rng: Rng,
    asked: Asked,
    account: Account,
    decoder: Decoder,
}

impl Follower {
    pub(super) fn new(world: Arc<World>, mut rng: Rng) -> Self {
        let asked = Asked::draw(&mut rng);
        Self {
            world,
            rng,
            account: asked.account(),
            asked,
            decoder: Decoder::new(),
        }
    }

    /// Comes back until it was told that there is nothing more.
    pub(super) async fn run(mut self) -> Account {
        while self.connect().await.is_continue() {
            self.world.settle(&mut self.account);
            if self.world.is_ending() {
                pause(&mut self.rng, 1..50).await;
                continue;
            }
            if self.rng.u8(..20) == 0 {
                self.begin_anew();
            }
            match self.rng.u8(..5) {
                0 => pause(&mut self.rng, 1..3_000).await,
                _ => pause(&mut self.rng, 1..50).await,
            }
        }
        self.account
    }

    /// Until the stream ends or the client has had enough of it.
    async fn connect(&mut self) -> ControlFlow<()> {
        let (protocol, leaving) = WAYS[self.rng.usize(..WAYS.len())];
        let Some(io) = self.world.door().connect(self.rng.usize(128..4_096)).await else {
            return ControlFlow::Continue(());
        };
        let path = self.path();
        let Ok(mut client) = Client::over(io, protocol, &path).await else {
            return ControlFlow::Continue(());
        };
        // Nothing goes wrong that would take the answer away: a stream has a comment, at least.
        let mut last = self.world.is_ending();
        let (slow, mut left) = (self.rng.u8(..3) == 0, self.rng.usize(..200));
        while left > 0 || self.world.is_ending() {
            let Some(piece) = client.more().await else {
                return self.ended(last);
            };
            last = false;
            self.take(&piece);
            left = left.saturating_sub(1);
            if slow && !self.world.is_ending() {
                pause(&mut self.rng, 1..300).await;
            }
        }
        // What came last may have been a part of an event.
        let _connection = client.leave(leaving).await;
        ControlFlow::Continue(())
    }

    fn ended(&mut self, last: bool) -> ControlFlow<()> {
        if !last {
            return ControlFlow::Continue(());
        }
        self.account.done();
        ControlFlow::Break(())
    }

    fn path(&mut self) -> String {
        self.decoder.reset();
        let strays = !self.world.is_ending() && self.rng.u8(..30) == 0;
        if strays {
            self.account.strayed();
        } else {
            self.account.connected();
        }
        let last = if strays {
            STRAY
        } else {
            self.decoder.last_event_id()
        };
        query(&self.asked.topics, self.asked.lag, last)
    }

    fn take(&mut self, mut piece: &[u8]) {
        while let Some(event) = self.decoder.decode(&mut piece).unwrap() {
            let at = position(event.id().parse().unwrap());
            match event.event() {
                START => self.account.start(at),
                GAP => self.account.gap(gap(event.data())),
                _ => self.account.event(at),
            }
        }
    }

    /// As another, who asks for something else and knows nothing.
    fn begin_anew(&mut self) {
        self.asked = Asked::draw(&mut self.rng);
        let account = mem::replace(&mut self.account, self.asked.account());
        self.world.leave(account);
        self.decoder = Decoder::new();
    }
}

/// What a follower asks for.
struct Asked {
    /// Names or patterns; none is all.
    topics: Vec<String>,
    /// A bit for each topic.
    bits: u64,
    exact: bool,
    lag: Lag,
}

impl Asked {
    fn draw(rng: &mut Rng) -> Self {
        let (topics, bits) = match rng.u8(..3) {
            0 => (Vec::new(), u64::MAX),
            1 => names(rng),
            _ => group(rng),
        };
        Self {
            exact: topics.iter().any(|topic| !topic.ends_with('*')),
            topics,
            bits,
            lag: [Lag::Resume, Lag::Gap, Lag::Latest][rng.usize(..3)],
        }
    }

    fn account(&self) -> Account {
        Account::new(self.bits, self.lag, self.exact)
    }
}

fn names(rng: &mut Rng) -> (Vec<String>, u64) {
    let count = rng.usize(1..=4);
    let numbers: Vec<u8> = iter::repeat_with(|| rng.u8(..TOPICS)).take(count).collect();
    let bits = numbers.iter().fold(0, |bits, number| bits | 1 << number);
    (numbers.into_iter().map(topic).collect(), bits)
}

fn group(rng: &mut Rng) -> (Vec<String>, u64) {
    let group = rng.u8(..TOPICS / GROUP);
    let pattern = format!("{}/**", char::from(b'a' + group));
    let bits = ((1 << GROUP) - 1) << (group * GROUP);
    (vec![pattern], bits)
}
