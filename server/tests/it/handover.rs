//! Sockets that are handed to the bodies of responses.

use std::{
    future::{pending, poll_fn},
    io::{self, Write},
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::HeaderValue;
use http_body::Frame;
use peristyle_core::{
    BoxError, Control, Controlled, End, handler,
    handover::{Framing, Handover, OverSocket, SocketOffer},
};
use peristyle_server::{Body, Context, Exit, Response, Router, Routes, Server};
use tokio::{
    io::AsyncReadExt,
    net::TcpSocket,
    sync::{mpsc, oneshot},
    task::yield_now,
};

use super::support::{Client, GET, Running, finished, request, soon};

/// A body that passes on the socket that it gets, and says that it was polled when it was.
struct Takes(mpsc::Sender<Handover>);

impl OverSocket for Takes {
    fn take(self: Box<Self>, handover: Handover) {
        self.0.try_send(handover).unwrap();
    }
}

impl http_body::Body for Takes {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(Some(Err("it was polled".into())))
    }
}

struct Site {
    server: Running,
    handed: mpsc::Receiver<Handover>,
    exits: mpsc::Receiver<(Exit, u64)>,
    controls: mpsc::Receiver<Controlled>,
}

impl Site {
    async fn start() -> Self {
        Self::with(|_| {}, |server| server).await
    }

    /// Answers what is asked of `/` with such a body, changed by this.
    async fn with(
        change: impl Fn(&mut Response) + Send + Sync + 'static,
        set: impl FnOnce(Server) -> Server,
    ) -> Self {
        let (take, handed) = mpsc::channel(16);
        let (exit, exits) = mpsc::channel(16);
        let (control, controls) = mpsc::channel(16);
        let answer = handler(move |cx: &mut Context| {
            let exit = exit.clone();
            cx.on_ended(move |ended| exit.try_send((ended.exit(), ended.bytes())).unwrap());
            let mut response = Response::new(Body::new(Takes(take.clone())));
            let (host, stream) = Control::new();
            control.try_send(stream).unwrap();
            let extensions = response.extensions_mut();
            extensions.insert(host);
            extensions.insert(SocketOffer::of::<Takes>());
            change(&mut response);
            response
        });
        let hello = handler(|_: &mut Context| "hello");
        let peer = handler(|cx: &mut Context| cx.peer().map(|peer| peer.to_string()).unwrap());
        let routes = Routes::new().get("/", answer.clone()).post("/", answer);
        let table: Router = routes
            .get("/hello", hello)
            .get("/peer", peer)
            .build()
            .unwrap();
        Self {
            server: Running::start_with(table, set).await,
            handed,
            exits,
            controls,
        }
    }

    /// A client that has sent this and read the head, and the socket that its response has.
    async fn handed(&mut self, sent: &str) -> (Client, Handover, String) {
        let mut client = self.server.connect().await;
        client.send(sent).await;
        let head = client.until("\r\n\r\n").await;
        let handover = soon(self.handed.recv()).await.unwrap();
        (client, handover, head)
    }
}

fn write(handover: &mut Handover, framed: &str, bytes: u64) {
    handover.socket.write_all(framed.as_bytes()).unwrap();
    handover.lease.sent(bytes);
}

fn complete(handover: Handover) {
    let Handover {
        socket,
        unread,
        lease,
        ..
    } = handover;
    lease.complete(socket, unread);
}

const HEAD: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

#[tokio::test]
async fn the_head_is_written_and_the_rest_is_the_bodys() {
    let mut site = Site::start().await;
    let (mut client, mut handover, head) = site.handed(GET).await;
    assert_eq!(head, HEAD);
    assert_eq!(handover.framing, Framing::Chunked);
    assert_eq!(handover.unread, b"");
    assert_eq!(handover.write_timeout.as_secs(), 30);
    assert!(handover.span.is_disabled());
    write(&mut handover, "3\r\nabc\r\n0\r\n\r\n", 3);
    assert_eq!(client.until("0\r\n\r\n").await, "3\r\nabc\r\n0\r\n\r\n");
    complete(handover);
    assert_eq!(soon(site.exits.recv()).await, Some((Exit::Served, 3)));
    site.server.ended().await;
}

#[tokio::test]
async fn a_socket_that_comes_back_is_read_on_after_what_was_read_of_it() {
    let mut site = Site::start().await;
    let hello = "GET /hello HTTP/1.1\r\nhost: a\r\n\r\n";
    let (before, after) = hello.split_at(10);
    let (mut client, mut handover, _) = site.handed(&[GET, before].concat()).await;
    write(&mut handover, "0\r\n\r\n", 0);
    client.until("0\r\n\r\n").await;
    // What came with the request may still be in the socket.
    let unread = String::from_utf8(handover.unread.clone()).unwrap();
    assert!(before.starts_with(&unread), "{unread}");
    complete(handover);
    client.send(after).await;
    assert!(
        client
            .until("hello")
            .await
            .starts_with("HTTP/1.1 200 OK\r\n")
    );
    let address = client.0.local_addr().unwrap().to_string();
    client.send(request("GET", "/peer")).await;
    assert!(client.rest().await.ends_with(&address));
    site.server.ended().await;
}

#[tokio::test]
async fn what_a_body_reads_and_gives_back_is_the_beginning_of_the_next_request() {
    let mut site = Site::start().await;
    let (mut client, mut handover, _) = site.handed(GET).await;
    write(&mut handover, "0\r\n\r\n", 0);
    client.until("0\r\n\r\n").await;
    let Handover {
        socket,
        mut unread,
        lease,
        ..
    } = handover;
    unread.extend_from_slice(b"GET /hello HT");
    lease.complete(socket, unread);
    client
        .send("TP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await;
    assert!(client.rest().await.ends_with("hello"));
    site.server.ended().await;
}

#[tokio::test]
async fn every_end_is_told_once_and_closes_what_cannot_go_on() {
    type Finish = fn(Handover);
    let aborts: Finish = |handover| handover.lease.abort(handover.socket);
    let stalls: Finish = |mut handover| handover.lease.stalled();
    let leaves: Finish = drop;
    for (finish, exit, end) in [
        (aborts, Exit::Aborted, End::PeerLeft),
        (stalls, Exit::Aborted, End::Stalled),
        (leaves, Exit::Left, End::PeerLeft),
    ] {
        let mut site = Site::start().await;
        let (mut client, mut handover, _) = site.handed(GET).await;
        write(&mut handover, "3\r\nabc\r\n", 3);
        client.until("abc\r\n").await;
        finish(handover);
        assert_eq!(client.rest().await, "");
        assert_eq!(soon(site.exits.recv()).await, Some((exit, 3)));
        let controlled = site.controls.recv().await.unwrap();
        assert_eq!(controlled.dropped_now(), end);
        site.server.ended().await;
    }
}

/// What it holds of what was sent is little.
fn narrow() -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket
}

#[tokio::test]
async fn a_socket_is_not_handed_over_while_the_head_waits_for_the_client() {
    let listening = narrow();
    listening.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = listening.listen(1).unwrap();
    let long = "x".repeat(48 * 1024);
    let value = HeaderValue::try_from(&long).unwrap();
    let lengthen = move |response: &mut Response| {
        response.headers_mut().insert("x-long", value.clone());
    };
    let mut site = Site::with(lengthen, |_| Server::on(listener)).await;
    let connected = narrow().connect(site.server.address).await;
    let mut client = Client(connected.unwrap());
    client.send(GET).await;
    let _answering = soon(site.controls.recv()).await.unwrap();
    others_have_their_turn().await;
    assert!(site.handed.try_recv().is_err());
    let head = client.until("\r\n\r\n").await;
    let (start, end) = HEAD.split_once("\r\n").unwrap();
    assert_eq!(head, format!("{start}\r\nx-long: {long}\r\n{end}"));
    let mut handover = soon(site.handed.recv()).await.unwrap();
    write(&mut handover, "3\r\nabc\r\n0\r\n\r\n", 3);
    assert_eq!(client.until("0\r\n\r\n").await, "3\r\nabc\r\n0\r\n\r\n");
    complete(handover);
    assert_eq!(soon(site.exits.recv()).await, Some((Exit::Served, 3)));
    site.server.ended().await;
}

/// Writes until the client, or the system, takes no more. Returns how much that was.
fn fill(handover: &mut Handover) -> u64 {
    let mut filled = 0;
    while let Ok(length) = handover.socket.write(&[b'x'; 8192]) {
        filled += length as u64;
    }
    handover.lease.sent(filled);
    filled
}

/// What the server has to do meanwhile is done.
async fn others_have_their_turn() {
    for _ in 0..1000 {
        yield_now().await;
    }
}

/// A socket that is closed with something unread in it, or to which something more comes then, is reset, and what is still on its
/// way in the other direction is lost.
#[tokio::test]
async fn a_socket_that_comes_back_is_not_closed_before_the_client_has_all() {
    type Stray = (&'static str, &'static [u8], &'static str);
    let cases: [Stray; 4] = [
        ("", b"", ""),
        ("came before it was given back", b"", ""),
        ("", b"was read by the body", "comes after the end"),
        ("some", b"some", "some"),
    ];
    for (before, read, after) in cases {
        let mut site = Site::start().await;
        let request = "GET / HTTP/1.0\r\nhost: a\r\n\r\n";
        let (mut client, mut handover, _) = site.handed(request).await;
        let filled = fill(&mut handover);
        client.send(before).await;
        let Handover { socket, lease, .. } = handover;
        lease.complete(socket, read.to_vec());
        let exit = soon(site.exits.recv()).await;
        assert_eq!(exit, Some((Exit::Served, filled)));
        others_have_their_turn().await;
        client.send(after).await;
        others_have_their_turn().await;
        let got = client.rest_bytes().await;
        assert_eq!(got.len() as u64, filled, "{before:?} {after:?}");
        drop(client);
        site.server.ended().await;
    }
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_a_response_as_long_as_its_connection() {
    let request = "GET / HTTP/1.0\r\nhost: a\r\nconnection: keep-alive\r\n\r\n";
    for whole in [true, false] {
        let mut site = Site::start().await;
        let (mut client, mut handover, head) = site.handed(request).await;
        assert!(!head.contains("chunked"), "{head}");
        assert_eq!(handover.framing, Framing::UntilClose);
        write(&mut handover, "abc", 3);
        client.until("abc").await;
        if whole {
            complete(handover);
            assert_eq!(client.rest().await, "");
        } else {
            handover.lease.abort(handover.socket);
            let mut read = [0];
            let end = soon(client.0.read(&mut read)).await;
            assert_eq!(end.unwrap_err().kind(), io::ErrorKind::ConnectionReset);
        }
        site.server.ended().await;
    }
}

#[tokio::test]
async fn a_server_that_ends_asks_the_stream_to_drain_and_waits_for_it() {
    let mut site = Site::start().await;
    let (mut client, mut handover, _) = site.handed(GET).await;
    let mut controlled = site.controls.recv().await.unwrap();
    client.send("GET /hello HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let serving = site.server.end();
    soon(poll_fn(|cx| controlled.poll_drain(cx))).await;
    assert!(!serving.is_empty());
    write(&mut handover, "3\r\nbye\r\n0\r\n\r\n", 3);
    controlled.end(End::Drained);
    complete(handover);
    assert_eq!(client.until("0\r\n\r\n").await, "3\r\nbye\r\n0\r\n\r\n");
    // No other request is answered.
    assert_eq!(client.rest().await, "");
    finished(serving).await;
}

#[tokio::test]
async fn a_task_of_the_host_ends_with_it_and_with_all_that_it_holds() {
    let grace = Duration::from_millis(5);
    let mut site = Site::with(|_| {}, |server| server.grace(grace)).await;
    let (mut client, handover, _) = site.handed(GET).await;
    let Handover {
        socket,
        lease,
        host,
        ..
    } = handover;
    let (began, beginning) = oneshot::channel();
    host.spawn(async move {
        began.send(()).unwrap();
        let _kept = (socket, lease);
        pending::<()>().await;
    });
    soon(beginning).await.unwrap();
    // It does not heed the drain.
    let controlled = site.controls.recv().await.unwrap();
    finished(site.server.end()).await;
    assert_eq!(soon(site.exits.recv()).await, Some((Exit::Shutdown, 0)));
    assert_eq!(controlled.dropped_now(), End::Deadline);
    assert_eq!(client.rest_bytes().await, b"");
}

#[tokio::test]
async fn what_the_connection_must_send_itself_it_sends() {
    let refuses: fn(&mut Response) = |_| {};
    let declares: fn(&mut Response) = |response| {
        response.headers_mut().insert("content-length", 3.into());
    };
    let wraps: fn(&mut Response) = |response| {
        let body = std::mem::take(response.body_mut());
        *response.body_mut() = Body::new(http_body_util::BodyExt::map_frame(body, |frame| frame));
    };
    let unfinished = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab";
    for (change, sent) in [(refuses, unfinished), (declares, GET), (wraps, GET)] {
        let mut site = Site::with(change, |server| server).await;
        let mut client = site.server.connect().await;
        client.send(sent).await;
        client.until("\r\n\r\n").await;
        // The body was polled, and failed.
        assert_eq!(client.rest().await, "");
        assert_eq!(soon(site.exits.recv()).await, Some((Exit::Aborted, 0)));
        assert!(site.handed.try_recv().is_err());
        site.server.ended().await;
    }
}

#[tokio::test]
async fn an_answer_to_head_has_nothing_to_hand_over_for() {
    let mut site = Site::start().await;
    let client = site.server.connect().await;
    let answer = client.answer(request("HEAD", "/")).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_eq!(soon(site.exits.recv()).await, Some((Exit::Served, 0)));
    assert!(site.handed.try_recv().is_err());
    site.server.ended().await;
}

#[tokio::test]
async fn a_request_whose_body_was_read_hands_its_socket_over() {
    let mut site = Site::start().await;
    let empty = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n";
    let (mut client, mut handover, _) = site.handed(empty).await;
    write(&mut handover, "0\r\n\r\n", 0);
    complete(handover);
    client.until("0\r\n\r\n").await;
    site.server.ended().await;
}
