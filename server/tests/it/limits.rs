//! How many connections there may be, and what happens when there are too many.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use peristyle_core::handler;
use peristyle_server::{Context, Listener, Router, Routes, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
};

use crate::{
    apart::{self, Apart},
    logs::Logs,
    support::{Client, GET, RunningOn, soon},
};

/// Counts what it answers.
fn counting() -> (Arc<AtomicUsize>, Router) {
    let answered = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&answered);
    let answer = handler(move |_: &mut Context| {
        count.fetch_add(1, Ordering::Relaxed);
        "hello"
    });
    (answered, Routes::new().get("/", answer).build().unwrap())
}

async fn greet(client: &mut Client) {
    client.send(GET).await;
    client.until("hello").await;
}

async fn only_so_many_are_accepted<const THREADS: usize>() {
    let (answered, router) = counting();
    let limited = |server: Server| server.connections(2);
    let server = RunningOn::<THREADS>::start_with(router, limited).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    greet(&mut first).await;
    greet(&mut second).await;
    let mut third = server.connect().await;
    third.send(GET).await;
    for _ in 0..16 {
        greet(&mut second).await;
    }
    assert_eq!(answered.load(Ordering::Relaxed), 18);
    let nothing = third.0.try_read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    drop(first);
    third.until("hello").await;
    drop((second, third));
    server.ended().await;
}

#[tokio::test]
async fn with_as_many_connections_as_there_may_be_no_more_are_accepted() {
    only_so_many_are_accepted::<0>().await;
    only_so_many_are_accepted::<2>().await;
}

#[tokio::test]
async fn a_listener_without_clients_takes_no_place() {
    let (_, router) = counting();
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let server = server.and(Listener::bind("127.0.0.1:0").await.unwrap());
    let addresses = server.local_addrs().unwrap();
    let server = RunningOn::<0>::serve(server.connections(1), router);
    for address in [addresses[1], addresses[1], addresses[0], addresses[1]] {
        greet(&mut Client(TcpStream::connect(address).await.unwrap())).await;
    }
    server.ended().await;
}

#[tokio::test]
async fn a_limit_of_none_is_one() {
    let (_, router) = counting();
    let none = |server: Server| server.connections(0).connections_per_peer(0);
    let server = RunningOn::<0>::start_with(router, none).await;
    greet(&mut server.connect().await).await;
    server.ended().await;
}

#[tokio::test]
async fn one_connection_more_than_a_peer_may_have_is_closed_at_once() {
    let (logs, _kept) = Logs::kept();
    let (answered, router) = counting();
    let limited = |server: Server| server.connections_per_peer(2);
    let server = RunningOn::<0>::start_with(router, limited).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    greet(&mut first).await;
    greet(&mut second).await;
    assert_eq!(server.connect().await.rest().await, "");
    let refused = logs.with("DEBUG connection refused: its peer has as many as it may");
    assert_eq!(refused.len(), 1);

    let other = TcpSocket::new_v4().unwrap();
    other.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let other = soon(other.connect(server.address)).await.unwrap();
    greet(&mut Client(other)).await;
    assert_eq!(answered.load(Ordering::Relaxed), 3);

    drop(first);
    soon(async {
        // Until the server has seen it leave.
        while !accepted(server.connect().await).await {}
    })
    .await;
    server.ended().await;
}

async fn accepted(client: Client) -> bool {
    let mut client = client.0;
    let sent = client.write_all(GET.as_bytes()).await;
    let read = client.read_u8().await;
    sent.is_ok() && read.is_ok()
}

/// Says how often something went wrong, and how many milliseconds ago that began.
fn errors(logs: Logs) -> Router {
    let errors = handler(move |_: &mut Context| {
        let errors = logs.with("ERROR");
        let since = errors.first().map(|(at, _)| at.elapsed().as_millis());
        format!("{} {}!", errors.len(), since.unwrap_or_default())
    });
    let routes = Routes::new().get("/", handler(|_: &mut Context| "hello"));
    routes.get("/errors", errors).build().unwrap()
}

/// How many errors there were, and how long ago the first.
async fn asked(client: &mut Client) -> (u32, Duration) {
    client.send(GET.replace("/ ", "/errors ")).await;
    let answer = client.until("!").await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let (count, since) = body.trim_end_matches('!').split_once(' ').unwrap();
    (
        count.parse().unwrap(),
        Duration::from_millis(since.parse().unwrap()),
    )
}

#[tokio::test]
async fn a_server_without_descriptors_waits_longer_each_time_and_goes_on_when_it_has_some() {
    if apart::is_here() {
        let (logs, _kept) = Logs::kept();
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        return apart::serve(server.connections(1000), errors(logs)).await;
    }
    let name =
        "limits::a_server_without_descriptors_waits_longer_each_time_and_goes_on_when_it_has_some";
    let server = Apart::start(name, "ulimit -n 64;").await;
    let mut client = server.connect().await;
    greet(&mut client).await;
    let mut many = Vec::new();
    for _ in 0..100 {
        many.push(server.connect().await);
    }
    let (errors, since) = soon(async {
        loop {
            let (errors, since) = asked(&mut client).await;
            if errors >= 5 {
                return (errors, since);
            }
        }
    })
    .await;
    let paused: u64 = (0..errors - 1).map(|n| 1000.min(10 << n)).sum();
    assert!(since.as_millis() >= paused.into(), "{errors} in {since:?}");
    drop(many);
    greet(&mut server.connect().await).await;
    drop(client);
    server.ended().await;
}

#[tokio::test]
async fn by_default_connections_leave_descriptors_for_the_rest() {
    if apart::is_here() {
        let (logs, _kept) = Logs::kept();
        let server = Server::bind("127.0.0.1:0").await.unwrap();
        return apart::serve(server, errors(logs)).await;
    }
    let name = "limits::by_default_connections_leave_descriptors_for_the_rest";
    let server = Apart::start(name, "ulimit -n 64;").await;
    let mut accepted = Vec::new();
    for _ in 0..32 {
        let mut client = server.connect().await;
        greet(&mut client).await;
        accepted.push(client);
    }
    let mut next = server.connect().await;
    next.send(GET).await;
    for client in &mut accepted {
        assert_eq!(asked(client).await, (0, Duration::ZERO));
    }
    let nothing = next.0.try_read(&mut [0]).unwrap_err();
    assert_eq!(nothing.kind(), io::ErrorKind::WouldBlock);
    drop(accepted);
    next.until("hello").await;
    drop(next);
    server.ended().await;
}
