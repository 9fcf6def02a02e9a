//! Clients that leave, and those that only seem to.

use std::{sync::Arc, time::Duration};

use peristyle_core::{Chain, Interceptor, Link, Name, Stages, Step, before, handler};
use peristyle_server::{Context, Exchange, Exit, Router, Routes};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    sync::{Semaphore, mpsc},
    time::{Instant, sleep},
};

use super::support::{Dropped, Fed, GET, InMemory, Running, Waits, finished, once, soon, tells};

#[tokio::test]
async fn a_client_that_leaves_while_a_stage_waits_drops_the_stage() {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, mut drops) = mpsc::channel(1);
    let router = Routes::new().get("/", Link::new(Waits { entered, dropped }));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    let disconnected = soon(entering.recv()).await.unwrap();
    assert!(drops.try_recv().is_err());
    drop(client);
    soon(drops.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_leaves_while_a_body_streams_drops_the_body() {
    let (values, mut body) = Fed::new();
    let (dropped, mut drops) = mpsc::channel(1);
    body.dropped = Some(Dropped(dropped));
    let (tell, mut watched) = tells();
    let answer = handler(once(body.response()));
    let router = Routes::new().get("/", Chain::new([tell, answer]));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    values.send(Ok("hello".into())).await.unwrap();
    client.until("5\r\nhello\r\n").await;
    assert!(drops.try_recv().is_err());
    drop(client);
    soon(drops.recv()).await.unwrap();
    assert!(values.is_closed());
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    server.ended().await;
}

#[tokio::test]
async fn a_client_that_leaves_is_noticed_behind_a_body_that_nobody_wanted() {
    let (entered, mut entering) = mpsc::channel(1);
    let (dropped, mut drops) = mpsc::channel(1);
    let refuse = before(|cx: &mut Context| drop(cx.body().take()));
    let waits = Link::new(Waits { entered, dropped });
    let router = Routes::new().post("/", Chain::new([refuse, waits]));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client
        .send("POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nhello")
        .await;
    let disconnected = soon(entering.recv()).await.unwrap();
    drop(client);
    soon(drops.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    server.ended().await;
}

/// Waits in `enter` until there is a permit.
struct Gate(Arc<Semaphore>);

impl Interceptor<Exchange> for Gate {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::new("gate").unwrap()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        Step::later(async move {
            self.0.acquire().await?.forget();
            cx.respond("waited")
        })
    }
}

fn gated(gate: &Arc<Semaphore>) -> Router {
    let routes = Routes::new().get("/wait", Link::new(Gate(Arc::clone(gate))));
    let echo = async |cx: &mut Context| cx.body().bytes().await;
    routes.post("/echo", handler(echo)).build().unwrap()
}

const WAIT: &str = "GET /wait HTTP/1.1\r\nhost: a\r\n\r\n";
const ECHO: &str =
    "POST /echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-length: 5\r\n\r\nhello";

/// What a client gets that sends more pieces while the first waits for its answer.
async fn answers(pieces: &[&str], leave: impl AsyncFn(&mut DuplexStream)) -> String {
    let gate = Arc::new(Semaphore::new(0));
    let server = InMemory::start(gated(&gate), |server| server);
    let mut client = server.connect(1024).await;
    for piece in pieces {
        client.write_all(piece.as_bytes()).await.unwrap();
        sleep(Duration::from_secs(1)).await;
    }
    leave(&mut client).await;
    sleep(Duration::from_secs(1)).await;
    gate.add_permits(1);
    let mut read = String::new();
    soon(client.read_to_string(&mut read)).await.unwrap();
    finished(server.end()).await;
    read
}

async fn stay(_: &mut DuplexStream) {}

async fn end(client: &mut DuplexStream) {
    client.shutdown().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_stage_waits_is_read_after_it_wherever_it_is_cut() {
    let both = [WAIT, ECHO].concat();
    for cut in WAIT.len()..=both.len() {
        let (first, rest) = both.split_at(cut);
        let (second, third) = rest.split_at(rest.len() / 2);
        let read = answers(&[first, second, third], stay).await;
        assert!(read.contains("\r\n\r\nwaitedHTTP/1.1 200"), "{cut}: {read}");
        assert!(read.ends_with("\r\n\r\nhello"), "{cut}: {read}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_stage_waits_passes_the_guard() {
    let two_hosts = "GET /wait HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n";
    let read = answers(&[WAIT, two_hosts], stay).await;
    assert!(read.contains("\r\n\r\nwaitedHTTP/1.1 400"), "{read}");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_sent_another_request_has_not_left_when_it_sends_no_more() {
    let both = [WAIT, ECHO].concat();
    let read = answers(&[&both], end).await;
    assert!(read.contains("\r\n\r\nwaitedHTTP/1.1 200"), "{read}");
    assert!(read.ends_with("\r\n\r\nhello"), "{read}");
    assert_eq!(answers(&[WAIT], end).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_more_behind_its_request_gets_what_is_answered_at_once() {
    let server = InMemory::start(gated(&Arc::new(Semaphore::new(0))), |server| server);
    let mut client = server.connect(1024).await;
    client.write_all(ECHO.as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let mut read = String::new();
    soon(client.read_to_string(&mut read)).await.unwrap();
    assert!(read.ends_with("\r\n\r\nhello"), "{read}");
    finished(server.end()).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_takes_nothing_and_leaves_is_noticed_before_the_time_to_write_is_over() {
    let (tell, mut watched) = tells();
    let answer = handler(|_: &mut Context| "x".repeat(64 * 1024));
    let router = Routes::new().get("/", Chain::new([tell, answer]));
    let server = InMemory::start(router.build().unwrap(), |server| server);
    let mut client = server.connect(64).await;
    client.write_all(GET.as_bytes()).await.unwrap();
    let disconnected = soon(watched.recv()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let left = Instant::now();
    client.shutdown().await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Left);
    assert_eq!(left.elapsed(), Duration::ZERO);
    finished(server.end()).await;
}
