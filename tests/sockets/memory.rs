//! What a follower costs that waits.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
};

use allocation_counter::measure;
use peristyle::{
    handler,
    server::{Context, Routes, Server},
    sse::feed::{Feed, Follow},
};
use tokio::{
    runtime::{Builder, Runtime},
    sync::oneshot,
    task::{JoinSet, yield_now},
};

use crate::{client::GET, server::Way};

/// Bytes of the heap.
const MOST: i64 = 1024;

/// Where the connection is kept. hyper has some 19,000 of it for a response that waits: a buffer of 8 KiB each way, and its connection.
const MOST_OVER_CONNECTION: i64 = 21 * 1024;

const FIRST: usize = 50;
const MORE: usize = 250;

struct Crowd {
    runtime: Runtime,
    address: SocketAddr,
    feed: Feed,
    clients: Vec<TcpStream>,
    _end: oneshot::Sender<()>,
    _serving: JoinSet<()>,
}

impl Crowd {
    fn start(way: Way, routes: usize) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let feed = Feed::new();
        let follow = feed.clone();
        let answer = handler(move |_: &mut Context| {
            let stream = follow.follow(Follow::live()).unwrap();
            stream.into_response()
        });
        let mut table = Routes::new().get("/", answer);
        for number in 1..routes {
            let path = format!("/route/{number}/{{parameter}}");
            table = table.get(path.as_str(), handler(|_: &mut Context| "hello"));
        }
        let table = table.build().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let mut serving = JoinSet::new();
        let address = runtime.block_on(async {
            let server = Server::bind("127.0.0.1:0").await.unwrap();
            let server = match way {
                Way::Socket | Way::Together => server,
                Way::Connection => server.decline_socket_offers(),
            };
            let address = server.local_addr().unwrap();
            serving.spawn(async move {
                let end = async { drop(ended.await) };
                server.serve_until(table, end).await.unwrap();
            });
            address
        });
        Self {
            runtime,
            address,
            feed,
            clients: Vec::with_capacity(FIRST + MORE),
            _end: end,
            _serving: serving,
        }
    }

    fn grow(&mut self, by: usize) {
        for _ in 0..by {
            let mut client = TcpStream::connect(self.address).unwrap();
            client.write_all(GET.as_bytes()).unwrap();
            self.clients.push(client);
        }
        let feed = self.feed.clone();
        let count = self.clients.len();
        self.runtime.block_on(async {
            while feed.stats().subscribers < count {
                yield_now().await;
            }
            for _ in 0..1000 {
                yield_now().await;
            }
        });
        for client in self.clients.iter_mut().rev().take(by) {
            let mut read = [0; 1024];
            let mut length = 0;
            while !read[..length].ends_with(b"\r\n3\r\n:\n\n\r\n") {
                length += client.read(&mut read[length..]).unwrap();
            }
        }
    }
}

/// Each follower costs no more bytes of the heap than this, whatever the number of routes.
fn costs_at_most(most: i64, way: Way) {
    for routes in [1, 300] {
        let mut crowd = Crowd::start(way, routes);
        crowd.grow(FIRST);
        let grown = measure(|| crowd.grow(MORE));
        let each = grown.bytes_current / i64::try_from(MORE).unwrap();
        assert!(
            (100..=most).contains(&each),
            "{each} bytes with {routes} routes"
        );
    }
}

#[test]
fn one_that_waits_costs_less_than_a_kibibyte_whatever_the_number_of_routes() {
    costs_at_most(MOST, Way::Socket);
}

#[test]
fn one_that_waits_on_its_connection_costs_little_more_than_the_connection() {
    costs_at_most(MOST_OVER_CONNECTION, Way::Connection);
}
