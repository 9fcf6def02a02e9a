//! Servers that have threads of their own.

use std::{collections::BTreeSet, env, num::NonZeroUsize, process, thread};

use peristyle_core::handler;
use peristyle_server::{Context, Listener, Router, Routes, Server, Threads};
use tokio::{
    net::{TcpListener, TcpStream, UnixStream},
    task::JoinSet,
};

use crate::support::{Client, GET, RunningOn, answer_over, get, soon};

/// Answers with the name of its thread.
fn names() -> Router {
    let name = handler(|_: &mut Context| thread::current().name().map(ToOwned::to_owned).unwrap());
    Routes::new().get("/", name).build().unwrap()
}

fn two() -> Threads {
    Threads::Count(NonZeroUsize::new(2).unwrap())
}

#[tokio::test]
async fn each_thread_has_clients_of_its_own() {
    let server = RunningOn::<2>::start(names()).await;
    let mut seen = BTreeSet::new();
    // All on one thread: once in 2 to the 63rd.
    for _ in 0..64 {
        let answer = server.answer(get("/")).await;
        let (_, name) = answer.split_once("\r\n\r\n").unwrap();
        seen.insert(name.to_owned());
    }
    assert_eq!(
        seen.into_iter().collect::<Vec<_>>(),
        ["peristyle-0", "peristyle-1"]
    );
    server.ended().await;
}

#[tokio::test]
async fn threads_share_what_cannot_be_had_twice() {
    let path = env::temp_dir().join(format!("peristyle-{}-threads", process::id()));
    let given = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = Server::on(given).and(Listener::unix(&path).unwrap());
    let server = RunningOn::<0>::serve(server.threads(two()), names());
    for _ in 0..8 {
        let stream = UnixStream::connect(&path).await.unwrap();
        for answer in [
            server.answer(get("/")).await,
            answer_over(stream, get("/")).await,
        ] {
            assert!(answer.contains("\r\n\r\nperistyle-"), "{answer}");
        }
    }
    server.ended().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn a_server_that_is_dropped_ends_its_threads_and_their_connections() {
    let server = Server::bind("127.0.0.1:0").await.unwrap().threads(two());
    let address = server.local_addr().unwrap();
    let mut serving = JoinSet::new();
    serving.spawn(server.serve_until(names(), std::future::pending()));
    let mut client = Client(TcpStream::connect(address).await.unwrap());
    client.send(GET).await;
    client.until("peristyle-").await;
    serving.shutdown().await;
    let mut rest = client.rest_bytes().await;
    rest.retain(|byte| !byte.is_ascii_digit());
    assert!(rest.is_empty(), "{rest:?}");
    // The threads are gone when the address is free.
    soon(async {
        while Listener::bind(address).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_listener_that_no_runtime_takes_is_an_error_on_every_thread() {
    for threads in [Threads::Shared, two()] {
        // No runtime can wait for it.
        let file = std::fs::File::open("/dev/null").unwrap();
        let socket = std::net::TcpListener::from(std::os::fd::OwnedFd::from(file));
        let bound = Server::bind("127.0.0.1:0").await.unwrap();
        let server = bound.and(socket).threads(threads);
        let error = server.serve_until(names(), std::future::pending()).await;
        assert!(error.is_err(), "{threads:?}");
    }
}
