//! Every failure is one event with the id that is in its response.

use std::{collections::BTreeMap, error, fmt, future, time::Duration};

use http::{HeaderName, HeaderValue, Method, StatusCode, header::CONTENT_LENGTH};
use http_body_util::BodyExt;
use peristyle_core::{BoxError, Chain, Error, Link, after, before, handler, on_error};
use peristyle_server::{
    BodyError, Context, Exchange, Interrupts, IntoResponse, Problem, Query, Response, Routes,
    TestClient,
    interceptors::{ConcurrencyLimit, RequestId},
};
use serde_json::Value;
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep,
};
use tokio_test::task;
use tracing::{Level, subscriber::DefaultGuard};

use crate::{
    http2,
    lines::Lines,
    support::{Fed, GET, Running, Waits, finished, get, once, request, soon},
};

/// All that the server logs on this thread from here on.
fn kept() -> (Lines, DefaultGuard) {
    Lines::kept(|metadata| {
        let ours = metadata.target().starts_with("peristyle");
        ours && metadata.is_event() && *metadata.level() <= Level::DEBUG
    })
}

fn ids() -> RequestId {
    RequestId::new().accept_incoming()
}

fn client(routes: Routes) -> TestClient {
    TestClient::new(routes.build().unwrap().request_id(ids()))
}

/// A service whose only route, `/`, is this chain.
fn serving(chain: impl Into<Chain<Exchange>>) -> TestClient {
    client(Routes::new().get("/", chain))
}

/// A service with this interceptor outside of the one that answers errors.
fn inside(outer: Link<Exchange>) -> TestClient {
    let greet = handler(|_: &mut Context| "hello");
    client(Routes::new().interceptors(outer).get("/", greet))
}

/// The status and the id of the answer to the request `req-7`.
async fn answer(client: &TestClient, method: Method, uri: &str) -> (u16, String) {
    let id = HeaderValue::from_static("req-7");
    let request = client.request(method, uri);
    let request = request.header(HeaderName::from_static("x-request-id"), id);
    let response = request.send().await;
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["status"], status);
    (status, document["id"].as_str().unwrap().to_owned())
}

async fn assert_logged(client: &TestClient, method: Method, uri: &str, status: u16, event: &str) {
    let (lines, _kept) = kept();
    let expected = (status, "req-7".to_owned());
    assert_eq!(answer(client, method, uri).await, expected, "{event}");
    let (level, error) = event.split_once(' ').unwrap();
    let message = if level == "ERROR" {
        "failed"
    } else {
        "refused"
    };
    let line = format!("{level} message=request {message} id=req-7 status={status} error={error}");
    assert_eq!(lines.take(), [line]);
}

fn boom(_: &mut Context) -> Result<(), &'static str> {
    Err("boom")
}

/// Has no words for what went wrong.
#[derive(Debug)]
struct Wordless;

impl fmt::Display for Wordless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("no words")
    }
}

impl error::Error for Wordless {}

#[tokio::test]
async fn an_error_that_is_raised_inside_is_one_event() {
    let refund = on_error(|_: &mut Context, _: Error| Err::<(), _>("no refund")).named("refund");
    let raised = handler(boom).named("raised");
    let greet = || handler(|_: &mut Context| "hello");
    let because = || {
        let problem = Problem::new(StatusCode::BAD_GATEWAY);
        Err::<(), _>(problem.detail("try later").because("boom"))
    };
    let unwritten = || {
        let problem = Problem::new(StatusCode::CONFLICT);
        Err::<(), _>(problem.member("pairs", BTreeMap::from([((1, 2), 3)])))
    };
    let cases: [(Chain<Exchange>, _, _); 8] = [
        (
            raised.clone().into(),
            500,
            "ERROR enter of `raised` failed: boom",
        ),
        (
            handler(|_: &mut Context| -> () { panic!("boom") })
                .named("panics")
                .into(),
            500,
            "ERROR enter of `panics` failed: panicked: boom",
        ),
        (
            Chain::new([after(boom).named("late"), greet()]),
            500,
            "ERROR leave of `late` failed: boom",
        ),
        (
            Chain::new([refund, raised]),
            500,
            "ERROR error of `refund` failed: no refund suppressed=enter of `raised` failed: boom",
        ),
        (
            handler(move |_: &mut Context| because())
                .named("because")
                .into(),
            502,
            "ERROR enter of `because` failed: 502 Bad Gateway: try later: boom",
        ),
        (
            handler(move |_: &mut Context| unwritten())
                .named("unwritten")
                .into(),
            500,
            "ERROR enter of `unwritten` failed: 500 Internal Server Error: key must be a string",
        ),
        (
            handler(|_: &mut Context| Err::<(), _>(Wordless))
                .named("wordless")
                .into(),
            500,
            "ERROR enter of `wordless` failed: panicked: no words",
        ),
        (
            before(|cx: &mut Context| {
                drop(cx.take());
                oneshot::channel::<Exchange>().1
            })
            .named("lost")
            .into(),
            500,
            "ERROR enter of `lost` failed: closed before conveying a value",
        ),
    ];
    for (chain, status, event) in cases {
        assert_logged(&serving(chain), Method::GET, "/", status, event).await;
    }
}

#[tokio::test]
async fn an_error_that_is_raised_outside_is_one_event() {
    let wordless = after(|_: &mut Context| Err::<(), _>(Wordless));
    for (outer, event) in [
        (before(boom), "ERROR enter of `outer` failed: boom"),
        (after(boom), "ERROR leave of `outer` failed: boom"),
        (
            wordless,
            "ERROR leave of `outer` failed: panicked: no words",
        ),
    ] {
        let client = inside(outer.named("outer"));
        assert_logged(&client, Method::GET, "/", 500, event).await;
    }
}

#[tokio::test]
async fn an_error_that_cannot_be_answered_is_one_event_with_the_reason() {
    let client = serving(handler(boom).named("raised"));
    let (lines, _kept) = kept();
    lines.fill();
    let expected = (500, "req-7".to_owned());
    assert_eq!(answer(&client, Method::GET, "/").await, expected);
    let line = "ERROR message=request failed id=req-7 status=500 error=error of `errors` failed: \
                panicked: it is full suppressed=enter of `raised` failed: boom";
    assert_eq!(lines.take(), [line]);
}

#[tokio::test]
async fn a_response_that_cannot_be_sent_is_one_event() {
    let long = || (StatusCode::OK, [(CONTENT_LENGTH, "2")], "abc").into_response();
    let cases = [
        (
            before(|_: &mut Context| ()),
            "ERROR no interceptor answered",
        ),
        (
            handler(|_: &mut Context| StatusCode::EARLY_HINTS),
            "ERROR the informational status 103 cannot end an exchange",
        ),
        (
            handler(move |_: &mut Context| long()),
            "ERROR a response of 3 bytes declares a length of 2",
        ),
    ];
    for (link, event) in cases {
        assert_logged(&serving(link), Method::GET, "/", 500, event).await;
    }
}

#[tokio::test]
async fn a_request_that_is_refused_is_one_event_at_debug() {
    let page = peristyle_server::handler(async |_: Query<BTreeMap<String, u8>>| ());
    let read = handler(async |cx: &mut Context| -> Result<(), BodyError> {
        cx.body().set_limit(0);
        cx.body().bytes().await.map(drop)
    });
    let taken = handler(|_: &mut Context| Err::<(), _>(Problem::new(StatusCode::CONFLICT)));
    let routes = Routes::new()
        .get("/page", page.named("page"))
        .post("/read", read)
        .get("/taken", taken.named("taken"));
    let client = client(routes);
    let (lines, _kept) = kept();
    for (method, uri, status) in [
        (Method::GET, "/none", 404),
        (Method::PUT, "/page", 405),
        (Method::GET, "/%zz", 400),
        (Method::GET, "/page?a=b", 400),
        (Method::GET, "/taken", 409),
    ] {
        let expected = (status, "req-7".to_owned());
        assert_eq!(answer(&client, method, uri).await, expected, "{uri}");
        let logged = lines.take();
        assert_eq!(logged.len(), 1, "{logged:?}");
        let start =
            format!("DEBUG message=request refused id=req-7 status={status} error=enter of ");
        assert!(logged[0].starts_with(&start), "{logged:?}");
    }
    let response = client.post("/read", "abc").send().await;
    assert_eq!(response.status(), 413);
    assert_eq!(lines.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_took_too_long_is_one_event() {
    let patience = Interrupts::new().after(Duration::from_secs(5));
    let waits = before(async |_: &mut Context| future::pending::<()>().await).named("waits");
    let client = serving([Link::new(patience), waits]);
    let event = "ERROR enter of `waits` failed: not done within 5s";
    assert_logged(&client, Method::GET, "/", 503, event).await;
}

/// They are two errors, and the client is told of the second.
#[tokio::test]
async fn an_error_after_an_error_was_answered_is_an_event_of_its_own() {
    let (lines, _kept) = kept();
    let routes = Routes::new()
        .interceptors(after(boom).named("outer"))
        .get("/", handler(boom).named("inner"));
    let expected = (500, "req-7".to_owned());
    assert_eq!(answer(&client(routes), Method::GET, "/").await, expected);
    let logged = lines.take();
    let errors = [
        "ERROR message=request failed id=req-7 status=500 error=enter of `inner` failed: boom",
        "ERROR message=request failed id=req-7 status=500 error=leave of `outer` failed: boom",
    ];
    assert_eq!(logged, errors);
}

#[tokio::test]
async fn an_error_that_an_interceptor_handles_is_none() {
    let (lines, _kept) = kept();
    let fine = on_error(|cx: &mut Context, _: Error| cx.respond("never mind"));
    let client = serving([fine, handler(boom)]);
    assert_eq!(client.get("/").send().await.status(), 200);
    assert_eq!(lines.take(), [""; 0]);
}

/// A server that has too much to do must not be kept busy by its log.
#[tokio::test]
async fn a_request_that_is_shed_is_one_event_at_debug() {
    let waits = handler(async |_: &mut Context| future::pending::<()>().await);
    let limit = Link::new(ConcurrencyLimit::new(1));
    let client = client(Routes::new().interceptors(limit).get("/", waits));
    let mut first = task::spawn(client.get("/").send());
    assert!(first.poll().is_pending());
    let event =
        "DEBUG enter of `concurrency_limit` failed: 503 Service Unavailable: the server is busy";
    assert_logged(&client, Method::GET, "/", 503, event).await;
}

#[tokio::test]
async fn a_request_that_a_shutdown_interrupts_is_one_event_at_debug() {
    let (lines, _kept) = kept();
    let (entered, mut waits) = mpsc::channel(1);
    let dropped = mpsc::channel(1).0;
    let ends = Link::new(Interrupts::new().on_shutdown());
    let chain = [ends, Link::new(Waits { entered, dropped })];
    let router = Routes::new().get("/", chain).build().unwrap();
    let grace = Duration::from_secs(1);
    let server = Running::start_with(router, |server| server.grace(grace)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(waits.recv()).await.unwrap();
    let serving = server.end();
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("\r\nretry-after: 1\r\n"), "{answer}");
    finished(serving).await;
    let logged = lines.take();
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].starts_with("DEBUG message=request refused id="));
    assert!(logged[0].ends_with(" failed: the server shuts down"));
}

#[tokio::test]
async fn a_method_that_is_refused_is_one_event_at_debug() {
    let (lines, _kept) = kept();
    let router = Routes::new().build().unwrap().request_id(ids());
    let server = Running::start(router).await;
    let trace = "TRACE / HTTP/1.1\r\nhost: a\r\naccept: text/plain\r\nx-request-id: req-7\r\n\r\n";
    let answer = server.answer(trace).await;
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
    assert!(answer.contains("\r\nx-request-id: req-7\r\n"), "{answer}");
    let lines_of_text = "\r\n\r\n501 Not Implemented\nid: req-7\n";
    assert!(answer.ends_with(lines_of_text), "{answer}");
    let line = "DEBUG message=request refused id=req-7 status=501";
    assert_eq!(lines.take(), [line]);
    server.ended().await;
}

#[tokio::test]
async fn without_a_request_id_a_refused_method_has_one_of_the_process() {
    let (lines, _kept) = kept();
    let server = Running::start(Routes::new().build().unwrap()).await;
    let answer = server.answer(request("TRACE", "/")).await;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let document: Value = serde_json::from_str(body).unwrap();
    let id = document["id"].as_str().unwrap();
    let line = format!("DEBUG message=request refused id={id} status=501");
    assert_eq!(lines.take(), [line]);
    server.ended().await;
}

fn broken() -> Response {
    let (values, body) = Fed::new();
    values.try_send(Ok("ab".into())).unwrap();
    values
        .try_send(Err::<_, BoxError>("broken".into()))
        .unwrap();
    body.response()
}

fn short() -> Response {
    let (values, body) = Fed::new();
    values.try_send(Ok("ab".into())).unwrap();
    let mut response = body.response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_LENGTH, HeaderValue::from_static("3"));
    response
}

#[tokio::test]
async fn a_body_that_fails_is_one_event_with_the_id_of_its_response() {
    for (response, error) in [
        (broken as fn() -> _, "broken"),
        (short, "the body ended 1 bytes before its declared length"),
    ] {
        let (lines, _kept) = kept();
        let line = format!("ERROR message=a response is cut off id=req-7 error={error}");
        let server = handler(once(response()));
        let router = Routes::new().get("/", server).build().unwrap();
        let server = Running::start(router.request_id(ids())).await;
        let request = get("/").replace("host:", "x-request-id: req-7\r\nhost:");
        let answer = server.answer(request).await;
        assert!(answer.contains("\r\nx-request-id: req-7\r\n"), "{answer}");
        server.ended().await;
        assert_eq!(lines.take(), [line]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_execution_that_fails_without_its_client_is_one_event() {
    let (lines, _kept) = kept();
    let fails = handler(async |_: &mut Context| {
        sleep(Duration::from_secs(1)).await;
        Err::<(), _>("boom")
    });
    let chain = Chain::from(fails.named("late")).detached();
    let client = serving(chain);
    let mut sending = task::spawn(answer(&client, Method::GET, "/"));
    assert!(sending.poll().is_pending());
    drop(sending);
    client.finished().await;
    let line =
        "ERROR message=request failed id=req-7 status=500 error=enter of `late` failed: boom";
    assert_eq!(lines.take(), [line]);
}

#[tokio::test]
async fn a_body_that_fails_over_http_2_is_one_event_with_the_id_of_its_response() {
    let (lines, _kept) = kept();
    let (values, body) = Fed::new();
    values.try_send(Err("broken".into())).unwrap();
    let router = Routes::new().get("/", handler(once(body.response())));
    let router = router.build().unwrap().request_id(RequestId::new());
    let server = Running::start(router).await;
    let mut client = http2::Client::connect(&server).await;
    let response = client.get("/").await;
    let id = response.headers()["x-request-id"].to_str().unwrap();
    let line = format!("ERROR message=a response is cut off id={id} error=broken");
    let failed = soon(response.into_body().collect()).await;
    assert!(failed.is_err());
    drop(client);
    server.ended().await;
    assert_eq!(lines.take(), [line]);
}
