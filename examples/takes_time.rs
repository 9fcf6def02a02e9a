//! Work that takes time, in three forms, and how many other requests a single thread answers meanwhile.

use std::{pin::pin, sync::Arc, thread, time::Duration};

use peristyle::{
    BoxError, before, handler,
    server::{Context, Exchange, RouteErrors, Router, Routes, TestClient},
};
use tokio::{
    sync::oneshot,
    task::{JoinError, spawn_blocking, yield_now},
};

/// A computation that holds its thread until it is done.
pub(crate) type Work = Arc<dyn Fn() -> String + Send + Sync>;

pub(crate) fn router(work: Work) -> Result<Router, RouteErrors> {
    let (held, conveyed, awaited) = (work.clone(), work.clone(), work);
    Routes::new()
        .get("/quick", handler(|_: &mut Context| "quick"))
        .get("/held", handler(move |_: &mut Context| held()))
        .get(
            "/conveyed",
            before(move |cx: &mut Context| convey(cx, conveyed.clone())),
        )
        .get(
            "/awaited",
            handler(move |_: &mut Context| wait(awaited.clone())),
        )
        .build()
}

/// Hands the exchange to another thread, and returns the channel by which it comes back, answered.
fn convey(cx: &mut Context, work: Work) -> oneshot::Receiver<Result<Exchange, BoxError>> {
    let (done, answered) = oneshot::channel();
    let mut exchange = cx.take();
    spawn_blocking(move || {
        let outcome = exchange.respond(work());
        // Nobody receives it when the client has left meanwhile.
        drop(done.send(outcome.map(|()| exchange)));
    });
    answered
}

/// The same for those who prefer `await`.
async fn wait(work: Work) -> Result<String, JoinError> {
    spawn_blocking(move || work()).await
}

/// Asks for `path`, then for `/quick` again and again until the first answer is there, and counts.
pub(crate) async fn answered_meanwhile(client: &TestClient, path: &str) -> u64 {
    let mut slow = pin!(client.get(path).send());
    let mut answered = 0;
    loop {
        tokio::select! {
            biased;
            _ = &mut slow => return answered,
            _ = client.get("/quick").send() => answered += 1,
        }
        yield_now().await;
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "the counts are what it is for")]
async fn main() -> Result<(), BoxError> {
    let two_seconds = || {
        thread::sleep(Duration::from_secs(2));
        "done".to_owned()
    };
    let client = TestClient::new(router(Arc::new(two_seconds))?);
    for path in ["/held", "/conveyed", "/awaited"] {
        let answered = answered_meanwhile(&client, path).await;
        println!("{path}: {answered} other requests answered meanwhile");
    }
    Ok(())
}
