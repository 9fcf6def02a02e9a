//! What one client can make a server do, and hold for it. Clients, server and time are in one thread, so that all of its memory counts.

use std::{
    future::{Future, pending},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use allocation_counter::measure;
use bytes::{Bytes, BytesMut};
use http_body::Frame;
use peristyle_core::{BoxError, Link, handler};
use peristyle_server::{Body, Context, Ended, Exit, Response, Router, Routes, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    runtime::Builder,
    sync::mpsc,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

use crate::{
    frames::{self, PREFACE, frame},
    hostile_h2::Answers,
    support::{InMemory, Waits, answer_over},
};

const HOUR: Duration = Duration::from_secs(3600);
const KIB: usize = 1024;

/// How many KiB are allocated at once while this runs, its clock paused.
fn held<F: Future<Output = ()>>(run: impl FnOnce() -> F) -> usize {
    let allocated = measure(|| {
        let runtime = Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run());
    });
    usize::try_from(allocated.bytes_max).unwrap() / KIB
}

fn started(routes: Routes, set: impl FnOnce(Server) -> Server) -> InMemory {
    InMemory::start(routes.build().unwrap(), set)
}

fn defaults(server: Server) -> Server {
    server
}

fn hello() -> Routes {
    Routes::new().get("/", handler(|_: &mut Context| "hello"))
}

/// What comes, in the words of the hostile tables: so many, or all up to the connection's end.
async fn words(client: &mut DuplexStream, most: usize) -> Vec<String> {
    let mut read = BytesMut::new();
    let mut answers = Answers::default();
    while answers.words.len() < most {
        let more = timeout(HOUR, client.read_buf(&mut read)).await;
        if more.unwrap().unwrap() == 0 {
            break;
        }
        answers.take(&mut read);
    }
    answers.words
}

const CLIENTS: usize = 8;
const LARGE: usize = 50_000_000;
/// No divisor of any buffer.
const PIECE: usize = 50_000;

/// Part of the program: the heap is what the server adds to it.
static WHOLE: [u8; LARGE] = [0; LARGE];

/// Makes as much in pieces, each on the heap, and counts what was asked for.
struct Made {
    left: usize,
    made: Arc<AtomicUsize>,
}

impl http_body::Body for Made {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        self.left -= PIECE;
        self.made.fetch_add(PIECE, Ordering::Relaxed);
        let piece = (self.left > 0).then(|| Ok(Frame::data(vec![7; PIECE].into())));
        Poll::Ready(piece)
    }
}

type Ends = mpsc::Receiver<(Instant, Exit)>;

/// A resource of 50 MB, the ends of its exchanges, and what was made for them.
fn large(streamed: bool) -> (Router, Ends, Arc<AtomicUsize>) {
    let (tell, told) = mpsc::channel(CLIENTS);
    let made = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&made);
    let answer = handler(move |cx: &mut Context| {
        let tell = tell.clone();
        cx.on_ended(move |ended: &Ended| {
            tell.try_send((Instant::now(), ended.exit())).unwrap();
        });
        let made = Arc::clone(&count);
        Response::new(if streamed {
            Body::new(Made { left: LARGE, made })
        } else {
            Bytes::from_static(&WHOLE).into()
        })
    });
    let routes = Routes::new().get("/", answer);
    (routes.build().unwrap(), told, made)
}

/// A client that asks for all of it.
struct Unread {
    what: &'static str,
    request: Vec<u8>,
    /// It reads its socket, and does not open the windows of HTTP/2.
    reads: bool,
}

fn unread() -> [Unread; 3] {
    let framed = |what, frames, reads| Unread {
        what,
        request: frames::encoded(frames),
        reads,
    };
    let http1 = Unread {
        what: "HTTP/1.1",
        request: crate::support::GET.into(),
        reads: false,
    };
    let window =
        "preface [SETTINGS 00 0: 0004 7fffffff] [WINDOW_UPDATE 00 0: 7fff0000] [HEADERS 05 1: get]";
    [
        http1,
        framed("HTTP/2, a window of 2 GiB and a full socket", window, false),
        framed(
            "HTTP/2, a full window",
            "preface settings [HEADERS 05 1: get]",
            true,
        ),
    ]
}

/// Eight such clients, up to the end of what they asked for.
async fn never_read(client: &Unread, streamed: bool) {
    let (router, mut ends, made) = large(streamed);
    let server = InMemory::start(router, defaults);
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let mut io = server.connect(16 * KIB).await;
        io.write_all(&client.request).await.unwrap();
        let reads = client.reads;
        clients.spawn(async move {
            let mut read = [0; 4096];
            while reads && io.read(&mut read).await.is_ok_and(|length| length > 0) {}
            pending::<()>().await;
        });
    }
    for _ in 0..CLIENTS {
        let (ended, exit) = timeout(HOUR, ends.recv()).await.unwrap().unwrap();
        assert_eq!((ended - started).as_secs(), 30, "{}", client.what);
        assert_eq!(exit, Exit::Aborted, "{}", client.what);
    }
    let each = made.load(Ordering::Relaxed) / CLIENTS;
    assert!(
        each <= 256 * KIB,
        "{}: {each} bytes were made for each",
        client.what
    );
}

#[test]
fn clients_that_never_read_hold_little_and_are_cut_off() {
    for client in unread() {
        for streamed in [false, true] {
            let held = held(|| never_read(&client, streamed));
            let each = held / CLIENTS;
            assert!(each <= 256, "{}, {streamed}: {each} KiB", client.what);
        }
    }
}

/// As many as a client sends, it never reads what is answered to them.
#[test]
fn frames_that_bring_nothing_are_not_kept_for_a_client_that_reads_nothing() {
    for (what, one) in [
        ("PING", frame(6, &[0; 8])),
        ("SETTINGS", frame(4, &[])),
        ("PRIORITY", vec![0, 0, 5, 2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1]),
        ("RST_STREAM", vec![0, 0, 4, 3, 0, 0, 0, 0, 1, 0, 0, 0, 8]),
        ("WINDOW_UPDATE", frame(8, &[0, 0, 0, 1])),
        ("an unknown frame", frame(42, &[0])),
    ] {
        let held = held(|| async move {
            let server = started(hello(), defaults);
            let mut client = server.connect(16 * KIB).await;
            let start = frames::encoded("preface settings [HEADERS 05 1: get]");
            client.write_all(&start).await.unwrap();
            for _ in 0..20_000 {
                // It waits while the server does not read, and fails when that has given up.
                let _sent = timeout(HOUR, client.write_all(&one)).await.unwrap();
            }
            sleep(HOUR).await;
            client.write_all(&one).await.unwrap_err();
        });
        assert!(held <= 256, "{what}: {held} KiB");
    }
}

/// Two windows and a ping for each frame are three times as many as a client may send for nothing.
#[tokio::test(start_paused = true)]
async fn a_client_that_takes_a_large_answer_in_small_frames_may_go_on() {
    const FRAME: usize = 2048;
    let (router, _ends, _made) = large(false);
    let server = InMemory::start(router, defaults);
    let mut client = server.connect(64 * KIB).await;
    let request = "preface [SETTINGS 00 0: 0004 00000800] [HEADERS 05 1: get]";
    client.write_all(&frames::encoded(request)).await.unwrap();
    let more = "[WINDOW_UPDATE 00 1: 00000800] [WINDOW_UPDATE 00 0: 00000800] [PING 00 0: {8 00}]";
    let more = frames::encoded(more);
    let mut taken = 0;
    while taken < 10_000 * FRAME {
        let mut head = [0; 9];
        timeout(HOUR, client.read_exact(&mut head))
            .await
            .unwrap()
            .unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        client.read_exact(&mut payload).await.unwrap();
        if head[3] == 0 {
            taken += payload.len();
            client.write_all(&more).await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_open_when_a_client_sends_too_many_frames_is_aborted() {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, mut drops) = mpsc::channel(1);
    let waits = Link::new(Waits { entered, dropped });
    let server = started(Routes::new().get("/", waits), defaults);
    let mut client = server.connect(1 << 20).await;
    let request = "preface settings [HEADERS 05 1: get] {10001 [PRIORITY 00 1: 00000000 10]}";
    client.write_all(&frames::encoded(request)).await.unwrap();
    let disconnected = entering.recv().await.unwrap();
    assert_eq!(timeout(HOUR, disconnected).await.unwrap(), Exit::Aborted);
    timeout(HOUR, drops.recv()).await.unwrap().unwrap();
    assert_eq!(words(&mut client, 1).await, ["goaway11"]);
}

/// What a reset stream was waiting for is dropped at once, and one client can only do it so often.
#[test]
fn streams_that_are_opened_and_reset_leave_nothing_and_come_to_an_end() {
    let held = held(|| async {
        let (dropped, mut drops) = mpsc::channel(1);
        let (entered, mut entering) = mpsc::channel(1);
        let waits = Link::new(Waits { entered, dropped });
        let server = started(Routes::new().get("/", waits), defaults);
        let mut client = server.connect(16 * KIB).await;
        client
            .write_all(&frames::encoded("preface settings"))
            .await
            .unwrap();
        let others = frames::encoded("{1000 [PRIORITY 00 1: 00000000 10]}");
        for _ in 0..9 {
            client.write_all(&others).await.unwrap();
        }
        let mut accepted = 0;
        for stream in (1_u32..).step_by(2) {
            let id = stream.to_be_bytes();
            let open = [&[0, 0, 6, 1, 5], &id[..], b"\x82\x84\x86\x41\x01a"].concat();
            let reset = [&[0, 0, 4, 3, 0], &id[..], &[0, 0, 0, 8]].concat();
            client.write_all(&open).await.unwrap();
            if timeout(HOUR, entering.recv()).await.is_err() {
                break;
            }
            accepted += 1;
            client.write_all(&reset).await.unwrap();
            drops.recv().await.unwrap();
            if accepted > 1000 {
                break;
            }
        }
        let words = words(&mut client, 1).await;
        assert_eq!((accepted, words), (1000, vec!["goaway11".to_owned()]));
    });
    assert!(held <= 256, "{held} KiB");
}

/// The first answer to frames, or to a request of HTTP/1.1.
async fn answers(routes: Routes, set: impl FnOnce(Server) -> Server, request: &[u8]) -> String {
    let server = started(routes, set);
    let mut client = server.connect(64 * KIB).await;
    if request.starts_with(PREFACE) {
        client.write_all(request).await.unwrap();
        return words(&mut client, 1).await.concat();
    }
    let answer = answer_over(client, request).await;
    answer.lines().next().unwrap_or_default().to_owned()
}

/// Both ask with a header of nine thousand bytes and one more.
fn heads() -> [(Vec<u8>, &'static str, &'static str); 2] {
    let large = "a".repeat(9000);
    let text = format!("GET / HTTP/1.1\r\nx: {large}\r\nhost: a\r\nconnection: close\r\n\r\n");
    let framed = "preface settings [HEADERS 05 1: get 00 01 'x' 7f a9 45 {9000 'a'} 00 01 'y' 00]";
    [
        (
            text.into(),
            "HTTP/1.1 200 OK",
            "HTTP/1.1 431 Request Header Fields Too Large",
        ),
        (frames::encoded(framed), "200@1", "431@1"),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_head_may_have_as_many_bytes_as_are_set_but_not_less_than_8_kib() {
    for (request, taken, refused) in heads() {
        for (limit, answer) in [(0, refused), (8 * KIB, refused), (10 * KIB, taken)] {
            let set = |server: Server| server.head_limit(limit);
            assert_eq!(answers(hello(), set, &request).await, answer, "{limit}");
        }
        assert_eq!(answers(hello(), defaults, &request).await, taken);
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_may_have_as_many_headers_as_are_set() {
    for ((request, taken, refused), count) in heads().into_iter().zip([3, 2]) {
        for (limit, answer) in [(count, taken), (count - 1, refused)] {
            let set = |server: Server| server.headers_limit(limit);
            assert_eq!(answers(hello(), set, &request).await, answer, "{limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_streams_may_be_open_as_are_set_and_one_more_is_refused() {
    async fn length(cx: &mut Context) -> Result<String, BoxError> {
        Ok(cx.body().bytes().await?.len().to_string())
    }
    let request = frames::encoded("preface settings {257 [HEADERS 04 +: post]}");
    for (limit, refused) in [(0, "reset7@3"), (2, "reset7@5"), (256, "reset7@513")] {
        let routes = Routes::new().post("/", handler(length));
        let set = |server: Server| server.streams_limit(limit);
        assert_eq!(answers(routes, set, &request).await, refused);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_of_http_2_is_sent_a_ping_after_the_interval_that_is_set() {
    const DAY: u64 = 24 * 60 * 60;
    for (interval, seconds) in [
        (Duration::from_secs(5), 5),
        (Duration::ZERO, 1),
        (Duration::MAX, DAY),
    ] {
        let (entered, mut entering) = mpsc::channel(1);
        let (dropped, _drops) = mpsc::channel(1);
        let waits = Link::new(Waits { entered, dropped });
        let set = |server: Server| server.ping_interval(interval);
        let server = started(Routes::new().get("/", waits), set);
        let mut client = server.connect(KIB).await;
        let request = frames::encoded("preface settings [HEADERS 05 1: get]");
        client.write_all(&request).await.unwrap();
        let started = Instant::now();
        let disconnected = entering.recv().await.unwrap();
        disconnected.await;
        assert_eq!(started.elapsed().as_secs(), seconds + 20);
    }
}
