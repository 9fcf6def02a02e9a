use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::Poll,
    thread,
};

use peristyle::{BoxError, server::TestClient};
use tokio::{
    sync::mpsc,
    task::{JoinSet, yield_now},
};

#[path = "../../takes_time.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use self::example::{Work, answered_meanwhile, router};

/// Work that tells when it has begun, and is done when its gate is opened.
struct Gate {
    begun: mpsc::Receiver<()>,
    open: mpsc::Sender<()>,
}

impl Gate {
    fn new() -> (Self, Work) {
        let (tell, begun) = mpsc::channel(1);
        let (open, opened) = mpsc::channel(1);
        let opened = Mutex::new(opened);
        let work = move || {
            tell.try_send(()).expect("the work is done once");
            let mut opened = opened.lock().expect("the work does not panic");
            // Not `blocking_recv`, which a runtime's own thread must not call.
            while opened.try_recv().is_err() {
                thread::yield_now();
            }
            "done".to_owned()
        };
        (Self { begun, open }, Arc::new(work))
    }
}

async fn is_pending(future: Pin<&mut impl Future>) -> bool {
    let mut future = future;
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx).is_pending())).await
}

async fn quick_requests_go_on_beside(path: &str) -> Result<(), BoxError> {
    let (mut gate, work) = Gate::new();
    let client = TestClient::new(router(work)?);
    let mut slow = pin!(client.get(path).send());
    assert!(is_pending(slow.as_mut()).await);
    gate.begun.recv().await.expect("the work begins");

    for _ in 0..100 {
        let quick = client.get("/quick").send().await;
        assert_eq!(quick.text().await?, "quick");
        assert!(is_pending(slow.as_mut()).await);
    }

    gate.open.send(()).await?;
    assert_eq!(slow.await.text().await?, "done");
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn a_conveyed_answer_leaves_the_thread_to_other_requests() -> Result<(), BoxError> {
    quick_requests_go_on_beside("/conveyed").await
}

#[tokio::test(flavor = "current_thread")]
async fn an_awaited_answer_leaves_the_thread_to_other_requests() -> Result<(), BoxError> {
    quick_requests_go_on_beside("/awaited").await
}

/// The gate is opened by another thread, as no task of this one gets to run.
#[tokio::test(flavor = "current_thread")]
async fn an_answer_computed_in_a_stage_holds_every_other_request() -> Result<(), BoxError> {
    let answered = Arc::new(AtomicUsize::new(0));
    let (mut gate, gated) = Gate::new();
    let (told, mut meanwhile) = mpsc::channel(1);
    let count = answered.clone();
    let work = move || {
        let before = count.load(SeqCst);
        let answer = gated();
        let after = count.load(SeqCst);
        told.try_send(after - before)
            .expect("the work is done once");
        answer
    };
    let client = TestClient::new(router(Arc::new(work))?);
    let opener = thread::spawn(move || {
        gate.begun.blocking_recv().expect("the work begins");
        gate.open.blocking_send(()).expect("the work waits");
    });

    let mut requests = JoinSet::new();
    for path in [["/held"].as_slice(), &["/quick"; 100]].concat() {
        let (client, answered) = (client.clone(), answered.clone());
        requests.spawn(async move {
            assert_eq!(client.get(path).send().await.status(), 200);
            answered.fetch_add(1, SeqCst);
        });
    }
    requests.join_all().await;

    assert_eq!(meanwhile.recv().await, Some(0));
    assert_eq!(answered.load(SeqCst), 101);
    opener.join().expect("the gate was opened");
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn the_program_counts_none_beside_a_held_thread() -> Result<(), BoxError> {
    let client = TestClient::new(router(Arc::new(|| "done".to_owned()))?);
    assert_eq!(answered_meanwhile(&client, "/held").await, 0);
    Ok(())
}

#[tokio::test(flavor = "current_thread")]
async fn the_program_counts_those_beside_a_conveyed_answer() -> Result<(), BoxError> {
    let (mut gate, work) = Gate::new();
    let client = TestClient::new(router(work)?);
    let opened_after_a_hundred = async {
        gate.begun.recv().await.expect("the work begins");
        for _ in 0..100 {
            yield_now().await;
        }
        gate.open.send(()).await
    };
    let counted = answered_meanwhile(&client, "/conveyed");
    let (counted, opened) = tokio::join!(counted, opened_after_a_hundred);
    opened?;
    assert!(counted >= 100, "{counted}");
    Ok(())
}
