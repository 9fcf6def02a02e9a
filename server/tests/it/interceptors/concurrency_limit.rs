//! How many requests are worked on at a time.

use std::{sync::Arc, time::Duration};

use peristyle_core::{Chain, Error, Link, after, handler, on_error};
use peristyle_server::{
    Context, Exchange, IntoResponse, Routes, TestClient, TestRequest, TestResponse,
    interceptors::ConcurrencyLimit,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_test::task::{Spawn, spawn};

use super::{header, refuse};
use crate::support::{Fed, once};

/// Opens for one request with each permit that is added.
type Gate = Arc<Semaphore>;

fn limited(limit: ConcurrencyLimit) -> (TestClient, Gate) {
    guarded(Link::new(limit))
}

/// `/` waits at the gate, `/now` does not; the others fail in as many ways.
fn guarded(interceptors: impl Into<Chain<Exchange>>) -> (TestClient, Gate) {
    let gate = Arc::new(Semaphore::new(0));
    let closed = gate.clone();
    let waits = handler(move |_: &mut Context| {
        let gate = closed.clone();
        async move { gate.acquire_owned().await.map(OwnedSemaphorePermit::forget) }
    });
    let panics = handler(|_: &mut Context| -> &str { panic!("boom") });
    let fails = after(|_: &mut Context| Err::<(), _>("late"));
    let now = handler(|_: &mut Context| "now");
    let routes = Routes::new()
        .interceptors(interceptors)
        .get("/", waits)
        .get("/now", now.clone())
        .get("/fail", refuse())
        .get("/late", Chain::new([fails, now]))
        .get("/panics", panics);
    (TestClient::new(routes.build().unwrap()), gate)
}

/// A request that has been polled once.
fn begun(request: TestRequest<'_>) -> Spawn<impl Future<Output = TestResponse> + use<'_>> {
    let mut sending = spawn(request.send());
    assert!(sending.poll().is_pending());
    sending
}

async fn status(client: &TestClient, uri: &str) -> u16 {
    client.get(uri).send().await.status().as_u16()
}

#[tokio::test]
async fn beyond_the_limit_some_wait_in_order_and_the_rest_is_refused() {
    let (client, gate) = limited(ConcurrencyLimit::new(2).queue(2));
    let inside = [begun(client.get("/")), begun(client.get("/"))];
    let mut first = begun(client.get("/now"));
    let mut second = begun(client.get("/now"));
    let refused = client.get("/now").send().await;
    assert_eq!(refused.status(), 503);
    assert!(["1", "2"].contains(&header(&refused, "retry-after").as_str()));
    let text = refused.text().await.unwrap();
    assert!(text.contains(r#""detail":"the server is busy""#), "{text}");

    gate.add_permits(1);
    let [one, other] = inside;
    assert_eq!(one.await.status(), 200);
    assert!(first.is_woken() && !second.is_woken());
    assert!(first.poll().is_ready());
    assert!(second.is_woken());
    assert!(second.poll().is_ready());
    drop(other);
}

#[tokio::test]
async fn a_permit_comes_back_exactly_once_however_a_request_ends() {
    let (client, gate) = limited(ConcurrencyLimit::new(1));
    let assert_one_is_free = async || {
        let inside = begun(client.get("/"));
        assert_eq!(status(&client, "/now").await, 503);
        gate.add_permits(1);
        assert_eq!(inside.await.status(), 200);
    };
    let ends = [
        ("/now", 200),
        ("/fail", 409),
        ("/late", 500),
        ("/panics", 500),
        ("/none", 404),
    ];
    for (uri, code) in ends {
        assert_eq!(status(&client, uri).await, code);
        assert_one_is_free().await;
    }
    drop(begun(client.get("/")));
    assert_one_is_free().await;
}

#[tokio::test]
async fn a_request_is_outside_again_while_outer_stages_handle_its_error() {
    let limit = Link::new(ConcurrencyLimit::new(1));
    let never = on_error(async |_: &mut Context, _: Error| std::future::pending::<()>().await);
    let now = handler(|_: &mut Context| "now");
    let routes = Routes::new()
        .get("/", Chain::new([never, limit.clone(), refuse()]))
        .get("/now", Chain::new([limit, now]));
    let client = TestClient::new(routes.build().unwrap());
    let _handling = begun(client.get("/"));
    assert_eq!(status(&client, "/now").await, 200);
}

#[tokio::test]
async fn who_waits_and_leaves_gives_its_place_to_another() {
    let (client, gate) = limited(ConcurrencyLimit::new(1).queue(1));
    let inside = begun(client.get("/"));
    drop(begun(client.get("/now")));
    let waits = begun(client.get("/now"));
    assert_eq!(status(&client, "/now").await, 503);
    gate.add_permits(1);
    assert_eq!(inside.await.status(), 200);
    assert_eq!(waits.await.status(), 200);
    assert_eq!(status(&client, "/now").await, 200);
}

#[tokio::test]
async fn limits_within_limits_each_count_for_themselves() {
    let limits = [ConcurrencyLimit::new(2), ConcurrencyLimit::new(1)];
    let (client, gate) = guarded(Chain::new(limits.map(Link::new)));
    for _ in 0..3 {
        let inside = begun(client.get("/"));
        assert_eq!(status(&client, "/now").await, 503);
        assert_eq!(status(&client, "/now").await, 503);
        gate.add_permits(1);
        assert_eq!(inside.await.status(), 200);
        drop(begun(client.get("/")));
    }
}

#[tokio::test]
async fn clones_count_together() {
    let limit = ConcurrencyLimit::new(1);
    let (one, _gate) = limited(limit.clone());
    let (other, _other_gate) = limited(limit);
    let inside = begun(one.get("/"));
    assert_eq!(status(&other, "/now").await, 503);
    drop(inside);
    assert_eq!(status(&other, "/now").await, 200);
}

#[tokio::test]
async fn refused_clients_are_told_to_come_back_at_different_times() {
    let limit = ConcurrencyLimit::new(1).retry_after(Duration::from_millis(99_001));
    let (client, _gate) = limited(limit);
    let _inside = begun(client.get("/"));
    let mut times = Vec::new();
    for _ in 0..20 {
        let refused = client.get("/now").send().await;
        let time: u32 = header(&refused, "retry-after").parse().unwrap();
        assert!((100..=200).contains(&time), "{time}");
        times.push(time);
    }
    times.dedup();
    assert!(times.len() > 1);
}

#[tokio::test]
async fn a_seed_gives_the_same_times_again() {
    let mut told = Vec::new();
    for seed in [7, 7, 8] {
        let limit = ConcurrencyLimit::new(1).retry_after(Duration::from_secs(100));
        let (client, _gate) = limited(limit.seeded(seed));
        let _inside = begun(client.get("/"));
        let mut times = Vec::new();
        for _ in 0..8 {
            let refused = client.get("/now").send().await;
            times.push(header(&refused, "retry-after"));
        }
        told.push(times);
    }
    assert_eq!(told[0], told[1]);
    assert_ne!(told[0], told[2]);
}

fn streaming(limit: ConcurrencyLimit, stream: Fed) -> TestClient {
    let routes = Routes::new()
        .interceptors(Link::new(limit))
        .get("/stream", handler(once(stream.response())))
        .get("/now", handler(|_: &mut Context| "now".into_response()));
    TestClient::new(routes.build().unwrap())
}

#[tokio::test]
async fn a_body_does_not_count_by_default() {
    let (_values, stream) = Fed::new();
    let client = streaming(ConcurrencyLimit::new(1), stream);
    let open = client.get("/stream").send().await;
    assert_eq!(status(&client, "/now").await, 200);
    drop(open);
}

#[tokio::test]
async fn a_streamed_body_counts_until_its_end_when_it_is_asked_for() {
    for how in ["it ends", "it fails", "its client leaves"] {
        let (values, stream) = Fed::new();
        let client = streaming(ConcurrencyLimit::new(1).count_bodies(), stream);
        let mut open = client.get("/stream").send().await;
        values.send(Ok("one".into())).await.unwrap();
        assert_eq!(open.chunk().await.unwrap().unwrap(), "one");
        assert_eq!(status(&client, "/now").await, 503, "{how}");
        let mut open = Some(open);
        if how == "its client leaves" {
            open = None;
        } else if how == "it fails" {
            values.send(Err("boom".into())).await.unwrap();
        }
        drop(values);
        if let Some(open) = &mut open {
            assert!(!matches!(open.chunk().await, Some(Ok(_))), "{how}");
        }
        // The second one finds that a whole body counts no longer.
        for _ in 0..2 {
            assert_eq!(status(&client, "/now").await, 200, "{how}");
        }
    }
}

#[test]
#[should_panic(expected = "a limit of 0 would serve nobody")]
fn a_limit_of_nothing_is_refused() {
    let _ = ConcurrencyLimit::new(0);
}
