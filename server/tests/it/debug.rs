//! What the debug observer shows of an exchange.

use std::sync::{Arc, Mutex};

use http::{HeaderName, HeaderValue, StatusCode, header::AUTHORIZATION};
use peristyle_core::{
    before,
    debug::{Changes, debug_observer},
    handler,
};
use peristyle_server::{Context, Routes, TestClient};

#[tokio::test]
async fn the_debug_observer_shows_what_each_stage_changed_of_the_exchange_and_no_credentials() {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let observe = before(move |cx: &mut Context| {
        let seen = Arc::clone(&seen);
        let note = move |changes: &Changes<'_>| seen.lock().unwrap().push(format!("{changes}"));
        cx.observe(Arc::new(debug_observer(note).only_changes()));
    });
    let mark = before(|cx: &mut Context| {
        let headers = &mut cx.request_mut().headers;
        headers.insert(
            HeaderName::from_static("x-mark"),
            HeaderValue::from_static("seen"),
        );
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Bearer new"));
    });
    let hello = handler(|_: &mut Context| {
        let token = HeaderValue::from_static("Bearer old");
        (StatusCode::OK, [(AUTHORIZATION, token)], "hello")
    });
    let router = Routes::new()
        .interceptors([observe, mark.named("mark")])
        .get("/", hello.named("hello"));
    let client = TestClient::new(router.build().unwrap());
    let request = client.get("/");
    request
        .header(AUTHORIZATION, HeaderValue::from_static("Bearer secret"))
        .send()
        .await;

    let lines = lines.lock().unwrap();
    let changed: Vec<_> = lines
        .iter()
        .map(|line| line.split_once(": ").unwrap().1)
        .collect();
    let hello = r#"status +200; response.content-type +"text/plain; charset=utf-8"; response.authorization +(hidden)"#;
    assert_eq!(changed, [r#"request.x-mark +"seen""#, hello]);
}
