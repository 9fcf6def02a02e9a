//! What a stage sees of its exchange.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use peristyle_core::{BoxError, Chain, after, before, handler};
use peristyle_server::{Context, Exit, Routes, TestClient};

use crate::support::{Fed, GET, Running, finished, get, once, soon, tells};

#[tokio::test]
async fn a_stage_sees_the_request_the_route_and_the_peer() {
    let see = |cx: &mut Context| {
        let route = cx.route().unwrap();
        format!(
            "{} {} {} {} {} {:?} {}",
            cx.request().method,
            cx.uri(),
            route.pattern(),
            cx.param("id").unwrap(),
            cx.headers()["host"].to_str().unwrap(),
            cx.param("other"),
            cx.peer().unwrap().ip(),
        )
    };
    let router = Routes::new().get("/orders/{id}", handler(see)).build();
    let server = Running::start(router.unwrap()).await;
    let answer = server.answer(get("/orders/7?x=1")).await;
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    assert_eq!(
        body,
        "GET /orders/7?x=1 /orders/{id} 7 example.org None 127.0.0.1"
    );
    server.ended().await;
}

#[tokio::test]
async fn a_response_that_is_set_ends_the_way_in() {
    let answer = before(|cx: &mut Context| cx.respond("first"));
    let never = handler(|_: &mut Context| -> &'static str { panic!("the way in has ended") });
    let router = Routes::new().get("/", Chain::new([answer, never])).build();
    let response = TestClient::new(router.unwrap()).get("/").send().await;
    assert_eq!(response.text().await.unwrap(), "first");
}

#[tokio::test]
async fn the_response_can_be_changed_and_replaced_on_the_way_back() {
    let change = after(|cx: &mut Context| {
        let response = cx.response_mut().unwrap();
        *response.status_mut() = StatusCode::ACCEPTED;
    });
    let replace = after(|cx: &mut Context| cx.respond((StatusCode::CONFLICT, "second")));
    let answer = handler(|_: &mut Context| "first");
    let router = Routes::new()
        .get("/change", Chain::new([change, answer.clone()]))
        .get("/replace", Chain::new([replace, answer]))
        .build()
        .unwrap();
    let client = TestClient::new(router);
    let changed = client.get("/change").send().await;
    assert_eq!(changed.status(), 202);
    assert_eq!(changed.text().await.unwrap(), "first");
    let replaced = client.get("/replace").send().await;
    assert_eq!(replaced.status(), 409);
    assert_eq!(replaced.text().await.unwrap(), "second");
}

#[tokio::test]
async fn a_stage_reads_the_body_whole_or_piece_by_piece() {
    async fn whole(cx: &mut Context) -> Result<String, BoxError> {
        Ok(format!("{:?}", cx.body().bytes().await?))
    }
    async fn pieces(cx: &mut Context) -> Result<String, BoxError> {
        let mut length = 0;
        while let Some(piece) = cx.body().chunk().await {
            length += piece?.len();
        }
        Ok(length.to_string())
    }
    let router = Routes::new()
        .post("/whole", handler(whole))
        .post("/pieces", handler(pieces))
        .build();
    let server = Running::start(router.unwrap()).await;
    let chunked = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
             3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
        )
    };
    let whole = server.answer(chunked("/whole")).await;
    assert!(whole.ends_with("\r\n\r\nb\"abcde\""), "{whole}");
    let pieces = server.answer(chunked("/pieces")).await;
    assert!(pieces.ends_with("\r\n\r\n5"), "{pieces}");
    server.ended().await;
}

#[tokio::test]
async fn a_body_that_failed_never_looks_complete() {
    async fn twice(cx: &mut Context) -> String {
        cx.body().set_limit(4);
        let mut kinds = Vec::new();
        for _ in 0..2 {
            let error = cx.body().bytes().await.unwrap_err();
            kinds.push(error.is_too_large());
            cx.body().set_limit(100);
        }
        format!("{kinds:?}")
    }
    let router = Routes::new().post("/", handler(twice)).build();
    let server = Running::start(router.unwrap()).await;
    let head = "POST / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\
                transfer-encoding: chunked\r\n\r\n";
    let large = server.answer(format!("{head}5\r\nhello\r\n0\r\n\r\n"));
    assert!(large.await.ends_with("\r\n\r\n[true, true]"));
    let mut broken = server.connect().await;
    broken.send(format!("{head}2\r\nab\r\nz\r\n")).await;
    let answer = broken.rest().await;
    assert!(answer.ends_with("\r\n\r\n[false, false]"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn a_body_announced_beyond_the_limit_can_still_be_read_under_another() {
    async fn again(cx: &mut Context) -> Result<String, BoxError> {
        cx.body().set_limit(4);
        let refused = cx.body().bytes().await.unwrap_err().is_too_large();
        cx.body().set_limit(5);
        Ok(format!("{refused} {:?}", cx.body().bytes().await?))
    }
    let router = Routes::new().post("/", handler(again)).build().unwrap();
    let response = TestClient::new(router).post("/", "hello").send().await;
    assert_eq!(response.text().await.unwrap(), "true b\"hello\"");
}

#[tokio::test]
async fn a_stage_sees_the_shutdown() {
    async fn wait(cx: &mut Context) -> String {
        let before = cx.shutdown().is_requested();
        let started = cx.request().extensions.get::<Started>().cloned().unwrap();
        started.0.lock().unwrap().take().unwrap().send(()).unwrap();
        cx.shutdown().requested().await;
        format!("{before} {}", cx.shutdown().is_requested())
    }
    #[derive(Clone)]
    struct Started(Arc<Mutex<Option<tokio::sync::oneshot::Sender<()>>>>);
    let (sender, started) = tokio::sync::oneshot::channel();
    let sender = Started(Arc::new(Mutex::new(Some(sender))));
    let put = before(move |cx: &mut Context| {
        cx.request_mut().extensions.insert(sender.clone());
    });
    let router = Routes::new().get("/", Chain::new([put, handler(wait)]));
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(started).await.unwrap();
    let serving = server.end();
    let answer = client.rest().await;
    assert!(answer.ends_with("\r\n\r\nfalse true"), "{answer}");
    finished(serving).await;
}

/// hyper drops a body once the declared length is written, without asking it for its end.
#[tokio::test]
async fn a_stream_of_declared_length_that_was_sent_whole_counts_as_served() {
    let (values, body) = Fed::new();
    values.try_send(Ok("hello".into())).unwrap();
    let mut response = body.response();
    let headers = response.headers_mut();
    headers.insert(http::header::CONTENT_LENGTH, 5.into());
    let (tell, mut watched) = tells();
    let answer = handler(once(response));
    let router = Routes::new().get("/", Chain::new([tell, answer]));
    let server = Running::start(router.build().unwrap()).await;
    let answer = server.answer(get("/")).await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Served);
    server.ended().await;
}

#[tokio::test]
async fn disconnected_resolves_as_served_once_the_response_was_sent() {
    let (tell, mut watched) = tells();
    let answer = handler(|_: &mut Context| "hello");
    let router = Routes::new().get("/", Chain::new([tell, answer]));
    let server = Running::start(router.build().unwrap()).await;
    server.answer(get("/")).await;
    let disconnected = soon(watched.recv()).await.unwrap();
    assert_eq!(soon(disconnected).await, Exit::Served);
    server.ended().await;
}
