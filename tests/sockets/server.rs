//! A server whose clients follow a feed over TCP.

use std::net::{Ipv4Addr, SocketAddr};

use peristyle::{
    End, handler,
    server::{Context, Exit, Routes, Server},
    sse::{EventStream, feed::Following},
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::JoinSet,
};

/// Which way the events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Socket,
    Connection,
}

pub(crate) const WAYS: [Way; 2] = [Way::Socket, Way::Connection];

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    /// How each stream ended.
    pub(crate) ends: mpsc::Receiver<End>,
    /// How its exchange did, and what it sent.
    pub(crate) exits: mpsc::Receiver<(Exit, u64)>,
    end: oneshot::Sender<()>,
    serving: JoinSet<()>,
}

impl Site {
    /// Answers every GET of `/` with such a stream, and that of `/hello` with a few words.
    pub(crate) async fn start(
        way: Way,
        stream: impl Fn() -> EventStream<Following> + Send + Sync + 'static,
    ) -> Self {
        let (tell_end, ends) = mpsc::channel(1024);
        let (tell_exit, exits) = mpsc::channel(1024);
        let answer = handler(move |cx: &mut Context| {
            let (tell_end, tell_exit) = (tell_end.clone(), tell_exit.clone());
            cx.on_ended(move |ended| tell_exit.try_send((ended.exit(), ended.bytes())).unwrap());
            let stream = stream().on_end(move |end| tell_end.try_send(end).unwrap());
            stream.into_response()
        });
        let routes = Routes::new().get("/", answer);
        let routes = routes.get("/hello", handler(|_: &mut Context| "hello"));
        let mut server = Server::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        if way == Way::Connection {
            server = server.decline_socket_offers();
        }
        let address = server.local_addr().unwrap();
        let table = routes.build().unwrap();
        let (end, ended) = oneshot::channel();
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let end = async { drop(ended.await) };
            server.serve_until(table, end).await.unwrap();
        });
        Self {
            address,
            ends,
            exits,
            end,
            serving,
        }
    }

    /// Tells the server to end. What it returns is to be [awaited](finished).
    pub(crate) fn end(self) -> JoinSet<()> {
        self.end.send(()).unwrap();
        self.serving
    }
}

pub(crate) async fn finished(mut serving: JoinSet<()>) {
    serving.join_next().await.unwrap().unwrap();
}

/// How many tasks there are on this runtime.
pub(crate) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// While it is there, a paused clock is moved by the test alone, not by a runtime that waits for sockets.
pub(crate) struct Still(#[expect(dead_code, reason = "it is dropped")] oneshot::Sender<()>);

impl Still {
    pub(crate) fn stand() -> Self {
        let (moves, stands) = oneshot::channel::<()>();
        let busy = move || drop(stands.blocking_recv());
        // The runtime waits for it at its end.
        drop(tokio::task::spawn_blocking(busy));
        Self(moves)
    }
}
