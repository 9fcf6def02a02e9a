//! A server whose clients follow a feed over TCP.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Condvar, Mutex},
    thread::panicking,
    time::Duration,
};

use peristyle::{
    End, handler,
    server::{Context, Exit, Routes, Server},
    sse::{
        EventStream,
        feed::{Feed, Follow, Following, Subscription},
    },
};
use tokio::{
    runtime::Handle,
    sync::{mpsc, oneshot},
    task::{JoinSet, yield_now},
    time::timeout,
};

/// The length of what is at `/big`: more than a socket takes.
pub(crate) const BIG: usize = 16 << 20;

/// Which way the events go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// To each socket by itself.
    Socket,
    /// To the sockets of all that wait for the same.
    Together,
    Connection,
}

pub(crate) const WAYS: [Way; 3] = [Way::Socket, Way::Together, Way::Connection];

/// With so many others, what waits for the same event is written the same.
const OTHERS: usize = 8;

impl Way {
    /// Who follows the feed as well, so that it goes this way.
    pub(crate) fn others(self, feed: &Feed) -> Vec<Subscription> {
        let others = if self == Self::Together { OTHERS } else { 0 };
        let others = (0..others).map(|_| feed.subscribe(Follow::live()));
        others.collect()
    }
}

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
    /// Answers every GET of `/` with such a stream, that of `/hello` with a word, and that of `/big` with many.
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
        let routes = routes
            .get("/hello", handler(|_: &mut Context| "hello"))
            .get("/big", handler(|_: &mut Context| "x".repeat(BIG)));
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

    /// Answers every GET of `/` with what this feed is given from then on.
    pub(crate) async fn live(way: Way, feed: &Feed) -> Self {
        let feed = feed.clone();
        Self::start(way, move || feed.follow(Follow::live()).unwrap()).await
    }

    /// Tells the server to end. What it returns is to be [awaited](finished).
    pub(crate) fn end(self) -> JoinSet<()> {
        self.end.send(()).unwrap();
        self.serving
    }
}

pub(crate) async fn finished(mut serving: JoinSet<()>) {
    soon(serving.join_next()).await.unwrap().unwrap();
}

/// Lets all that is ready have its turns.
pub(crate) async fn all_had_turns() {
    for _ in 0..50 {
        yield_now().await;
    }
}

/// How many tasks there are on this runtime.
pub(crate) fn tasks() -> usize {
    Handle::current().metrics().num_alive_tasks()
}

/// Far more than any test needs, by a clock that stands still: a test that hangs fails instead.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    timeout(LONGEST, future).await.expect("it happens soon")
}

/// While it is there, a paused clock is moved by the test alone, not by a runtime that waits for sockets. After a minute the clock
/// is let go, so that whoever waits for ever comes to the end of the [longest](soon) time, and the test has failed.
pub(crate) struct Still(Arc<(Mutex<Hold>, Condvar)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Hold {
    #[default]
    Stands,
    Moves,
    LetGo,
}

impl Still {
    pub(crate) fn stand() -> Self {
        let hold = Arc::<(Mutex<Hold>, Condvar)>::default();
        let shared = Arc::clone(&hold);
        // A runtime whose threads for blocking work are busy does not move the clock. It waits for them at its end.
        drop(tokio::task::spawn_blocking(move || {
            let (hold, told) = &*shared;
            let stands = |hold: &mut Hold| *hold == Hold::Stands;
            let minute = Duration::from_secs(60);
            let waited = told.wait_timeout_while(hold.lock().unwrap(), minute, stands);
            let (mut hold, waited) = waited.unwrap();
            if waited.timed_out() {
                *hold = Hold::LetGo;
            }
        }));
        Self(hold)
    }
}

impl Drop for Still {
    fn drop(&mut self) {
        let (hold, told) = &*self.0;
        let until_now = std::mem::replace(&mut *hold.lock().unwrap(), Hold::Moves);
        told.notify_one();
        assert!(until_now == Hold::Stands || panicking(), "it took a minute");
    }
}
