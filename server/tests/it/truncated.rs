//! Requests that stop at every byte: what came whole is answered, and nothing else.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use peristyle_core::{BoxError, handler};
use peristyle_server::{Context, Route, Router, Routes};
use tokio::io::AsyncWriteExt;

use crate::{
    hostile::statuses,
    support::{Client, GET, Running, get, soon},
};

const LENGTH: &str = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 12\r\n\r\nGET / \r\n\r\n\r\n";

const CHUNKS: &str = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n\
    3;a=b\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nx: y\r\nz:\r\n\r\n";

const EXPECT: &str =
    "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\nabc";

const EXPECT_CHUNKS: &str = "POST / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\n\
    transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";

const UPGRADE: &str = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\n\
    upgrade: h2c, websocket\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n";

const OLD: &str = "POST / HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nabc";

/// Requests that a client sends one after the other without a wait.
const SENT: &[&[&str]] = &[
    &[GET],
    &[LENGTH],
    &[CHUNKS],
    &[EXPECT],
    &[EXPECT_CHUNKS],
    &[UPGRADE],
    &[OLD],
    &[GET, GET],
    &[GET, LENGTH, GET],
    &[CHUNKS, "\r\nOPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n", CHUNKS],
    &[UPGRADE, CHUNKS],
];

/// What was sent before the client stopped.
struct Cut {
    sent: String,
    /// The answers to what is in it from the first byte to the last, then the one to the rest: half a body is an error, half a
    /// head is nothing (RFC 9112, section 8).
    answers: Vec<u16>,
    /// How many of the bodies in it are whole.
    whole: usize,
}

fn cuts(requests: &[&str]) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let (mut before, mut answers) = (String::new(), Vec::new());
    for request in requests {
        let good = if request.contains("OPTIONS") {
            204
        } else {
            200
        };
        let head = request.find("\r\n\r\n").unwrap() + 4;
        for at in 0..=request.len() {
            let mut answers = answers.clone();
            answers.extend((at == request.len()).then_some(good));
            answers.extend((head..request.len()).contains(&at).then_some(400));
            cuts.push(Cut {
                sent: format!("{before}{}", &request[..at]),
                whole: answers.iter().filter(|code| **code == 200).count(),
                answers,
            });
        }
        before.push_str(request);
        answers.push(good);
    }
    cuts
}

/// Counts the requests whose bodies were read to the end.
fn router(read: &Arc<AtomicUsize>) -> Router {
    let read = read.clone();
    let counts = move |cx: &mut Context| {
        let read = read.clone();
        let mut body = cx.body().take();
        async move {
            let length = body.bytes().await?.len();
            read.fetch_add(1, Ordering::Relaxed);
            Ok::<_, BoxError>(length.to_string())
        }
    };
    let routes = Routes::new()
        .route(Route::any("/", handler(counts)))
        .get("/after", handler(|_: &mut Context| "after"));
    routes.build().unwrap()
}

/// The final answers, without those of 100.
fn finals(answers: &str) -> Vec<u16> {
    let codes = statuses(answers).unwrap_or_else(|| panic!("{answers:?}"));
    codes.into_iter().filter(|code| *code != 100).collect()
}

async fn goes_on(server: Running) {
    let after = server.answer(get("/after")).await;
    assert!(after.ends_with("\r\n\r\nafter"), "{after}");
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_stops_at_any_byte_and_waits_gets_what_came_whole() {
    for cut in SENT.iter().flat_map(|requests| cuts(requests)) {
        let read = Arc::new(AtomicUsize::new(0));
        let server = Running::start(router(&read)).await;
        let Client(mut socket) = server.connect().await;
        soon(socket.write_all(cut.sent.as_bytes())).await.unwrap();
        socket.shutdown().await.unwrap();
        let answers = finals(&Client(socket).rest().await);
        assert_eq!(answers, cut.answers, "{:?}", cut.sent);
        assert_eq!(read.load(Ordering::Relaxed), cut.whole, "{:?}", cut.sent);
        goes_on(server).await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_at_any_byte_is_taken_for_no_more_than_it_sent() {
    for cut in SENT.iter().flat_map(|requests| cuts(requests)) {
        let read = Arc::new(AtomicUsize::new(0));
        let server = Running::start(router(&read)).await;
        let mut client = server.connect().await;
        client.send(&cut.sent).await;
        drop(client);
        goes_on(server).await;
        assert!(read.load(Ordering::Relaxed) <= cut.whole, "{:?}", cut.sent);
    }
}
