//! Clients that come and leave, over and over, at any point: all memory is given back, and every producer learns it once.
//!
//! `cargo xtask load leave` runs this with 100,000 clients.

use std::{
    cell::RefCell,
    env,
    future::pending,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use allocation_counter::measure;
use bytes::Bytes;
use fastrand::Rng;
use peristyle::{
    BoxError, End, Link,
    channel::Sender,
    handler,
    server::{Context, Exchange, IntoResponse, Response},
    sse::{self, Event},
    streaming,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, split},
    runtime::{Builder, Runtime},
    sync::mpsc,
    task::{JoinSet, yield_now},
};

use crate::{
    protocol::{CANCEL, Protocol, RST_STREAM, frame},
    server::InMemory,
};

/// What the seed is of, and how many clients come in all.
const SEED: &str = "PERISTYLE_LEAVE_SEED";
const CLIENTS: &str = "PERISTYLE_LEAVE_CLIENTS";
const FEW: usize = 4_000;
/// The heap is looked at after so many.
const ROUND: usize = 1_000;
/// Room in a connection at most: most producers are blocked soon.
const ROOM: usize = 2048;

/// Few fill what lies between a producer and its client.
const VALUE: usize = 4000;

fn value() -> Bytes {
    Bytes::from(vec![b'a'; VALUE])
}

/// What became of the streams and their producers so far.
#[derive(Default)]
struct Counts {
    begun: AtomicUsize,
    started: AtomicUsize,
    stopped: AtomicUsize,
    left: AtomicUsize,
    otherwise: AtomicUsize,
}

impl Counts {
    fn ended(&self, end: End) {
        let count = match end {
            End::PeerLeft => &self.left,
            _ => &self.otherwise,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    fn of(count: &AtomicUsize) -> usize {
        count.load(Ordering::Relaxed)
    }
}

/// A producer that has started; dropped with it.
struct Producer(Arc<Counts>);

impl Producer {
    fn start(counts: &Arc<Counts>) -> Self {
        counts.started.fetch_add(1, Ordering::Relaxed);
        Self(counts.clone())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        self.0.stopped.fetch_add(1, Ordering::Relaxed);
    }
}

/// A task of its own in the place of a part of the program that outlives the request.
type Beside = mpsc::Sender<(Sender<Bytes>, Producer)>;

/// Streams that never end, one kind after the other.
fn streams(counts: Arc<Counts>, beside: Beside) -> Link<Exchange> {
    handler(move |_: &mut Context| {
        let (ended, started) = (counts.clone(), counts.clone());
        let on_end = move |end| ended.ended(end);
        match counts.begun.fetch_add(1, Ordering::Relaxed) % 5 {
            0 => beside_a_task(&counts, &beside, on_end),
            1 => endless(started, on_end),
            2 => waiting(started, on_end),
            3 => endless_events(started, on_end),
            _ => waiting_events(started, on_end),
        }
    })
}

fn beside_a_task(
    counts: &Arc<Counts>,
    beside: &Beside,
    on_end: impl FnOnce(End) + Send + Sync + 'static,
) -> Result<Response, BoxError> {
    let (sender, streaming) = streaming::channel(4);
    beside.try_send((sender, Producer::start(counts)))?;
    streaming.on_end(on_end).into_response().into_response()
}

fn endless(
    counts: Arc<Counts>,
    on_end: impl FnOnce(End) + Send + Sync + 'static,
) -> Result<Response, BoxError> {
    let streaming = streaming::produce(4, |lines| async move {
        let _started = Producer::start(&counts);
        loop {
            lines.send(value()).await?;
        }
        #[expect(unreachable_code, reason = "names the error type")]
        Ok::<_, BoxError>(())
    });
    streaming.on_end(on_end).into_response().into_response()
}

fn waiting(
    counts: Arc<Counts>,
    on_end: impl FnOnce(End) + Send + Sync + 'static,
) -> Result<Response, BoxError> {
    let streaming = streaming::produce(4, |lines| async move {
        let _started = Producer::start(&counts);
        lines.send("one\n").await?;
        pending::<Result<(), BoxError>>().await
    });
    streaming.on_end(on_end).into_response().into_response()
}

fn endless_events(
    counts: Arc<Counts>,
    on_end: impl FnOnce(End) + Send + Sync + 'static,
) -> Result<Response, BoxError> {
    let stream = sse::produce(4, |events| async move {
        let _started = Producer::start(&counts);
        let data = "a".repeat(VALUE);
        loop {
            events.send(Event::data(&data)).await?;
        }
        #[expect(unreachable_code, reason = "names the error type")]
        Ok::<_, BoxError>(())
    });
    stream.on_end(on_end).into_response().into_response()
}

fn waiting_events(
    counts: Arc<Counts>,
    on_end: impl FnOnce(End) + Send + Sync + 'static,
) -> Result<Response, BoxError> {
    let stream = sse::produce(4, |events| async move {
        let _started = Producer::start(&counts);
        events.send(Event::data("one")).await?;
        pending::<Result<(), BoxError>>().await
    });
    stream.on_end(on_end).into_response().into_response()
}

/// Sends to each that it is given until it is told that the client has left.
async fn send_beside(mut given: mpsc::Receiver<(Sender<Bytes>, Producer)>) {
    let mut tasks = JoinSet::new();
    loop {
        tokio::select! {
            Some(ended) = tasks.join_next() => ended.unwrap(),
            Some((sender, producer)) = given.recv() => {
                tasks.spawn(async move {
                    let _producer = producer;
                    let refused = loop {
                        if let Err(error) = sender.send(value()).await {
                            break error;
                        }
                    };
                    assert_eq!(refused.end(), Some(End::PeerLeft));
                });
            }
            else => return,
        }
    }
}

/// What clients do comes from a seed alone.
struct Crowd {
    rng: Rng,
    server: InMemory,
    beside: JoinSet<()>,
    counts: Arc<Counts>,
}

impl Crowd {
    fn new(seed: u64) -> Self {
        let counts = Arc::new(Counts::default());
        let (given, take) = mpsc::channel(64);
        let server = InMemory::start(streams(counts.clone(), given));
        let mut beside = JoinSet::new();
        beside.spawn(send_beside(take));
        Self {
            rng: Rng::with_seed(seed),
            server,
            beside,
            counts,
        }
    }

    /// So many clients come, and leave. Returns when the server has seen it.
    async fn round(&mut self, clients: usize) {
        let mut left = 0;
        while left < clients {
            left += match self.rng.u8(..3) {
                0 => self.one(Protocol::Http1).await,
                1 => self.one(Protocol::Http2).await,
                _ => self.several().await,
            };
        }
        settled().await;
    }

    /// A client that leaves with its connection: before its request is whole, before the head of the response, within that,
    /// or somewhere in the body.
    async fn one(&mut self, protocol: Protocol) -> usize {
        let mut io = self.connect().await;
        let mut request = [protocol.preface(), &protocol.get("/", 1)].concat();
        if self.rng.u8(..8) == 0 {
            request.truncate(self.rng.usize(..request.len()));
        }
        self.send(&mut io, &request).await;
        self.read(&mut io).await;
        1
    }

    /// A client of HTTP/2 that gives up several streams, then its connection and the last stream with it.
    async fn several(&mut self) -> usize {
        let protocol = Protocol::Http2;
        let mut io = self.connect().await;
        let streams = self.rng.u32(2..10);
        self.send(&mut io, protocol.preface()).await;
        for stream in (1..).step_by(2).take(streams as usize) {
            self.send(&mut io, &protocol.get("/", stream)).await;
            self.read(&mut io).await;
            let reset = frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes());
            self.send(&mut io, &reset).await;
        }
        streams as usize
    }

    async fn connect(&mut self) -> DuplexStream {
        let room = self.rng.usize(64..ROOM);
        self.server.connect(room).await
    }

    /// A server that is blocked reads no more.
    async fn send(&self, io: &mut DuplexStream, bytes: &[u8]) {
        let mut sink = [0; 256];
        let (mut reader, mut writer) = split(io);
        let mut write = pin!(writer.write_all(bytes));
        loop {
            tokio::select! {
                biased;
                written = &mut write => return written.unwrap(),
                read = reader.read(&mut sink) => assert_ne!(read.unwrap(), 0),
            }
        }
    }

    /// Takes some of what comes, nothing for instance.
    async fn read(&mut self, io: &mut DuplexStream) {
        let mut buffer = [0; 64];
        for _ in 0..self.rng.u8(..12) {
            let length = self.rng.usize(1..=buffer.len());
            let read = io.read(&mut buffer[..length]);
            tokio::select! {
                biased;
                read = read => assert_ne!(read.unwrap(), 0),
                () = settled() => return,
            }
        }
    }

    fn assert_all_learned(&self) {
        let counts = &*self.counts;
        let begun = Counts::of(&counts.begun);
        assert_eq!(
            Counts::of(&counts.left),
            begun,
            "streams that ended, of all"
        );
        assert_eq!(Counts::of(&counts.otherwise), 0, "no other reason");
        assert_eq!(Counts::of(&counts.stopped), Counts::of(&counts.started));
    }
}

/// Lets every task come to where it waits. All is in one thread, and nothing waits for anything outside of it.
async fn settled() {
    for _ in 0..12 {
        yield_now().await;
    }
}

fn runtime() -> Runtime {
    let mut builder = Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().unwrap()
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |value| value.parse().unwrap())
}

#[test]
#[expect(clippy::print_stderr, reason = "who sees it fail runs its seed again")]
fn the_heap_is_as_it_was_after_each_thousand_clients_that_left() {
    let seed = number(SEED, 7);
    let rounds = usize::try_from(number(CLIENTS, FEW as u64)).unwrap() / ROUND;
    eprintln!("{SEED}={seed}");
    let runtime = runtime();
    let crowd = RefCell::new(runtime.block_on(async { Crowd::new(seed) }));
    for round in 0..rounds {
        let held = measure(|| runtime.block_on(crowd.borrow_mut().round(ROUND)));
        crowd.borrow().assert_all_learned();
        // The first one makes room in lists that keep it.
        if round > 0 {
            let live = (held.count_current, held.bytes_current);
            assert_eq!(live, (0, 0), "{held:?} in round {round}");
        }
    }
    let begun = Counts::of(&crowd.borrow().counts.begun);
    assert!(
        begun > rounds * ROUND / 2,
        "most requests were whole: {begun}"
    );
    let Crowd { server, beside, .. } = crowd.into_inner();
    runtime.block_on(async {
        server.ended().await;
        beside.join_all().await;
    });
}
