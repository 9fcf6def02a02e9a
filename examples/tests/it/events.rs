//! Event streams on the server: heads without bodies, other origins, and every way in which they end, over HTTP/1.1 and HTTP/2.

use std::{net::SocketAddr, time::Duration};

use http_body_util::{BodyExt, Empty};
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use peristyle::{
    BoxError, End, Link,
    channel::{Receiver, Sender},
    handler,
    server::{self, Context, Exit, Html, IntoResponse, Router, Routes, Server, interceptors::Cors},
    sse::{self, Drain, Event, EventStream, LastEventId, Unavailable},
    streaming,
};
use tokio::{
    net::TcpStream,
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
};

use crate::{
    browser::Browser,
    tool,
    wire::{Running, soon},
};

#[derive(Clone, Copy, Debug)]
enum Version {
    Http1,
    Http2,
}

use Version::{Http1, Http2};

enum Requests {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

/// A connection, which is closed when this is dropped.
struct Client {
    requests: Requests,
    address: SocketAddr,
    _connection: JoinSet<()>,
}

impl Client {
    async fn connect(server: &Running, version: Version) -> Result<Self, BoxError> {
        let address = server.address;
        let io = TokioIo::new(TcpStream::connect(address).await?);
        let mut tasks = JoinSet::new();
        let requests = match version {
            Http1 => {
                let (requests, connection) = soon(http1::handshake(io)).await?;
                tasks.spawn(async { drop(connection.await) });
                Requests::Http1(requests)
            }
            Http2 => {
                let handshake = http2::handshake(TokioExecutor::new(), io);
                let (requests, connection) = soon(handshake).await?;
                tasks.spawn(async { drop(connection.await) });
                Requests::Http2(requests)
            }
        };
        Ok(Self {
            requests,
            address,
            _connection: tasks,
        })
    }

    async fn ask(
        &mut self,
        method: &str,
        headers: &[(&str, &str)],
    ) -> Result<Response<Incoming>, BoxError> {
        let address = self.address;
        let (uri, host) = match self.requests {
            Requests::Http1(_) => ("/events".to_owned(), Some(address.to_string())),
            Requests::Http2(_) => (format!("http://{address}/events"), None),
        };
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(host) = host {
            request = request.header("host", host);
        }
        let request = request.body(Empty::new())?;
        Ok(match &mut self.requests {
            Requests::Http1(requests) => soon(requests.send_request(request)).await?,
            Requests::Http2(requests) => soon(requests.send_request(request)).await?,
        })
    }
}

/// The rest of a body, and whether it is whole.
async fn rest(mut body: Incoming) -> (String, bool) {
    let mut text = Vec::new();
    let rest = async {
        loop {
            match body.frame().await {
                Some(Ok(frame)) => text.extend(frame.into_data().expect("no trailers")),
                end => return end.is_none(),
            }
        }
    };
    let whole = soon(rest).await;
    (String::from_utf8(text).expect("text"), whole)
}

type Stream = EventStream<Receiver<Event>>;

/// One event stream on a server of its own, what is told of its end, and its client.
struct Scene {
    server: Running,
    client: Client,
    response: Response<Incoming>,
    events: Sender<Event>,
    told: Told,
}

/// Why the stream ended, and how its exchange did, each time that one is told.
struct Told {
    ends: mpsc::Receiver<End>,
    exits: mpsc::Receiver<Exit>,
}

impl Told {
    /// Exactly once, now that nobody can tell any more.
    async fn is(&mut self, end: End, exit: Exit) {
        assert_eq!(soon(self.ends.recv()).await, Some(end));
        assert_eq!(soon(self.ends.recv()).await, None);
        assert_eq!(soon(self.exits.recv()).await, Some(exit));
        assert_eq!(soon(self.exits.recv()).await, None);
    }
}

/// A router whose `/events` hands out its sender.
fn router(
    set: fn(Stream) -> Stream,
) -> Result<(Router, mpsc::Receiver<Sender<Event>>, Told), BoxError> {
    let (give, senders) = mpsc::channel(1);
    let (tell_end, ends) = mpsc::channel(4);
    let (tell_exit, exits) = mpsc::channel(4);
    let follow = move |cx: &mut Context| {
        let (tell_end, tell_exit) = (tell_end.clone(), tell_exit.clone());
        cx.on_ended(move |ended| tell_exit.try_send(ended.exit()).expect("it has room"));
        let (events, stream) = sse::channel(4);
        assert!(give.try_send(events).is_ok(), "it has room");
        let stream = stream.on_end(move |end| tell_end.try_send(end).expect("it has room"));
        set(stream).into_response()
    };
    let router = Routes::new().get("/events", handler(follow)).build()?;
    Ok((router, senders, Told { ends, exits }))
}

impl Scene {
    async fn start(
        version: Version,
        set: fn(Stream) -> Stream,
        serve: fn(Server) -> Server,
    ) -> Result<Self, BoxError> {
        let (router, mut senders, told) = router(set)?;
        let server = Running::start_with(router, serve).await;
        let mut client = Client::connect(&server, version).await?;
        let response = client.ask("GET", &[]).await?;
        let events = soon(senders.recv()).await.ok_or("it starts")?;
        Ok(Self {
            server,
            client,
            response,
            events,
            told,
        })
    }

    async fn of(version: Version) -> Result<Self, BoxError> {
        Self::start(version, |stream| stream, |server| server).await
    }
}

const OPENED: &str = ":\n\n";

#[tokio::test]
async fn a_stream_whose_sender_is_done_has_finished() -> Result<(), BoxError> {
    for version in [Http1, Http2] {
        let mut scene = Scene::of(version).await?;
        scene.events.send(Event::data("a")).await?;
        // Its last sender is gone with this: the stream ends, and nobody is left to ask it why.
        scene.events.finish();
        let expected = (format!("{OPENED}data: a\n\n"), true);
        assert_eq!(rest(scene.response.into_body()).await, expected);
        scene.server.ended().await;
        scene.told.is(End::Finished, Exit::Served).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_whose_sender_fails_is_aborted_and_another_learns_it() -> Result<(), BoxError> {
    for version in [Http1, Http2] {
        let mut scene = Scene::of(version).await?;
        scene.events.send(Event::data("a")).await?;
        scene.events.clone().abort("the tap ran dry");
        let expected = (format!("{OPENED}data: a\n\n"), false);
        assert_eq!(rest(scene.response.into_body()).await, expected);
        assert_eq!(soon(scene.events.closed()).await, End::Failed);
        scene.server.ended().await;
        scene.told.is(End::Failed, Exit::Aborted).await;
    }
    Ok(())
}

/// Over HTTP/2 the connection goes on.
#[tokio::test]
async fn a_client_that_leaves_is_told_at_once() -> Result<(), BoxError> {
    for version in [Http1, Http2] {
        let mut scene = Scene::of(version).await?;
        drop(scene.response);
        assert_eq!(soon(scene.events.closed()).await, End::PeerLeft);
        drop(scene.client);
        scene.server.ended().await;
        scene.told.is(End::PeerLeft, Exit::Left).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_drains_ends_the_stream_cleanly() -> Result<(), BoxError> {
    for version in [Http1, Http2] {
        let last = |stream: Stream| stream.on_drain(Drain::Last(Event::data("back soon")));
        let mut scene = Scene::start(version, last, |server| server).await?;
        let ending = scene.server.end();
        let expected = (format!("{OPENED}data: back soon\n\n"), true);
        assert_eq!(rest(scene.response.into_body()).await, expected);
        assert_eq!(soon(scene.events.closed()).await, End::Drained);
        ending.ended().await;
        scene.told.is(End::Drained, Exit::Served).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_goes_on_beyond_the_grace_is_cut_at_the_deadline() -> Result<(), BoxError> {
    for version in [Http1, Http2] {
        let stays = |stream: Stream| stream.on_drain(Drain::Finish);
        let short = |server: Server| server.grace(Duration::from_millis(20));
        let mut scene = Scene::start(version, stays, short).await?;
        let ending = scene.server.end();
        let expected = (OPENED.to_owned(), false);
        assert_eq!(rest(scene.response.into_body()).await, expected);
        assert_eq!(soon(scene.events.closed()).await, End::Deadline);
        ending.ended().await;
        scene.told.is(End::Deadline, Exit::Shutdown).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_client_that_reads_nothing_stalls() -> Result<(), BoxError> {
    for version in [Http1, Http2] {
        let short = |server: Server| server.write_timeout(Duration::from_millis(100));
        let mut scene = Scene::start(version, |stream| stream, short).await?;
        let large = Event::data(&"x".repeat(256 * 1024));
        let full = async { while scene.events.send(large.clone()).await.is_ok() {} };
        soon(full).await;
        assert_eq!(soon(scene.events.closed()).await, End::Stalled);
        let (_, whole) = rest(scene.response.into_body()).await;
        assert!(!whole);
        scene.server.ended().await;
        scene.told.is(End::Stalled, Exit::Aborted).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_stream_that_is_too_old_ends_cleanly() -> Result<(), BoxError> {
    for version in [Http1, Http2] {
        let young = |stream: Stream| stream.max_age(Duration::from_millis(20));
        let mut scene = Scene::start(version, young, |server| server).await?;
        let expected = (OPENED.to_owned(), true);
        assert_eq!(rest(scene.response.into_body()).await, expected);
        assert_eq!(soon(scene.events.closed()).await, End::TooOld);
        scene.server.ended().await;
        scene.told.is(End::TooOld, Exit::Served).await;
    }
    Ok(())
}

/// A response whose producer tells that it has started, and whose stream why it has ended.
type Produce = fn(mpsc::Sender<()>, mpsc::Sender<End>) -> Result<server::Response, BoxError>;

const PRODUCED: [Produce; 2] = [
    |start, tell| {
        let events = sse::produce(1, |_| async move { start.send(()).await });
        let events = events.on_end(move |end| tell.try_send(end).expect("it has room"));
        events.into_response().into_response()
    },
    |start, tell| {
        let lines = streaming::produce(1, |_: Sender<Bytes>| async move { start.send(()).await });
        let lines = lines.on_end(move |end| tell.try_send(end).expect("it has room"));
        lines.into_response().into_response()
    },
];

async fn is_never_started(version: Version, produce: Produce) -> Result<(), BoxError> {
    let (start, mut started) = mpsc::channel(1);
    let (tell, mut ends) = mpsc::channel(2);
    let follow = move |_: &mut Context| produce(start.clone(), tell.clone());
    let router = Routes::new().get("/events", handler(follow)).build()?;
    let server = Running::start(router).await;
    let mut client = Client::connect(&server, version).await?;
    let response = client.ask("HEAD", &[]).await?;
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    assert!(headers.contains_key("content-type"), "{headers:?}");
    assert_eq!(headers["x-accel-buffering"], "no");
    assert!(!headers.contains_key("content-length"), "{headers:?}");
    assert_eq!(rest(response.into_body()).await, (String::new(), true));
    server.ended().await;
    assert_eq!(soon(started.recv()).await, None);
    // The server has dropped the stream without a word.
    assert_eq!(soon(ends.recv()).await, Some(End::PeerLeft));
    assert_eq!(soon(ends.recv()).await, None);
    Ok(())
}

#[tokio::test]
async fn a_head_request_gets_the_head_of_a_stream_and_never_starts_its_producer()
-> Result<(), BoxError> {
    for produce in PRODUCED {
        is_never_started(Http1, produce).await?;
        is_never_started(Http2, produce).await?;
    }
    Ok(())
}

/// Sends the numbers from 1 to 3 that come after the last one seen.
fn count(
    cx: &mut Context,
) -> Response<impl hyper::body::Body<Data = Bytes, Error = BoxError> + use<>> {
    let last = LastEventId::of(cx.headers(), cx.uri());
    let last = last.as_ref().and_then(LastEventId::as_str);
    let seen = last.and_then(|id| id.parse().ok()).unwrap_or(0);
    let numbers = (seen + 1..=3_u8).map(|number| {
        let number = number.to_string();
        Ok::<_, BoxError>(Event::builder().id(&number).data(&number).build()?)
    });
    EventStream::new(tokio_stream::iter(numbers)).into_response()
}

#[tokio::test]
async fn a_page_of_another_origin_may_ask_to_go_on_and_does() -> Result<(), BoxError> {
    let cors = Cors::origins(["https://app.example.org"])?;
    let routes = Routes::new().interceptors(Link::new(cors));
    let server = Running::start(routes.get("/events", handler(count)).build()?).await;
    for version in [Http1, Http2] {
        let mut client = Client::connect(&server, version).await?;
        let origin = ("origin", "https://app.example.org");
        // What a browser asks before the id of a reader that is no `EventSource` of its own goes to another origin.
        let method = ("access-control-request-method", "GET");
        let names = ("access-control-request-headers", "last-event-id");
        let preflight = client.ask("OPTIONS", &[origin, method, names]).await?;
        assert_eq!(preflight.status(), 204);
        let headers = preflight.headers();
        assert_eq!(headers["access-control-allow-origin"], origin.1);
        let allowed = headers["access-control-allow-headers"].to_str()?;
        assert!(allowed.split(", ").any(|name| name == "last-event-id"));
        let allowed = headers["access-control-allow-methods"].to_str()?;
        assert!(allowed.split(", ").any(|method| method == "GET"));

        let accept = ("accept", sse::CONTENT_TYPE);
        let last = ("last-event-id", "1");
        let response = client.ask("GET", &[origin, accept, last]).await?;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["access-control-allow-origin"], origin.1);
        assert_eq!(response.headers()["content-type"], sse::CONTENT_TYPE);
        let (events, whole) = rest(response.into_body()).await;
        let expected = format!("{OPENED}id: 2\ndata: 2\n\nid: 3\ndata: 3\n\n");
        assert_eq!((events, whole), (expected, true));
    }
    server.ended().await;
    Ok(())
}

/// Counts how often it lost its connection; one that is refused for good is not among them.
const PAGE: &str = "<!doctype html><p id=lost>0</p><script>
const source = new EventSource('/events');
source.onerror = () => {
    if (source.readyState === EventSource.CONNECTING) document.querySelector('#lost').textContent++;
};
</script>";

/// Its own delay is of some seconds. That of the server has no blank line after it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_comes_back_to_an_unavailable_server_after_the_delay_that_it_was_told()
-> Result<(), BoxError> {
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let unavailable = Unavailable::new().after(Duration::from_millis(1));
    let unavailable = unavailable.spread(Duration::ZERO);
    let answer = move |cx: &mut Context| unavailable.answer(cx.headers());
    let router = Routes::new()
        .get("/", handler(|_: &mut Context| Html(PAGE)))
        .get("/events", handler(answer))
        .build()?;
    let server = Running::start(router).await;
    let page = format!("http://{}/", server.address);
    let comes_back = move || {
        let mut browser = Browser::start(&chromium);
        browser.open(&page);
        browser.wait_for("document.querySelector('#lost')?.textContent >= 40");
    };
    spawn_blocking(comes_back).await?;
    server.ended().await;
    Ok(())
}
