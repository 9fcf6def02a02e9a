//! The server: a feed, and one server after another in front of it.

use std::{fmt::Write as _, io, mem, net::SocketAddr, time::Duration};

use peristyle_core::{BoxError, End};
use peristyle_peers::Failure;
use peristyle_server::{
    self as server, Headers, IntoResponse, Response, Router, Routes, Server, State, handler,
    http::Uri,
};
use peristyle_sse::{
    self as sse, Drain, Event, Jitter, KeepAlive, LastEventId,
    feed::{Feed, Publish},
};
use tokio::{
    net::{TcpListener, TcpSocket},
    runtime::Builder,
    sync::oneshot,
    task::JoinSet,
};

use crate::{
    asked::Query,
    wire::{self, NO_TOPIC, RETAINED, START},
};

/// Those who read slowly take something sooner than that, and those who do not read do not.
const WRITE_TIMEOUT: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(3);
/// Of what is sent and not yet taken: small, so that the feed learns early who reads slowly.
const SEND_BUFFER: u32 = 16 * 1024;
const BACKLOG: u32 = 4096;
/// Of the oldest streams among those that have a maximum age.
const AGE: [Duration; 2] = [Duration::from_secs(2), Duration::from_secs(6)];
const KEEP_ALIVE: Duration = Duration::from_secs(3);

/// What is said of the ends of streams, in this order.
pub(crate) const ENDS: [(End, &str); 6] = [
    (End::PeerLeft, "left"),
    (End::Drained, "drained"),
    (End::Stalled, "stalled"),
    (End::TooOld, "too old"),
    (End::Lagged, "lagged"),
    (End::Finished, "finished"),
];

/// Says an address and an epoch, and does as it is told:
///
/// - `drain`: puts another server in front of the feed and says its address, while the one before drains;
/// - `ends`: says how many streams have ended, for each of [`ENDS`];
/// - `followers`: says how many there are;
/// - `end`: ends, once all servers have.
pub(crate) fn run(seed: u64) -> Result<(), Failure> {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let feed = Feed::builder()
        .max_events(usize::try_from(RETAINED)?)
        .max_bytes(usize::MAX)
        .max_age(Duration::from_secs(3_600))
        .build();
    let served = Served::new(feed.clone(), seed);
    let mut servers = Servers {
        now: runtime.block_on(async { Serving::start(&served) })?,
        draining: JoinSet::new(),
        served,
    };
    println!("{} {}", servers.now.address, feed.cursor().epoch().number());
    for line in io::stdin().lines() {
        match &*line? {
            "drain" => println!("{}", runtime.block_on(async { servers.replace() })?),
            "ends" => println!("{}", ends(&feed)),
            "followers" => println!("{}", feed.stats().subscribers),
            "end" => return runtime.block_on(servers.end()),
            line => return Err(format!("a server was told `{line}`").into()),
        }
    }
    Ok(())
}

fn ends(feed: &Feed) -> String {
    let metrics = feed.metrics();
    let ends = ENDS.map(|(end, _)| metrics.ended(end).to_string());
    ends.join(" ")
}

/// The server that clients come to, and those that they are leaving.
struct Servers {
    served: Served,
    now: Serving,
    draining: JoinSet<Result<(), Failure>>,
}

impl Servers {
    fn replace(&mut self) -> Result<SocketAddr, Failure> {
        while let Some(drained) = self.draining.try_join_next() {
            drained??;
        }
        let next = Serving::start(&self.served)?;
        let address = next.address;
        let before = mem::replace(&mut self.now, next);
        self.draining.spawn(before.end());
        Ok(address)
    }

    async fn end(mut self) -> Result<(), Failure> {
        self.draining.spawn(self.now.end());
        while let Some(drained) = self.draining.join_next().await {
            drained??;
        }
        Ok(())
    }
}

/// A server on a port of its own.
struct Serving {
    address: SocketAddr,
    end: oneshot::Sender<()>,
    task: JoinSet<io::Result<()>>,
}

impl Serving {
    fn start(served: &Served) -> Result<Self, Failure> {
        let listener = listener()?;
        let address = listener.local_addr()?;
        let router = served.router()?;
        let (end, ended) = oneshot::channel();
        let mut task = JoinSet::new();
        let serving = Server::on(listener)
            .write_timeout(WRITE_TIMEOUT)
            .grace(GRACE);
        task.spawn(serving.serve_until(router, async { drop(ended.await) }));
        Ok(Self { address, end, task })
    }

    async fn end(mut self) -> Result<(), Failure> {
        // It has ended by itself if it does not hear; its result says why.
        let _told = self.end.send(());
        let ended = self.task.join_next().await;
        Ok(ended.ok_or("a server has one task")???)
    }
}

fn listener() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(BACKLOG)
}

/// What all servers have before them.
#[derive(Clone)]
struct Served {
    feed: Feed,
    age: Jitter,
    drain: Drain,
}

impl Served {
    fn new(feed: Feed, seed: u64) -> Self {
        let drain = Drain::Spread {
            after: Jitter::between(Duration::ZERO, Duration::from_millis(500)).seeded(seed),
            retry: Jitter::between(Duration::ZERO, Duration::from_millis(50)).seeded(seed),
        };
        let age = Jitter::between(AGE[0], AGE[1]).seeded(seed);
        Self { feed, age, drain }
    }

    fn router(&self) -> Result<Router, Failure> {
        let router = Routes::new()
            .state(self.clone())
            .get("/events", handler(events))
            .post("/publish", handler(publish))
            .post("/finish", handler(finish))
            .build()?;
        Ok(router)
    }
}

async fn events(
    served: State<Served>,
    server::Query(asked): server::Query<Query>,
    headers: Headers,
) -> Result<Response, BoxError> {
    let start = Event::builder().event(START).data("from here").build()?;
    let last = LastEventId::of(&headers, &Uri::default());
    let last = last.as_ref().and_then(LastEventId::as_str);
    let follow = asked.follow()?.first(start).resume(last);
    let Ok(stream) = served.feed.follow(follow) else {
        return sse::finished().into_response();
    };
    let stream = stream.keep_alive(KeepAlive::every(KEEP_ALIVE)?);
    let stream = if asked.age {
        stream.max_age(served.age.clone())
    } else {
        stream.on_drain(served.drain.clone())
    };
    stream.into_response().into_response()
}

/// A line is an event. Its answer is a line, too: where it is.
async fn publish(served: State<Served>, events: String) -> Result<String, BoxError> {
    let mut cursors = String::new();
    for data in events.lines() {
        let cursor = served.feed.publish(to_publish(data)?);
        writeln!(cursors, "{cursor}")?;
    }
    Ok(cursors)
}

fn to_publish(data: &str) -> Result<Publish, BoxError> {
    let record = wire::read(data)?;
    let once = format!("{}-{}", record.publisher, record.number);
    let mut publish = Publish::new(Event::data(data)).idempotency_key(&once)?;
    if record.topic != NO_TOPIC {
        publish = publish.topic(wire::topic(record.topic).parse()?);
    }
    if let Some(key) = record.key {
        publish = publish.key(&key.to_string())?;
    }
    Ok(publish)
}

async fn finish(served: State<Served>, data: String) -> String {
    served.feed.finish(Event::data(&data)).to_string()
}
