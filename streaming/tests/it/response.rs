//! The head of the response.

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::BodyExt;
use peristyle_core::{Control, channel::Receiver};
use peristyle_streaming::{Error, StreamBody, channel, from_iter, produce};
use tokio::task::JoinSet;

#[test]
fn the_head_is_there_before_any_value_and_tells_proxies_to_pass_each_on() {
    let (_sender, streaming) = channel::<Bytes>(1);
    let response = streaming.into_response();

    assert_eq!(response.status(), StatusCode::OK);
    let headers: Vec<_> = response.headers().iter().collect();
    let expected = [
        ("content-type", "application/octet-stream"),
        ("cache-control", "no-transform"),
        ("x-accel-buffering", "no"),
    ];
    assert_eq!(headers.len(), expected.len());
    for (name, value) in expected {
        assert_eq!(response.headers()[name], value);
    }
    assert!(response.extensions().get::<Control>().is_some());
}

#[test]
fn a_content_type_is_set_and_an_invalid_one_refused() {
    let html = from_iter([""]).content_type("text/html").unwrap();
    assert_eq!(html.into_response().headers()["content-type"], "text/html");

    let error = from_iter([""])
        .content_type("text/html\r\nx: y")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "the content type cannot stand in a header"
    );
}

#[tokio::test]
async fn a_response_can_be_given_another_status_and_headers() {
    let mut response = Response::from(from_iter(["made"]));
    *response.status_mut() = StatusCode::CREATED;
    response
        .headers_mut()
        .insert("location", "/1".parse().unwrap());

    assert_eq!(response.status(), StatusCode::CREATED);
    assert_eq!(response.headers()["location"], "/1");
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "made");
}

#[test]
fn bodies_can_move_between_threads() {
    fn assert_send<T: Send>(_: T) {}
    fn assert_sync<T: Sync>() {}

    assert_send(produce::<Bytes, _, _>(1, |_| async {}).into_response());
    assert_send(peristyle_streaming::write_blocking(|_| Ok(())).into_response());
    assert_sync::<StreamBody<Receiver<Bytes>>>();
}

/// With bounds on the body's values the compiler said that `From` is not general enough.
#[tokio::test]
async fn a_body_of_static_text_can_live_in_a_spawned_task() {
    let mut tasks = JoinSet::new();
    tasks.spawn(async {
        let body = from_iter(["one", "two"]).into_response().into_body();
        body.collect().await.expect("no error").to_bytes()
    });

    assert_eq!(tasks.join_next().await.unwrap().unwrap(), "onetwo");
}

#[test]
fn an_error_is_one_word_wide() {
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}
