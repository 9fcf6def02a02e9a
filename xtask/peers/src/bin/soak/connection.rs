//! One connection of a client: what it asks, what comes, and how it is cut off.

use std::{io, sync::atomic::Ordering::Relaxed, time::Duration};

use fastrand::Rng;
use peristyle_peers::Failure;
use peristyle_sse::MessageEvent;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    client::{Client, Pace},
    ledger::{Position, Record},
    load::Crowd,
    response::Response,
    wire::{self, GAP, START},
};

/// A stream is never silent for so long.
const SILENCE: Duration = Duration::from_secs(20);
/// Who closes one way waits so long for the other.
const CLOSING: Duration = Duration::from_millis(200);
/// Of who reads slowly.
const RECEIVE_BUFFER: u32 = 4 * 1024;
const BUFFER: usize = 16 * 1024;
/// A client's account is judged after so many events.
const SOME: u64 = 256;

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The client left, or the server ended the stream.
    Left,
    /// There will be nothing more.
    Done,
    /// There was no stream.
    Failed,
}

/// What a client does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Stay,
    /// After so many bytes.
    Close(usize),
    Reset(usize),
}

impl Fate {
    pub(crate) fn draw(rng: &mut Rng, stays: bool) -> Self {
        // Many short ones, and some long.
        let most = 1 << rng.u32(8..20);
        let bytes = rng.usize(1..most);
        match rng.u8(..10) {
            _ if stays => Self::Stay,
            0..3 => Self::Close(bytes),
            3..6 => Self::Reset(bytes),
            _ => Self::Stay,
        }
    }

    fn after(self) -> Option<usize> {
        match self {
            Self::Stay => None,
            Self::Close(bytes) | Self::Reset(bytes) => Some(bytes),
        }
    }
}

pub(crate) async fn follow(client: &mut Client, last: &str, fate: Fate) -> Result<End, Failure> {
    let mut stream = open(client, last).await?;
    let mut reading = Reading::new(fate.after());
    let end = reading.run(client, &mut stream).await;
    client.crowd.enter(reading.entries.drain(..));
    if let Some(end) = end? {
        return Ok(end);
    }
    leave(&client.crowd, stream, fate).await?;
    Ok(End::Left)
}

async fn open(client: &Client, last: &str) -> io::Result<TcpStream> {
    let target = *client.crowd.target.borrow();
    let socket = TcpSocket::new_v4()?;
    if client.pace != Pace::Fast {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    let mut stream = socket.connect(target.address).await?;
    let query = client.asked.query();
    let last = match last {
        "" => String::new(),
        last => format!("last-event-id: {last}\r\n"),
    };
    let request = format!("GET /events?{query} HTTP/1.1\r\nhost: a\r\n{last}\r\n");
    stream.write_all(request.as_bytes()).await?;
    Ok(stream)
}

/// Cuts the connection off, with a reset or without.
async fn leave(crowd: &Crowd, mut stream: TcpStream, fate: Fate) -> io::Result<()> {
    if let Fate::Reset(_) = fate {
        crowd.counts.reset.fetch_add(1, Relaxed);
        return stream.set_zero_linger();
    }
    crowd.counts.closed.fetch_add(1, Relaxed);
    stream.shutdown().await?;
    // What is dropped unread would make a reset of it.
    let mut unread = [0; 1024];
    let rest = async { while matches!(stream.read(&mut unread).await, Ok(1..)) {} };
    let _late = timeout(CLOSING, rest).await;
    Ok(())
}

/// What is read of a stream.
struct Reading {
    response: Response,
    buffer: Vec<u8>,
    /// How many bytes it reads before it leaves.
    left: Option<usize>,
    /// Since it stopped last.
    read: usize,
    /// Since its account was judged last.
    events: u64,
    /// Not in the book yet.
    entries: Vec<(Position, Record)>,
    /// Something of an event has come, and not all.
    within: bool,
}

impl Reading {
    fn new(left: Option<usize>) -> Self {
        Self {
            response: Response::new(),
            buffer: vec![0; BUFFER],
            left,
            read: 0,
            events: 0,
            entries: Vec::new(),
            within: false,
        }
    }

    /// `None` when the client is to leave.
    async fn run(
        &mut self,
        client: &mut Client,
        stream: &mut TcpStream,
    ) -> Result<Option<End>, Failure> {
        loop {
            if self.left == Some(0) {
                client
                    .crowd
                    .counts
                    .in_mid_event
                    .fetch_add(self.within.into(), Relaxed);
                return Ok(None);
            }
            self.pause(client).await;
            let most = self.left.unwrap_or(BUFFER).min(BUFFER);
            let Ok(read) = timeout(SILENCE, stream.read(&mut self.buffer[..most])).await else {
                client.crowd.counts.silent.fetch_add(1, Relaxed);
                return Ok(Some(End::Left));
            };
            let read = match read {
                Ok(0) | Err(_) => return self.ended(client).map(Some),
                Ok(read) => read,
            };
            self.left = self.left.map(|left| left - read);
            self.read += read;
            self.take(client, read)?;
            if self.response.is_whole() {
                return self.ended(client).map(Some);
            }
        }
    }

    fn ended(&self, client: &Client) -> Result<End, Failure> {
        let counts = &client.crowd.counts;
        match (self.response.status(), self.response.is_whole()) {
            (Some(200), true) => counts.clean.fetch_add(1, Relaxed),
            (Some(200), false) => counts.cut.fetch_add(1, Relaxed),
            (Some(204), _) => return Ok(End::Done),
            (Some(status), _) => return Err(format!("an answer of {status}").into()),
            (None, _) => {
                counts.refused.fetch_add(1, Relaxed);
                return Ok(End::Failed);
            }
        };
        Ok(End::Left)
    }

    fn take(&mut self, client: &mut Client, read: usize) -> Result<(), Failure> {
        let mut input = &self.buffer[..read];
        while let Some(mut piece) = self.response.body(&mut input)? {
            self.within = !piece.ends_with(b"\n\n");
            while let Some(event) = client.decoder.decode(&mut piece)? {
                self.events += 1;
                note(client, &event, &mut self.entries)?;
            }
        }
        let events = self.entries.len() as u64;
        client.crowd.counts.delivered.fetch_add(events, Relaxed);
        client.crowd.enter(self.entries.drain(..));
        if self.events > SOME {
            self.events = 0;
            client.crowd.settle(&mut client.account);
        }
        Ok(())
    }

    async fn pause(&mut self, client: &mut Client) {
        let (some, millis) = match client.pace {
            Pace::Fast => return,
            Pace::Slow(some) => (some, 100..600),
            Pace::Frozen(some) => (some, 2_500..5_000),
        };
        if self.read < some || client.crowd.is_ending() {
            return;
        }
        self.read = 0;
        let millis = client.rng.u64(millis);
        sleep(Duration::from_millis(millis)).await;
    }
}

fn note(
    client: &mut Client,
    event: &MessageEvent,
    entries: &mut Vec<(Position, Record)>,
) -> Result<(), Failure> {
    match event.event() {
        START => client.account.start(wire::position(event.id())?),
        GAP => client.account.gap(wire::gap(event.data(), event.id())?),
        _ => {
            let at = wire::position(event.id())?;
            entries.push((at, wire::read(event.data())?));
            client.account.event(at);
            client.crowd.pace.note(&client.asked, at);
        }
    }
    Ok(())
}
