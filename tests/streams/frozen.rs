//! Clients that read slowly, or not at all: what they hold is bounded, and who takes nothing for too long is cut off.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use allocation_counter::measure;
use bytes::Bytes;
use peristyle::{
    BoxError, End, Link,
    channel::Sender,
    handler,
    server::{Context, Exchange, IntoResponse, Response},
    sse::{self, Event},
    streaming,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    runtime::Builder,
    time::{Instant, sleep},
};

use crate::{
    protocol::{BOTH, Protocol},
    server::InMemory,
    told::{Tell, told},
};

const KIB: usize = 1024;
const VALUE: usize = 16 * KIB;
/// Of the transport, in one direction.
const ROOM: usize = 64 * KIB;
/// What a stream that nobody reads has produced at most: what the transport holds, what the connection holds, a piece that is
/// on its way to it, and the values of its channel.
const AHEAD: usize = ROOM + 256 * KIB;
/// What such a stream and its connection hold of the heap at most: the same, and buffers to read into.
const HELD: usize = 448 * KIB;

/// Counts what its producers make.
#[derive(Clone, Default)]
struct Made(Arc<AtomicUsize>);

impl Made {
    fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes, Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

type Kind = fn(Made, Tell) -> Result<Response, BoxError>;

const KINDS: [Kind; 3] = [bytes, lines, events];

/// Endless, each value with memory of its own.
fn bytes(made: Made, tell: Tell) -> Result<Response, BoxError> {
    let streaming = streaming::produce(2, |values: Sender<Bytes>| async move {
        loop {
            values.send(Bytes::from(vec![0; VALUE])).await?;
            made.add(VALUE);
        }
        #[expect(unreachable_code, reason = "names the error type")]
        Ok::<_, BoxError>(())
    });
    streaming.on_end(tell.end()).into_response().into_response()
}

/// The same in small values.
fn lines(made: Made, tell: Tell) -> Result<Response, BoxError> {
    const LINE: &str = "a line of some length\n";
    let lines = std::iter::repeat_with(move || {
        made.add(LINE.len());
        LINE.to_owned()
    });
    let streaming = streaming::from_iter(lines);
    streaming.on_end(tell.end()).into_response().into_response()
}

fn events(made: Made, tell: Tell) -> Result<Response, BoxError> {
    let stream = sse::produce(2, |events| async move {
        let data = "a".repeat(VALUE);
        loop {
            events.send(Event::data(&data)).await?;
            made.add(VALUE);
        }
        #[expect(unreachable_code, reason = "names the error type")]
        Ok::<_, BoxError>(())
    });
    stream.on_end(tell.end()).into_response().into_response()
}

fn serving(kind: Kind, made: &Made, tell: &Tell) -> Link<Exchange> {
    let (made, tell) = (made.clone(), tell.clone());
    handler(move |_: &mut Context| kind(made.clone(), tell.clone()))
}

async fn asking(server: &InMemory, protocol: Protocol) -> DuplexStream {
    let mut io = server.connect(ROOM).await;
    let request = [protocol.preface(), &protocol.get("/", 1)].concat();
    io.write_all(&request).await.unwrap();
    io
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_holds_its_producer_and_is_cut_off_after_30_seconds() {
    for kind in KINDS {
        for protocol in BOTH {
            let (made, (tell, mut ends)) = (Made::default(), told());
            let server = InMemory::start(serving(kind, &made, &tell));
            let start = Instant::now();
            let io = asking(&server, protocol).await;
            sleep(Duration::from_secs(1)).await;
            let before = made.bytes();
            sleep(Duration::from_secs(28)).await;
            ends.assert_none();
            assert_eq!(made.bytes(), before, "nothing is made while it waits");
            assert_eq!(ends.next(start).await, (End::Stalled, 30), "{protocol:?}");
            // What wakes the connection to end it lets it fill its own buffer once more.
            let all = made.bytes();
            assert!((1..=AHEAD).contains(&all), "{protocol:?}: {all}");
            drop(io);
            server.ended().await;
            ends.assert_none();
        }
    }
}

/// Over HTTP/2 the window of the client closes first.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_sets_the_pace_and_is_not_cut_off() {
    for kind in KINDS {
        let (made, (tell, mut ends)) = (Made::default(), told());
        let server = InMemory::start(serving(kind, &made, &tell));
        let mut io = asking(&server, Protocol::Http1).await;
        let mut read = 0;
        let mut buffer = vec![0; 4 * KIB];
        for _ in 0..100 {
            sleep(Duration::from_secs(20)).await;
            io.read_exact(&mut buffer).await.unwrap();
            read += buffer.len();
            assert!(made.bytes() <= read + AHEAD, "{} of {read}", made.bytes());
        }
        ends.assert_none();
        assert!(made.bytes() > read / 2, "{} of {read}", made.bytes());
        drop(io);
        server.ended().await;
    }
}

/// How much of the heap the clients hold who ask and read nothing.
fn held(kind: Kind, protocol: Protocol, clients: usize) -> usize {
    let allocated = measure(|| {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (made, (tell, _ends)) = (Made::default(), told());
            let server = InMemory::start(serving(kind, &made, &tell));
            let mut all = Vec::new();
            for _ in 0..clients {
                all.push(asking(&server, protocol).await);
            }
            sleep(Duration::from_secs(20)).await;
            drop(all);
            server.ended().await;
        });
    });
    usize::try_from(allocated.bytes_max).unwrap()
}

#[test]
fn the_heap_that_a_client_holds_who_reads_nothing_is_bounded() {
    const CLIENTS: usize = 8;
    for kind in KINDS {
        for protocol in BOTH {
            let each = held(kind, protocol, CLIENTS) / CLIENTS;
            assert!(each < HELD, "{protocol:?}: {} KiB", each / KIB);
        }
    }
}
