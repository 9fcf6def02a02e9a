//! The span that all of a request is in.

use std::{
    fmt::{self, Write},
    sync::{Arc, LazyLock, Mutex},
};

use http::Method;
use peristyle_core::{Chain, Error, Link, around, before, handler, on_error};
use peristyle_server::{
    Context, Routes, TestClient,
    interceptors::{RequestId, RequestSpan, TraceContext},
};
use tokio::task::yield_now;
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    info,
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
    subscriber::{DefaultGuard, set_default},
};

use super::{name, refuse, value};
use crate::support::{Fed, Running, get, once, soon};

/// Keeps the spans of requests with their fields, and what is logged in them, as text.
#[derive(Clone, Default)]
struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Default)]
struct Recorded {
    /// The fields and the handles of each span; its id is its place, counted from 1.
    spans: Vec<(Fields, i32)>,
    entered: Vec<Id>,
    /// The text of each event, and the span that it was in.
    events: Vec<(String, Option<Id>)>,
}

#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        writeln!(self.0, "{}={value:?}", field.name()).unwrap();
    }
}

/// While one subscriber is alive alone, `tracing` asks the thread that first meets a span or an event whether anyone wants it,
/// and not that subscriber.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(Recorder::default()));

impl Recorder {
    /// What this thread logs from here on.
    fn kept() -> (Self, DefaultGuard) {
        LazyLock::force(&SECOND);
        let recorder = Self::default();
        crate::lines::ask_always();
        let guard = set_default(recorder.clone());
        (recorder, guard)
    }

    /// What was logged, each after the number of its span.
    fn events(&self) -> Vec<String> {
        let recorded = self.0.lock().unwrap();
        let events = recorded.events.iter();
        let number = |id: &Option<Id>| id.as_ref().map_or(0, Id::into_u64);
        events
            .map(|(text, id)| format!("{} {text}", number(id)))
            .collect()
    }

    /// The fields of the last span, sorted.
    fn fields(&self) -> Vec<String> {
        let recorded = self.0.lock().unwrap();
        let (fields, _) = recorded.spans.last().unwrap();
        let mut lines: Vec<_> = fields.0.lines().map(ToOwned::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    fn open(&self) -> usize {
        let recorded = self.0.lock().unwrap();
        assert_eq!(recorded.entered, []);
        let spans = recorded.spans.iter();
        spans.filter(|(_, handles)| *handles > 0).count()
    }

    fn span<R>(&self, id: &Id, change: impl FnOnce(&mut (Fields, i32)) -> R) -> R {
        let at = usize::try_from(id.into_u64()).unwrap() - 1;
        change(&mut self.0.lock().unwrap().spans[at])
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let ours = [
            "peristyle_server::request",
            "peristyle_server::problem::failures",
        ];
        ours.contains(&metadata.target()) || metadata.target().starts_with("it::")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        assert_eq!(span.metadata().name(), "request");
        assert_eq!(*span.metadata().level(), Level::INFO);
        let mut fields = Fields::default();
        span.record(&mut fields);
        let mut recorded = self.0.lock().unwrap();
        recorded.spans.push((fields, 1));
        Id::from_u64(recorded.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.span(span, |(fields, _)| values.record(fields));
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut recorded = self.0.lock().unwrap();
        let text = fields.0.lines().find(|line| line.starts_with("message="));
        let text = text.unwrap_or_default().replace("message=", "");
        let here = recorded.entered.last().cloned();
        recorded.events.push((text, here));
    }

    fn enter(&self, span: &Id) {
        self.0.lock().unwrap().entered.push(span.clone());
    }

    fn exit(&self, span: &Id) {
        let left = self.0.lock().unwrap().entered.pop();
        assert_eq!(left.as_ref(), Some(span));
    }

    fn clone_span(&self, span: &Id) -> Id {
        self.span(span, |(_, handles)| *handles += 1);
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        self.span(&span, |(_, handles)| {
            *handles -= 1;
            *handles == 0
        })
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
}

/// Sees no more than warnings.
struct AtWarn;

impl Subscriber for AtWarn {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::WARN
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        panic!("a span that is disabled: {}", span.metadata().name());
    }

    fn event(&self, _: &Event<'_>) {}
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

fn spanned(routes: Routes) -> TestClient {
    TestClient::new(routes.build().unwrap().request_span(RequestSpan::new()))
}

/// Logs before and after a wait.
async fn waits(_: &mut Context) -> &'static str {
    info!("before");
    yield_now().await;
    info!("after");
    "hello"
}

#[tokio::test]
async fn all_that_is_logged_while_a_request_is_handled_is_in_its_span() {
    let (recorder, _kept) = Recorder::kept();
    let logs = around(
        |_: &mut Context| info!("enters"),
        async |_: &mut Context| {
            yield_now().await;
            info!("leaves");
        },
    );
    let routes = Routes::new().interceptors(logs);
    let client = spanned(routes.get("/", handler(waits)));
    client.get("/").send().await;
    client.get("/").send().await;
    info!("outside");
    let of = |span| ["enters", "before", "after", "leaves"].map(|it| format!("{span} {it}"));
    let expected = [&of(1)[..], &of(2), &["0 outside".to_owned()]].concat();
    assert_eq!(recorder.events(), expected);
    assert_eq!(recorder.open(), 0);
}

#[tokio::test]
async fn requests_that_take_turns_keep_their_spans_apart() {
    let (recorder, _kept) = Recorder::kept();
    let client = spanned(Routes::new().get("/", handler(waits)));
    let mut both = [(); 2].map(|()| tokio_test::task::spawn(client.get("/").send()));
    while both.each_mut().map(|it| it.poll().is_pending()) == [true, true] {}
    let expected = ["1 before", "2 before", "1 after", "2 after"];
    assert_eq!(recorder.events(), expected);
}

#[tokio::test]
async fn an_error_is_logged_inside_wherever_it_is_rendered() {
    let (recorder, _kept) = Recorder::kept();
    let fails = || before(|_: &mut Context| Err::<(), _>("out of paper"));
    let routes = Routes::new().get("/", fails());
    spanned(routes).get("/").send().await;
    let outermost = Routes::new().interceptors(fails());
    let outermost = outermost.get("/", handler(waits));
    spanned(outermost).get("/").send().await;
    assert_eq!(recorder.events(), ["1 request failed", "2 request failed"]);
    let failed = ["error.type=500", "http.response.status_code=500"];
    for field in failed {
        assert!(recorder.fields().contains(&field.to_owned()));
    }
    assert!(
        recorder
            .fields()
            .contains(&"otel.status_code=ERROR".to_owned())
    );
}

/// Logs whenever it is polled, and when it is dropped.
struct Logs(Fed);

impl http_body::Body for Logs {
    type Data = bytes::Bytes;
    type Error = peristyle_core::BoxError;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        info!("polled");
        std::pin::Pin::new(&mut self.0).poll_frame(cx)
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        info!("dropped");
    }
}

#[tokio::test]
async fn a_streamed_body_is_inside_until_it_is_dropped() {
    let (recorder, _kept) = Recorder::kept();
    let (values, body) = Fed::new();
    let response = peristyle_server::Response::new(peristyle_server::Body::new(Logs(body)));
    let client = spanned(Routes::new().get("/", handler(once(response))));
    let mut response = client.get("/").send().await;
    assert_eq!(recorder.open(), 1);
    values.try_send(Ok("a value".into())).unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "a value");
    drop(response);
    assert_eq!(recorder.events(), ["1 polled", "1 dropped"]);
    assert_eq!(recorder.open(), 0);
}

#[tokio::test]
async fn what_goes_on_without_its_client_is_inside() {
    let (recorder, _kept) = Recorder::kept();
    let fails = before(async |cx: &mut Context| {
        waits(cx).await;
        Err::<(), _>("nobody is told")
    });
    let client = spanned(Routes::new().get("/", Chain::from(fails).detached()));
    let mut sending = tokio_test::task::spawn(client.get("/").send());
    assert!(sending.poll().is_pending());
    drop(sending);
    client.finished().await;
    let expected = ["1 before", "1 after", "1 request failed"];
    assert_eq!(recorder.events(), expected);
    assert_eq!(recorder.open(), 0);
}

#[tokio::test]
async fn the_fields_have_the_conventional_names() {
    let (recorder, _kept) = Recorder::kept();
    let handle = on_error(|cx: &mut Context, _: Error| cx.respond("never mind"));
    let routes = Routes::new()
        .interceptors(Link::new(TraceContext::new().seeded(1)))
        .get("/hello/{name}", handler(waits))
        .get("/fail", Chain::new([handle, refuse()]));
    let spanned = routes.build().unwrap().request_span(RequestSpan::new());
    let ids = RequestId::new().accept_incoming();
    let client = TestClient::new(spanned.request_id(ids));
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let request = client
        .get("http://a.example/hello/Ada?secret=1")
        .header(name("x-request-id"), value("req-7"))
        .header(name("traceparent"), value(parent));
    request.send().await;
    let mut fields = recorder.fields();
    let span = fields.iter().position(|it| it.starts_with("span_id="));
    assert_eq!(fields.remove(span.unwrap()).len(), "span_id=".len() + 16);
    let expected = [
        "http.request.method=GET",
        "http.response.status_code=200",
        "http.route=/hello/{name}",
        "id=req-7",
        "network.protocol.version=1.1",
        "otel.kind=server",
        "otel.name=GET /hello/{name}",
        "parent_id=b7ad6b7169203331",
        "trace_id=0af7651916cd43dd8448eb211c80319c",
        "url.path=/hello/Ada",
        "url.scheme=http",
    ];
    assert_eq!(fields, expected);
}

#[tokio::test]
async fn what_matches_no_route_is_named_by_its_method_alone() {
    let (recorder, _kept) = Recorder::kept();
    let client = spanned(Routes::new().get("/", handler(waits)));
    let brew = Method::from_bytes(b"BREW").unwrap();
    client.request(brew, "/pot").send().await;
    let fields: Vec<_> = recorder.fields();
    let expected = [
        "http.request.method=_OTHER",
        "http.response.status_code=404",
        "network.protocol.version=1.1",
        "otel.kind=server",
        "otel.name=_OTHER",
        "url.path=/pot",
    ];
    let without_id = fields.iter().filter(|it| !it.starts_with("id="));
    assert_eq!(
        without_id.collect::<Vec<_>>(),
        expected.iter().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn on_a_connection_the_peer_is_named() {
    let (recorder, _kept) = Recorder::kept();
    let router = Routes::new().get("/", handler(waits)).build().unwrap();
    let server = Running::start(router.request_span(RequestSpan::new())).await;
    soon(server.answer(get("/"))).await;
    server.ended().await;
    let fields = recorder.fields();
    assert!(fields.contains(&"network.peer.address=127.0.0.1".to_owned()));
    assert!(fields.iter().any(|it| it.starts_with("network.peer.port=")));
    assert_eq!(recorder.open(), 0);
}

#[tokio::test]
async fn a_stage_records_in_it_and_gives_it_to_a_task() {
    let (recorder, _kept) = Recorder::kept();
    let notes = handler(|cx: &mut Context| {
        cx.span().record("http.route", "/other");
        let span = cx.span().clone();
        span.in_scope(|| info!("in a task"));
    });
    spanned(Routes::new().get("/", notes)).get("/").send().await;
    assert!(recorder.fields().contains(&"http.route=/other".to_owned()));
    assert_eq!(recorder.events(), ["1 in a task"]);
}

#[test]
fn where_nobody_wants_it_there_is_no_span_and_nothing_is_allocated() {
    LazyLock::force(&SECOND);
    let routes = || -> Routes { Routes::new().get("/", handler(|_: &mut Context| "hello")) };
    let allocations = |client: TestClient| {
        let once = || {
            let mut sending = tokio_test::task::spawn(client.get("/").send());
            assert!(sending.poll().is_ready());
        };
        once();
        allocation_counter::measure(once).count_total
    };
    let _at_warn = set_default(AtWarn);
    let without = allocations(TestClient::new(routes().build().unwrap()));
    assert_eq!(allocations(spanned(routes())), without);
}

/// A router without it has a span that takes nothing.
#[tokio::test]
async fn without_it_there_is_none() {
    let (recorder, _kept) = Recorder::kept();
    let disabled = handler(|cx: &mut Context| cx.span().is_disabled().to_string());
    let routes: Routes = Routes::new().get("/", disabled);
    let client = TestClient::new(routes.build().unwrap());
    let response = client.get("/").send().await;
    assert_eq!(response.text().await.unwrap(), "true");
    assert_eq!(recorder.open(), 0);
}
