//! Who publishes: several, each over a connection of its own, as fast as most clients read.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use fastrand::Rng;
use peristyle_peers::Failure;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::{
    asked::Asked,
    ledger::{EVERYONE, Position, Record},
    load::{Crowd, Target},
    response::Response,
    wire::{self, NO_TOPIC, RETAINED},
};

pub(crate) const COUNT: u16 = 4;
/// The greatest number of events in one request.
const BURST: usize = 32;
const KEYS: u8 = 8;
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How often it is tried to publish the last event.
const TRIES: u32 = 100;

/// How far those who read fast are behind what was published.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    epoch: AtomicU64,
    newest: AtomicU64,
    /// Sixteen times the mean.
    behind: AtomicU64,
}

impl Pace {
    /// A client got this event.
    pub(crate) fn note(&self, asked: &Asked, at: Position) {
        if !asked.is_everything() || self.epoch.load(Relaxed) != at.epoch {
            return;
        }
        let behind = self.newest.load(Relaxed).saturating_sub(at.offset);
        let mean = self.behind.load(Relaxed);
        self.behind.store(mean - mean / 16 + behind, Relaxed);
    }

    fn published(&self, at: Position) {
        self.epoch.store(at.epoch, Relaxed);
        self.newest.store(at.offset, Relaxed);
    }

    /// Waits for a moment while they are far behind: but not for long, since they may be gone.
    async fn wait(&self) {
        for _ in 0..100 {
            if self.behind.load(Relaxed) / 16 < u64::from(RETAINED) / 8 {
                return;
            }
            sleep(Duration::from_millis(1)).await;
        }
    }
}

pub(crate) struct Publisher {
    crowd: Arc<Crowd>,
    rng: Rng,
    name: u16,
    /// Of the next event.
    number: u32,
    connection: Option<(TcpStream, Target)>,
}

impl Publisher {
    pub(crate) fn new(crowd: Arc<Crowd>, name: u16, seed: u64) -> Self {
        Self {
            crowd,
            rng: Rng::with_seed(seed),
            name,
            number: 1,
            connection: None,
        }
    }

    pub(crate) async fn run(mut self) {
        while !self.crowd.is_ending() {
            let events = self.draw();
            self.publish(&events).await;
            let millis = self.rng.u64(..4);
            sleep(Duration::from_millis(millis)).await;
            self.crowd.pace.wait().await;
        }
    }

    fn draw(&mut self) -> Vec<(Record, usize)> {
        let count = self.rng.usize(1..=BURST);
        (0..count).map(|_| self.event()).collect()
    }

    /// An event, and how much longer it is than it must be.
    fn event(&mut self) -> (Record, usize) {
        let topic = match self.rng.u8(..20) {
            0 => NO_TOPIC,
            _ => self.rng.u8(..NO_TOPIC),
        };
        let record = Record {
            topic,
            key: self.rng.bool().then(|| self.rng.u8(..KEYS)),
            publisher: self.name,
            number: self.number,
        };
        self.number += 1;
        let more = match self.rng.u8(..100) {
            0 => self.rng.usize(..8 * 1024),
            _ => self.rng.usize(..200),
        };
        (record, more)
    }

    /// Tries until there is an answer, with the same idempotency keys.
    async fn publish(&mut self, events: &[(Record, usize)]) {
        let lines: Vec<_> = events
            .iter()
            .map(|(record, more)| wire::write(*record, *more))
            .collect();
        let body = lines.join("\n");
        loop {
            match self.post(&body).await {
                Ok(answer) => return self.answered(events, &answer),
                Err(_gone) => self.unanswered(events),
            }
            sleep(Duration::from_millis(5)).await;
        }
    }

    async fn post(&mut self, body: &str) -> Result<String, Failure> {
        let target = *self.crowd.target.borrow();
        let known = self
            .connection
            .take()
            .filter(|(_, of)| of.address == target.address);
        let stream = match known {
            Some((stream, _)) => stream,
            None => TcpStream::connect(target.address).await?,
        };
        let (stream, _) = self.connection.insert((stream, target));
        timeout(ANSWER, post(stream, "/publish", body)).await?
    }

    fn answered(&self, events: &[(Record, usize)], answer: &str) {
        let positions: Result<Vec<_>, _> = answer.lines().map(wire::position).collect();
        let positions = match positions {
            Ok(positions) if positions.len() == events.len() => positions,
            _ => {
                return self
                    .crowd
                    .fail(&format!("a publisher was answered `{answer}`"));
            }
        };
        if let Some(last) = positions.last() {
            self.crowd.pace.published(*last);
        }
        let records = events.iter().map(|(record, _)| *record);
        self.crowd.enter(positions.into_iter().zip(records));
    }

    /// They may have been published.
    fn unanswered(&mut self, events: &[(Record, usize)]) {
        let Some((_, target)) = self.connection.take() else {
            return;
        };
        let count = events.len() as u64;
        self.crowd.counts.unacknowledged.fetch_add(count, Relaxed);
        let mut book = self.crowd.book();
        for (record, _) in events {
            book.unacknowledged(target.epoch, *record);
        }
    }
}

/// Publishes the last event, when nobody publishes any more.
pub(crate) async fn finish(crowd: &Crowd) -> Result<(), Failure> {
    let record = Record {
        topic: EVERYONE,
        key: None,
        publisher: 0,
        number: 1,
    };
    let body = wire::write(record, 0);
    for _ in 0..TRIES {
        let target = *crowd.target.borrow();
        let answer = async {
            let mut stream = TcpStream::connect(target.address).await?;
            post(&mut stream, "/finish", &body).await
        };
        if let Ok(Ok(answer)) = timeout(ANSWER, answer).await {
            crowd.enter([(wire::position(&answer)?, record)]);
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err("the feed could not be finished".into())
}

async fn post(stream: &mut TcpStream, path: &str, body: &str) -> Result<String, Failure> {
    let length = body.len();
    let request =
        format!("POST {path} HTTP/1.1\r\nhost: a\r\ncontent-length: {length}\r\n\r\n{body}");
    stream.write_all(request.as_bytes()).await?;
    let (mut response, mut answer) = (Response::new(), Vec::new());
    let mut buffer = [0; 4 * 1024];
    while !response.is_whole() {
        let read = stream.read(&mut buffer).await?;
        if read == 0 {
            return Err("a publisher was cut off".into());
        }
        let mut input = &buffer[..read];
        while let Some(piece) = response.body(&mut input)? {
            answer.extend(piece);
        }
    }
    match response.status() {
        Some(200) => Ok(String::from_utf8(answer)?),
        status => Err(format!("a publisher was answered with {status:?}").into()),
    }
}
