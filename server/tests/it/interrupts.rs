//! What ends a stage that waits, and what goes on although nobody waits for it.

use std::{future::pending, sync::Mutex, time::Duration};

use peristyle_core::{
    Chain, Error, Interceptor, Link, Name, Stages, Step, after, always, before, handler, on_error,
};
use peristyle_server::{
    Context, Exchange, Interrupted, Interrupts, IntoResponse, Routes, TestClient,
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep},
};

use super::support::{Fed, GET, Running, finished, once, soon};

const LIMIT: Duration = Duration::from_secs(5);

fn limited() -> Link<Exchange> {
    Link::new(Interrupts::new().after(LIMIT))
}

/// Notes that it was cancelled.
struct Cancelled(mpsc::Sender<&'static str>);

impl Interceptor<Exchange> for Cancelled {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::new("cancelled").unwrap()
    }

    fn enter<'a>(&'a self, _: &'a mut Context) -> Step<'a, Exchange> {
        Step::next()
    }

    fn cancel(&self, _: &mut Context) {
        self.0.try_send("cancelled").unwrap();
    }
}

/// An interceptor that tells when it is entered, and a handler that waits until it is told to go on.
fn held() -> (Chain<Exchange>, mpsc::Receiver<()>, oneshot::Sender<()>) {
    let (enter, entered) = mpsc::channel(1);
    let (go_on, waits) = oneshot::channel::<()>();
    let waits = Mutex::new(Some(waits));
    let tell = before(move |_: &mut Context| enter.try_send(()).unwrap());
    let hold = handler(move |_: &mut Context| {
        let waits = waits.lock().unwrap().take().expect("asked once");
        async move { waits.await.map(|()| "went on") }
    });
    (Chain::new([tell, hold]), entered, go_on)
}

/// An interceptor that tells how it was left.
fn left(tell: mpsc::Sender<&'static str>) -> Link<Exchange> {
    after(move |_: &mut Context| tell.try_send("left").unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_waits_for_too_long_is_answered_with_503() {
    let slow = handler(async |_: &mut Context| pending::<()>().await);
    let router = Routes::new().get("/", Chain::new([limited(), slow]));
    let client = TestClient::new(router.build().unwrap());
    let began = Instant::now();
    let response = client.get("/").send().await;
    assert_eq!(response.status(), 503);
    assert_eq!(began.elapsed(), LIMIT);
    let text = response.text().await.unwrap();
    assert!(text.contains(r#""title":"Service Unavailable""#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn outer_stages_are_told_why_and_may_take_their_time() {
    let (tell, mut told) = mpsc::channel(1);
    let outer = on_error(async move |_: &mut Context, error: Error| Err::<(), _>(error));
    let slow_outer = always(async |_: &mut Context| sleep(10 * LIMIT).await);
    let tells = on_error(move |cx: &mut Context, error: Error| {
        tell.try_send(*error.downcast_ref::<Interrupted>().unwrap())
            .unwrap();
        cx.respond("sorry")
    });
    let slow = handler(async |_: &mut Context| pending::<()>().await);
    let chain = Chain::new([slow_outer, tells, outer, limited(), slow]);
    let client = TestClient::new(Routes::new().get("/", chain).build().unwrap());
    let response = client.get("/").send().await;
    assert_eq!(response.text().await.unwrap(), "sorry");
    let after = LIMIT;
    assert_eq!(told.recv().await, Some(Interrupted::TimedOut { after }));
}

#[tokio::test(start_paused = true)]
async fn the_limit_ends_neither_a_body_nor_the_leave_of_an_outer_stage() {
    let (values, body) = Fed::new();
    let outer = after(async |_: &mut Context| sleep(2 * LIMIT).await);
    let chain = Chain::new([outer, limited(), handler(once(body.response()))]);
    let client = TestClient::new(Routes::new().get("/", chain).build().unwrap());
    let mut response = client.get("/").send().await;
    assert_eq!(response.status(), 200);
    sleep(2 * LIMIT).await;
    values.send(Ok("late".into())).await.unwrap();
    assert_eq!(response.chunk().await.unwrap().unwrap(), "late");
}

#[tokio::test]
async fn a_client_that_leaves_cancels_what_was_entered() {
    let (tell, mut told) = mpsc::channel(2);
    let (hold, mut entered, _go_on) = held();
    let chain = Chain::new([Link::new(Cancelled(tell.clone())), left(tell)]).then(&hold);
    let server = Running::start(Routes::new().get("/", chain).build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entered.recv()).await.unwrap();
    drop(client);
    assert_eq!(soon(told.recv()).await, Some("cancelled"));
    server.ended().await;
    assert_eq!(soon(told.recv()).await, None, "it is not left too");
}

#[tokio::test]
async fn a_detached_execution_goes_on_when_its_client_has_left() {
    let (tell, mut told) = mpsc::channel(2);
    let (hold, mut entered, go_on) = held();
    let chain = Chain::new([Link::new(Cancelled(tell.clone())), left(tell)]).then(&hold);
    let router = Routes::new().get("/", chain.detached());
    let server = Running::start(router.build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entered.recv()).await.unwrap();
    drop(client);
    go_on.send(()).unwrap();
    assert_eq!(soon(told.recv()).await, Some("left"));
    server.ended().await;
}

#[tokio::test]
async fn a_shutdown_waits_for_what_is_detached_and_cancels_it_when_the_grace_has_passed() {
    let (tell, mut told) = mpsc::channel(2);
    let (hold, mut entered, go_on) = held();
    let leaving = handler_of_leaving(tell.clone());
    let chain = Chain::new([Link::new(Cancelled(tell.clone())), left(tell), leaving]).then(&hold);
    let router = Routes::new().get("/", chain.detached());
    let grace = Duration::from_millis(200);
    let server = Running::start_with(router.build().unwrap(), |server| server.grace(grace)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entered.recv()).await.unwrap();
    drop(client);
    assert_eq!(soon(told.recv()).await, Some("the client left"));
    let began = Instant::now();
    finished(server.end()).await;
    assert!(began.elapsed() >= grace);
    assert_eq!(told.recv().await, Some("cancelled"));
    assert!(go_on.is_closed());
}

/// Watches for the client's leaving beside the execution.
fn handler_of_leaving(tell: mpsc::Sender<&'static str>) -> Link<Exchange> {
    let watching = Mutex::new(JoinSet::new());
    before(move |cx: &mut Context| {
        let (disconnected, tell) = (cx.disconnected(), tell.clone());
        watching.lock().unwrap().spawn(async move {
            disconnected.await;
            tell.try_send("the client left").unwrap();
        });
    })
}

#[tokio::test]
async fn a_detached_execution_can_be_interrupted_by_the_client_that_left_and_clean_up() {
    let (tell, mut told) = mpsc::channel(2);
    let (hold, mut entered, _go_on) = held();
    let cleans = on_error(move |_: &mut Context, error: Error| {
        let (tell, why) = (tell.clone(), *error.downcast_ref::<Interrupted>().unwrap());
        let (sent, conveyed) = oneshot::channel();
        tell.try_send(why).unwrap();
        sent.send(Err::<Exchange, _>(error)).map_err(drop).unwrap();
        conveyed
    });
    let leaving = Link::new(Interrupts::new().on_leaving());
    let chain = Chain::new([cleans, leaving]).then(&hold).detached();
    let server = Running::start(Routes::new().get("/", chain).build().unwrap()).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entered.recv()).await.unwrap();
    drop(client);
    assert_eq!(soon(told.recv()).await, Some(Interrupted::Left));
    server.ended().await;
}

#[tokio::test]
async fn more_detached_executions_than_the_limit_are_cancelled() {
    let (tell, mut told) = mpsc::channel(2);
    let (hold, mut entered, _go_on) = held();
    let chain = Chain::from(Link::new(Cancelled(tell))).then(&hold);
    let router = Routes::new().get("/", chain.detached()).build().unwrap();
    let server = Running::start_with(router, |server| server.detached(0)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entered.recv()).await.unwrap();
    drop(client);
    assert_eq!(soon(told.recv()).await, Some("cancelled"));
    server.ended().await;
}

#[tokio::test]
async fn a_stage_that_asks_for_it_is_interrupted_before_the_grace_has_passed() {
    let (hold, mut entered, _go_on) = held();
    let ends = Link::new(Interrupts::new().on_shutdown());
    let router = Routes::new().interceptors(ends).get("/", hold);
    let grace = Duration::from_secs(1);
    let server = Running::start_with(router.build().unwrap(), |server| server.grace(grace)).await;
    let mut client = server.connect().await;
    client.send(GET).await;
    soon(entered.recv()).await.unwrap();
    let serving = server.end();
    let answer = client.rest().await;
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    finished(serving).await;
}

#[tokio::test(start_paused = true)]
async fn a_test_client_runs_what_was_detached_and_cancels_it_with_itself() {
    let (tell, mut told) = mpsc::channel(2);
    let slow = handler(async |_: &mut Context| sleep(LIMIT).await);
    let chain = Chain::new([Link::new(Cancelled(tell.clone())), left(tell), slow]).detached();
    let client = TestClient::new(Routes::new().get("/", chain).build().unwrap());
    let mut sending = tokio_test::task::spawn(client.get("/").send());
    assert!(sending.poll().is_pending());
    drop(sending);
    client.finished().await;
    assert_eq!(told.try_recv(), Ok("left"));

    let mut sending = tokio_test::task::spawn(client.get("/").send());
    assert!(sending.poll().is_pending());
    drop(sending);
    drop(client);
    assert_eq!(told.recv().await, Some("cancelled"));
}

#[tokio::test]
async fn without_a_reason_nothing_is_interrupted() {
    let (sent, conveyed) = oneshot::channel::<&str>();
    let conveyed = Mutex::new(Some(conveyed));
    let waits = handler(move |_: &mut Context| {
        let conveyed = conveyed.lock().unwrap().take().unwrap();
        async move { conveyed.await.unwrap().into_response() }
    });
    let chain = Chain::new([Link::new(Interrupts::new()), waits]);
    let client = TestClient::new(Routes::new().get("/", chain).build().unwrap());
    let mut sending = tokio_test::task::spawn(client.get("/").send());
    assert!(sending.poll().is_pending());
    sent.send("hello").unwrap();
    assert_eq!(sending.await.text().await.unwrap(), "hello");
}
