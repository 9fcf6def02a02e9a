//! Followers of a feed that are too slow, each over a connection of its own: promises H11 and H12.

use std::{fmt, time::Duration};

use allocation_counter::measure;
use peristyle::{
    BoxError, End, Link, handler,
    server::{Context, Exchange, IntoResponse, Response},
    sse::{
        Decoder, Event, Jitter, KeepAlive, LastEventId,
        feed::{Cursor, Epoch, Feed, Follow, Lag, Publish},
    },
};
use tokio::{
    runtime::Builder,
    task::yield_now,
    time::{Instant, sleep},
};

use crate::{
    client::Client,
    protocol::{BOTH, Ending, Protocol},
    server::InMemory,
    told::{Tell, told},
};

const KIB: usize = 1024;
/// How many events a feed keeps, and how long each is.
const RETAINED: u64 = 50;
const LENGTH: usize = KIB;
/// More than a client that reads nothing can be sent beside what is kept.
const MANY: u64 = 1_000;
/// What a client of a feed and its connection hold of the heap at most, who reads nothing: what the transport holds, what the
/// connection has taken to write, and the events that were taken from the log together.
const HELD: usize = 448 * KIB;

fn feed() -> Feed {
    let feed = Feed::builder().epoch(Epoch::new(14));
    feed.max_events(usize::try_from(RETAINED).unwrap()).build()
}

fn publish(feed: &Feed, count: u64) {
    for _ in 0..count {
        feed.publish(Event::data(&"a".repeat(LENGTH)));
    }
}

/// A feed on a server, which tells the ends of its streams.
fn serving(feed: &Feed, lag: Lag, tell: &Tell) -> Link<Exchange> {
    let (feed, tell) = (feed.clone(), tell.clone());
    handler(move |cx: &mut Context| follow(&feed, lag, cx, tell.clone()))
}

fn follow(feed: &Feed, lag: Lag, cx: &Context, tell: Tell) -> Result<Response, BoxError> {
    let last = LastEventId::of(cx.headers(), cx.uri());
    let last = last.as_ref().and_then(LastEventId::as_str);
    let follow = Follow::live().lag(lag).resume(last);
    let stream = feed.follow(follow)?.keep_alive(KeepAlive::OFF);
    stream.on_end(tell.end()).into_response().into_response()
}

/// What came of a body: the offsets of events, and gaps as the feed says them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Came {
    events: Vec<u64>,
    gaps: Vec<String>,
    last: String,
}

impl Came {
    fn of(body: &str) -> Self {
        let (mut came, mut decoder) = (Self::default(), Decoder::new());
        let mut bytes = body.as_bytes();
        while let Some(event) = decoder.decode(&mut bytes).unwrap() {
            match event.event() {
                "gap" => came.gaps.push(event.data().to_owned()),
                _ => came.events.push(offset(event.id())),
            }
        }
        decoder.last_event_id().clone_into(&mut came.last);
        came
    }

    /// The offset of the last event.
    fn last(&self) -> u64 {
        offset(&self.last)
    }
}

fn offset(id: &str) -> u64 {
    id.parse::<Cursor>().unwrap().offset()
}

fn range(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

fn gap(from: impl fmt::Display, to: impl fmt::Display, reason: &str) -> String {
    format!(r#"{{"from":"e-{from}","to":"e-{to}","reason":"{reason}"}}"#)
}

/// Until all that can be done without a wait has been done.
async fn settled() {
    for _ in 0..1_000 {
        yield_now().await;
    }
}

/// Reads until so much has been published was given, or the stream ends.
async fn read_to(client: &mut Client, newest: u64) -> String {
    let mut body = String::new();
    let last = format!("id: e-{newest}\n");
    while !body.contains(&last) || !body.ends_with("\n\n") {
        let Some(more) = client.more().await else {
            return body;
        };
        body.push_str(&String::from_utf8(more).unwrap());
    }
    body
}

/// A client that has its stream, and reads nothing while so much is published that most of it is evicted.
async fn lagging(feed: &Feed, server: &InMemory) -> Client {
    let mut client = Client::get(server, Protocol::Http1, "/").await;
    client.until(":\n\n").await;
    client.more().await;
    for _ in 0..MANY {
        publish(feed, 1);
        yield_now().await;
    }
    settled().await;
    client
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_nothing_delays_neither_publishers_nor_others() {
    for protocol in BOTH {
        let (feed, (tell, mut ends)) = (feed(), told());
        let server = InMemory::start(serving(&feed, Lag::Resume, &tell));
        let frozen = Client::get(&server, protocol, "/").await;
        let mut other = Client::get(&server, Protocol::Http1, "/").await;
        other.until(":\n\n").await;
        other.more().await;
        settled().await;
        let start = Instant::now();
        for newest in 1..=MANY {
            publish(&feed, 1);
            let came = Came::of(&read_to(&mut other, newest).await);
            assert_eq!(came.events, [newest], "{protocol:?}");
        }
        assert_eq!(start.elapsed(), Duration::ZERO, "{protocol:?}");
        assert_eq!(feed.stats().events as u64, RETAINED);
        assert_eq!(feed.stats().subscribers, 2);
        ends.assert_none();
        assert_eq!(ends.next(start).await, (End::Stalled, 30), "{protocol:?}");
        assert_eq!(feed.metrics().ended(End::Stalled), 1);
        drop((frozen, other));
        server.ended().await;
    }
}

/// How much of the heap so many clients hold who read nothing of a feed, with the feed.
fn held(protocol: Protocol, clients: usize) -> usize {
    let allocated = measure(|| {
        let mut runtime = Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (feed, (tell, _ends)) = (feed(), told());
            let server = InMemory::start(serving(&feed, Lag::Gap, &tell));
            let mut all = Vec::new();
            for _ in 0..clients {
                all.push(Client::get(&server, protocol, "/").await);
            }
            settled().await;
            for _ in 0..10 * MANY {
                publish(&feed, 1);
                yield_now().await;
            }
            drop(all);
            server.ended().await;
        });
    });
    usize::try_from(allocated.bytes_max).unwrap()
}

#[test]
fn the_heap_that_a_client_of_a_feed_holds_who_reads_nothing_is_bounded() {
    const CLIENTS: usize = 8;
    for protocol in BOTH {
        let each = held(protocol, CLIENTS) / CLIENTS;
        assert!(each < HELD, "{protocol:?}: {} KiB", each / KIB);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lagged_gets_what_was_on_its_way_and_a_clean_end_and_resumes_after_a_gap() {
    let (feed, (tell, mut ends)) = (feed(), told());
    let server = InMemory::start(serving(&feed, Lag::Resume, &tell));
    let client = lagging(&feed, &server).await;
    let (body, ending) = client.rest().await;
    let came = Came::of(&body);
    assert_eq!(ending, Ending::Clean);
    assert_eq!(came.events, range(1, came.last()));
    assert!(came.last() < MANY - RETAINED, "{}", came.last());
    assert_eq!(ends.next(Instant::now()).await.0, End::Lagged);

    let path = format!("/?last-event-id={}", came.last);
    let mut client = Client::get(&server, Protocol::Http1, &path).await;
    let again = Came::of(&read_to(&mut client, MANY).await);
    let kept = MANY - RETAINED;
    assert_eq!(again.gaps, [gap(came.last(), kept, "evicted")]);
    assert_eq!(again.events, range(kept + 1, MANY));
    drop(client);
    server.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_lagged_is_told_in_its_stream_if_it_so_chose_and_goes_on() {
    let (feed, (tell, mut ends)) = (feed(), told());
    let server = InMemory::start(serving(&feed, Lag::Gap, &tell));
    let mut client = lagging(&feed, &server).await;
    let came = Came::of(&read_to(&mut client, MANY).await);
    let kept = MANY - RETAINED;
    let before = came.events.len() as u64 - RETAINED;
    let expected = [range(1, before), range(kept + 1, MANY)].concat();
    assert_eq!(came.events, expected);
    assert_eq!(came.gaps, [gap(before, kept, "lagged")]);
    publish(&feed, 1);
    let more = Came::of(&read_to(&mut client, MANY + 1).await);
    assert_eq!((more.events, more.gaps), (vec![MANY + 1], vec![]));
    ends.assert_none();
    drop(client);
    server.ended().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_wants_the_latest_gets_the_newest_of_each_key_and_no_gap() {
    const KEYS: u64 = 10;
    let (feed, (tell, mut ends)) = (feed(), told());
    let server = InMemory::start(serving(&feed, Lag::Latest, &tell));
    let mut client = Client::get(&server, Protocol::Http1, "/").await;
    client.until(":\n\n").await;
    client.more().await;
    for number in 0..MANY {
        let value = Publish::new(Event::data(&"a".repeat(LENGTH)));
        feed.publish(value.key(&(number % KEYS).to_string()).unwrap());
        yield_now().await;
    }
    settled().await;
    let came = Came::of(&read_to(&mut client, MANY).await);
    let before = came.events.len() as u64 - KEYS;
    assert!(before < MANY - RETAINED, "{before}");
    let expected = [range(1, before), range(MANY - KEYS + 1, MANY)].concat();
    assert_eq!(came.events, expected);
    assert_eq!(came.gaps, [""; 0]);
    ends.assert_none();
    drop(client);
    server.ended().await;
}

/// Each ends between two events, at another time, and has lost nothing when it comes back.
#[tokio::test(start_paused = true)]
async fn streams_of_a_feed_end_at_an_age_of_their_own_and_their_clients_resume() {
    const CLIENTS: u64 = 20;
    let seconds = Duration::from_secs;
    let (feed, (tell, mut ends)) = (feed(), told());
    let age = Jitter::between(seconds(60), seconds(120)).seeded(7);
    let (log, ended) = (feed.clone(), tell.clone());
    let server = InMemory::start(handler(move |cx: &mut Context| {
        let last = LastEventId::of(cx.headers(), cx.uri());
        let last = last.as_ref().and_then(LastEventId::as_str);
        let stream = log
            .follow(Follow::live().resume(last))?
            .max_age(age.clone());
        let stream = stream
            .keep_alive(KeepAlive::OFF)
            .on_end(ended.clone().end());
        Ok::<_, BoxError>(stream.into_response())
    }));
    let start = Instant::now();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        clients.push(Client::get(&server, Protocol::Http1, "/").await);
    }
    settled().await;
    publish(&feed, 3);
    let mut ages = Vec::new();
    for _ in 0..CLIENTS {
        let (end, age) = ends.next(start).await;
        assert_eq!(end, End::TooOld);
        ages.push(age);
    }
    assert!(ages.iter().all(|age| (60..=120).contains(age)), "{ages:?}");
    ages.dedup();
    assert!(ages.len() > 10, "{ages:?}");
    publish(&feed, 2);
    for client in clients {
        let (body, ending) = client.rest().await;
        let came = Came::of(&body);
        assert_eq!((came.events, ending), (vec![1, 2, 3], Ending::Clean));
        let path = format!("/?last-event-id={}", came.last);
        let mut again = Client::get(&server, Protocol::Http1, &path).await;
        let again = Came::of(&read_to(&mut again, 5).await);
        assert_eq!((again.events, again.gaps), (vec![4, 5], vec![]));
    }
    server.ended().await;
}

/// A stream that has nothing to send is not taken for one that nobody reads.
#[tokio::test(start_paused = true)]
async fn a_client_of_a_quiet_feed_is_not_cut_off() {
    let (feed, (tell, mut ends)) = (feed(), told());
    let server = InMemory::start(serving(&feed, Lag::Resume, &tell));
    let mut client = Client::get(&server, Protocol::Http1, "/").await;
    client.until(":\n\n").await;
    client.more().await;
    sleep(Duration::from_secs(24 * 60 * 60)).await;
    ends.assert_none();
    publish(&feed, 1);
    assert_eq!(Came::of(&read_to(&mut client, 1).await).events, [1]);
    drop(client);
    server.ended().await;
}
