//! Another answer in place of a 503.

use std::{
    future::pending,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, header::ORIGIN, request};
use http_body_util::{BodyExt, Empty};
use hyper::service::Service;
use peristyle_core::{Chain, Link, handler};
use peristyle_server::{
    Context, Exchange, Interrupts, Problem, RouterService, Routes, TestClient,
    interceptors::{ConcurrencyLimit, Cors, WhenUnavailable},
};
use tokio_test::task::spawn;
use tracing::Level;

use super::{header, name, value};
use crate::lines::Lines;

/// Asks those to come back who say that they can.
fn come_back(request: &request::Parts) -> Option<&'static str> {
    let patient = request.headers.contains_key("x-patient");
    patient.then_some("come back")
}

fn patience() -> WhenUnavailable {
    WhenUnavailable::new(come_back)
}

fn client(interceptors: impl Into<Chain<Exchange>>, route: Link<Exchange>) -> TestClient {
    let routes = Routes::new().interceptors(interceptors).get("/", route);
    TestClient::new(routes.build().unwrap())
}

async fn answer(client: &TestClient, patient: bool) -> (u16, String) {
    let mut request = client.get("/");
    if patient {
        request = request.header(name("x-patient"), value("1"));
    }
    let response = request.send().await;
    let status = response.status().as_u16();
    (status, response.text().await.unwrap())
}

/// A patient client is answered otherwise, anyone else with the 503.
async fn assert_replaced(client: &TestClient) {
    let replaced = (200, "come back".to_owned());
    assert_eq!(answer(client, true).await, replaced);
    assert_eq!(answer(client, false).await.0, 503);
}

fn never() -> Link<Exchange> {
    handler(async |_: &mut Context| pending::<()>().await)
}

#[tokio::test]
async fn one_request_too_many_is_answered_otherwise() {
    let limit = Link::new(ConcurrencyLimit::new(1));
    let client = client([Link::new(patience()), limit], never());
    let mut inside = spawn(client.get("/").send());
    assert!(inside.poll().is_pending());
    assert_replaced(&client).await;
    assert!(inside.poll().is_pending());
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_took_too_long_is_answered_otherwise() {
    let limit = Interrupts::new().after(Duration::from_secs(5));
    let outside = client([Link::new(patience()), Link::new(limit.clone())], never());
    assert_replaced(&outside).await;
    // Where the error was answered before it gets here.
    let limited = Chain::new([Link::new(limit), never()]);
    let routes = Routes::new().interceptors(Link::new(patience()));
    let routes = routes.get("/", limited).build().unwrap();
    assert_replaced(&TestClient::new(routes)).await;
}

#[tokio::test]
async fn a_503_of_the_application_is_answered_otherwise_raised_or_given() {
    let raised = handler(|_: &mut Context| {
        Err::<(), _>(Problem::new(StatusCode::SERVICE_UNAVAILABLE).detail("closed"))
    });
    let given = handler(|_: &mut Context| (StatusCode::SERVICE_UNAVAILABLE, "closed"));
    for route in [raised, given] {
        assert_replaced(&client(Link::new(patience()), route)).await;
    }
}

#[tokio::test]
async fn every_other_answer_is_left_as_it_is() {
    for status in [200, 400, 404, 429, 500, 502, 504] {
        let status = StatusCode::from_u16(status).unwrap();
        let given = handler(move |_: &mut Context| (status, "as it is"));
        let client = client(Link::new(patience()), given);
        let expected = (status.as_u16(), "as it is".to_owned());
        assert_eq!(answer(&client, true).await, expected);
    }
    let raised = handler(|_: &mut Context| Err::<(), _>("broken"));
    let inside = client(Link::new(patience()), raised.clone());
    let outside = client([Link::new(patience()), raised.clone()], raised);
    for client in [inside, outside] {
        assert_eq!(answer(&client, true).await.0, 500);
    }
}

#[tokio::test]
async fn an_outer_cors_puts_its_headers_on_the_answer() {
    let given = handler(|_: &mut Context| StatusCode::SERVICE_UNAVAILABLE);
    let client = client([Link::new(Cors::any()), Link::new(patience())], given);
    let request = client.get("/").header(name("x-patient"), value("1"));
    let origin = HeaderValue::from_static("https://example.org");
    let response = request.header(ORIGIN, origin).send().await;
    assert_eq!(response.status(), 200);
    assert_eq!(header(&response, "access-control-allow-origin"), "*");
}

#[tokio::test]
async fn an_error_that_is_answered_otherwise_is_logged_once_as_any_other() {
    let limit = Link::new(ConcurrencyLimit::new(1));
    let client = client([Link::new(patience()), limit], never());
    let mut inside = spawn(client.get("/").send());
    assert!(inside.poll().is_pending());
    for patient in [true, false] {
        let (lines, _kept) = Lines::kept(|metadata| {
            let ours = metadata.target().starts_with("peristyle");
            ours && metadata.is_event() && *metadata.level() <= Level::DEBUG
        });
        answer(&client, patient).await;
        let logged = lines.take();
        assert_eq!(logged.len(), 1, "{logged:?}");
        assert!(logged[0].starts_with("DEBUG message=request refused id="));
        assert!(logged[0].ends_with(": the server is busy"), "{logged:?}");
    }
}

async fn asked(service: &RouterService, patient: bool) -> Bytes {
    let mut request = Request::get("/").body(Empty::<Bytes>::new()).unwrap();
    if patient {
        request.headers_mut().insert("x-patient", value("1"));
    }
    let response = service.call(request).await.unwrap();
    assert_eq!(response.status(), 200);
    response.into_body().collect().await.unwrap().to_bytes()
}

#[tokio::test]
async fn while_the_server_shuts_down_requests_are_answered_otherwise_if_it_is_asked_for() {
    for (on_shutdown, told) in [(false, "served"), (true, "come back")] {
        let mut patience = patience();
        if on_shutdown {
            patience = patience.on_shutdown();
        }
        let served = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&served);
        let serve = handler(move |_: &mut Context| {
            count.fetch_add(1, SeqCst);
            "served"
        });
        let routes = Routes::new().interceptors(Link::new(patience));
        let service = routes.get("/", serve).build().unwrap().into_service();
        assert_eq!(asked(&service, true).await, "served");
        assert_eq!(served.load(SeqCst), 1);
        service.drain();
        assert_eq!(asked(&service, true).await, told);
        assert_eq!(served.load(SeqCst), 2 - usize::from(on_shutdown));
        assert_eq!(asked(&service, false).await, "served");
    }
}
