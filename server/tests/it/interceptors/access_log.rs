//! One line in the log for each exchange.

use std::time::Duration;

use http::{StatusCode, header::RETRY_AFTER};
use peristyle_core::{Chain, Link, after, before, handler};
use peristyle_server::{
    Context, IntoResponse, Problem, Routes, TestClient,
    interceptors::{AccessLog, TraceContext},
};
use tokio::time::sleep;
use tracing::subscriber::DefaultGuard;

use super::{name, refuse, value};
use crate::{
    lines::Lines,
    support::{Running, get},
};

/// What the access log says on this thread from here on.
fn kept() -> (Lines, DefaultGuard) {
    Lines::kept(|metadata| metadata.target() == "peristyle_server::access")
}

fn log() -> Link<peristyle_server::Exchange> {
    Link::new(AccessLog::new())
}

/// What the log says, without the id, which is another each time.
fn without_id(line: &str) -> String {
    let words = line.split(' ').filter(|word| !word.starts_with("id="));
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn each_exchange_is_one_event_at_the_level_of_its_status() {
    let (lines, _kept) = kept();
    let slow = handler(async |_: &mut Context| {
        sleep(Duration::from_millis(3)).await;
        "hello"
    });
    let panics = handler(|_: &mut Context| -> &str { panic!("boom") });
    let routes = Routes::new()
        .interceptors(log())
        .get("/hello/{name}", slow)
        .get("/panics", panics)
        .get("/fail", refuse());
    let client = TestClient::new(routes.build().unwrap());
    let cases = [
        (
            "/hello/Ada?secret=1",
            "INFO message=exchange ended method=\"GET\" path=\"/hello/Ada\" route=\"/hello/{name}\" status=200 bytes=5 micros=3000 exit=\"served\"",
        ),
        (
            "/fail",
            "WARN message=exchange ended method=\"GET\" path=\"/fail\" route=\"/fail\" status=409 bytes={} micros=0 exit=\"served\"",
        ),
        (
            "/none",
            "WARN message=exchange ended method=\"GET\" path=\"/none\" status=404 bytes={} micros=0 exit=\"served\"",
        ),
        (
            "/panics",
            "ERROR message=exchange ended method=\"GET\" path=\"/panics\" route=\"/panics\" status=500 bytes={} micros=0 exit=\"served\"",
        ),
    ];
    for (uri, expected) in cases {
        let body = client.get(uri).send().await.text().await.unwrap();
        let expected = expected.replace("{}", &body.len().to_string());
        let logged: Vec<_> = lines.take().iter().map(|line| without_id(line)).collect();
        assert_eq!(logged, [expected]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_told_to_come_back_is_no_error() {
    let (lines, _kept) = kept();
    let shed = before(|_: &mut Context| {
        let problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE);
        Err::<(), _>(problem.header(RETRY_AFTER, value("1")))
    });
    let busy = handler(|_: &mut Context| {
        (StatusCode::SERVICE_UNAVAILABLE, [(RETRY_AFTER, "1")], ()).into_response()
    });
    let down = handler(|_: &mut Context| StatusCode::SERVICE_UNAVAILABLE);
    for (chain, level) in [
        (Chain::new([log(), shed]), "WARN"),
        (Chain::new([log(), busy]), "WARN"),
        (Chain::new([log(), down]), "ERROR"),
    ] {
        let routes = Routes::new().get("/", chain);
        let client = TestClient::new(routes.build().unwrap());
        let response = client.get("/").send().await;
        assert_eq!(response.status(), 503);
        drop(response.text().await);
        let logged = lines.take();
        assert_eq!(logged.len(), 1);
        assert!(logged[0].starts_with(level), "{logged:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_still_pending_has_the_status_of_its_response() {
    let (lines, _kept) = kept();
    let fails = after(|_: &mut Context| Err::<(), _>("boom"));
    for (chain, status) in [([log(), refuse()], 409), ([log(), fails], 500)] {
        let response = super::greeter(chain).get("/").send().await;
        assert_eq!(response.status(), status);
        drop(response.text().await);
        let logged = lines.take();
        assert_eq!(logged.len(), 1);
        assert!(
            logged[0].contains(&format!(" status={status} ")),
            "{logged:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_is_one_event_at_debug_without_a_status() {
    let (lines, _kept) = kept();
    let waits = before(async |_: &mut Context| std::future::pending::<()>().await);
    let client = super::greeter([log(), waits]);
    let mut sending = tokio_test::task::spawn(client.get("/").send());
    assert!(sending.poll().is_pending());
    tokio::time::advance(Duration::from_secs(1)).await;
    drop(sending);
    let logged: Vec<_> = lines.take().iter().map(|line| without_id(line)).collect();
    let expected = "DEBUG message=exchange ended method=\"GET\" path=\"/\" route=\"/\" bytes=0 micros=1000000 exit=\"left\"";
    assert_eq!(logged, [expected]);
}

#[tokio::test(start_paused = true)]
async fn it_has_the_ids_of_the_execution_and_of_the_trace() {
    let (lines, _kept) = kept();
    let routes = Routes::new()
        .interceptors([log(), Link::new(TraceContext::new())])
        .get("/", handler(|cx: &mut Context| cx.id().to_string()));
    let client = TestClient::new(routes.build().unwrap());
    let comes = value("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let request = client.get("/").header(name("traceparent"), comes);
    let id = request.send().await.text().await.unwrap();
    let line = lines.take().remove(0);
    assert!(line.contains(&format!(" id={id} ")), "{line}");
    assert!(
        line.contains(" trace_id=0af7651916cd43dd8448eb211c80319c span_id="),
        "{line}"
    );
    assert!(line.ends_with(" parent_id=b7ad6b7169203331"), "{line}");
}

#[tokio::test]
async fn it_has_the_address_of_the_client() {
    let (lines, _kept) = kept();
    let peer =
        handler(|cx: &mut Context| cx.peer().map(|peer| peer.to_string()).unwrap_or_default());
    let routes = Routes::new().interceptors(log()).get("/", peer);
    let server = Running::start(routes.build().unwrap()).await;
    let answer = server.answer(get("/")).await;
    let (_, peer) = answer.split_once("\r\n\r\n").unwrap();
    let line = lines.take().remove(0);
    assert!(line.contains(&format!(" peer={peer}")), "{line}");
    server.ended().await;
}
