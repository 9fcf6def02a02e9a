use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use peristyle::{
    BoxError,
    server::{TestClient, TestResponse},
};
use tokio::time::Instant;

#[path = "../../stream_lines.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

const EVERY: Duration = Duration::from_secs(60);

/// A client of the example, whose sensor counts to three and then fails, and that count.
fn client() -> Result<(TestClient, Arc<AtomicU64>), BoxError> {
    let read = Arc::new(AtomicU64::new(0));
    let count = read.clone();
    let sensor = move || match count.fetch_add(1, SeqCst) + 1 {
        n @ 1..=3 => Ok(format!("value {n}")),
        _ => Err(io::Error::other("the sensor is gone")),
    };
    let router = example::router(Arc::new(sensor), EVERY)?;
    Ok((TestClient::new(router), read))
}

async fn each_before_the_next(
    mut response: TestResponse,
    read: &AtomicU64,
    chunks: [&str; 3],
) -> Result<(), BoxError> {
    let begun = Instant::now();
    assert_eq!(read.load(SeqCst), 0);
    for (chunk, n) in chunks.into_iter().zip(1..) {
        let got = response.chunk().await.transpose()?;
        assert_eq!(got.as_deref(), Some(chunk.as_bytes()));
        assert_eq!(read.load(SeqCst), n);
        // The first comes at once.
        assert_eq!(begun.elapsed().as_secs(), EVERY.as_secs() * (n - 1));
    }
    let end = response.chunk().await.expect("the body fails");
    let error = end.expect_err("a failed sensor is not a complete body");
    assert_eq!(error.to_string(), "the sensor is gone");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn each_line_is_seen_before_the_next_is_produced() -> Result<(), BoxError> {
    let (client, read) = client()?;
    let response = client.get("/lines").send().await;
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; charset=utf-8"
    );
    each_before_the_next(response, &read, ["value 1\n", "value 2\n", "value 3\n"]).await
}

#[tokio::test(start_paused = true)]
async fn each_json_value_is_a_line_seen_before_the_next_is_produced() -> Result<(), BoxError> {
    let (client, read) = client()?;
    let response = client.get("/values").send().await;
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    let chunks = [
        "{\"n\":1,\"value\":\"value 1\"}\n",
        "{\"n\":2,\"value\":\"value 2\"}\n",
        "{\"n\":3,\"value\":\"value 3\"}\n",
    ];
    each_before_the_next(response, &read, chunks).await
}
