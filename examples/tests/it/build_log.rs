use std::sync::Arc;

use peristyle::{
    BoxError,
    sse::feed::{Epoch, Feed},
};
use tokio::sync::mpsc;

use crate::wire::{Client, Running, soon};

#[path = "../../build_log.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use example::{Builds, Lines, router};

type Line = Result<String, BoxError>;

/// What a build that has begun is to say.
struct Tell(mpsc::Sender<Line>);

impl Tell {
    async fn says(&self, line: &str) {
        let said = self.0.send(Ok(line.to_owned())).await;
        said.expect("it still runs");
    }
}

struct Works {
    server: Running,
    builds: Builds,
    begun: mpsc::Receiver<Tell>,
}

impl Works {
    async fn open() -> Result<Self, BoxError> {
        let (hand_over, begun) = mpsc::channel(8);
        let start = move |_| -> Lines {
            let (tell, mut told) = mpsc::channel::<Line>(1);
            hand_over.try_send(Tell(tell)).expect("few begin");
            Box::pin(async_stream::stream! {
                while let Some(line) = told.recv().await {
                    yield line;
                }
            })
        };
        // In base 36 the epoch is `e`.
        let feed = Feed::builder().epoch(Epoch::new(14)).build();
        let builds = Builds::new(feed, Arc::new(start));
        let server = Running::start(router(builds.clone())?).await;
        Ok(Self {
            server,
            builds,
            begun,
        })
    }

    async fn begin(&mut self, path: &str) -> Result<Tell, BoxError> {
        let mut client = self.post().await;
        let answer = client.until(&format!("\r\n\r\n{path}\n")).await;
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
        Ok(soon(self.begun.recv()).await.ok_or("it begins")?)
    }

    async fn post(&self) -> Client {
        let post =
            "POST /builds HTTP/1.1\r\nhost: test\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        self.server.send(post).await
    }

    async fn status(&self, path: &str, headers: &str) -> String {
        let mut client = self.server.ask(path, headers).await;
        let head = client.until("\r\n\r\n").await;
        head[9..12].to_owned()
    }

    async fn ended(self) {
        self.server.ended().await;
        soon(self.builds.ended()).await;
    }
}

const LINES: &str = "accept: application/x-ndjson\r\n";

#[tokio::test]
async fn a_viewer_resumes_in_the_middle_in_another_format_and_the_build_goes_on_without_it()
-> Result<(), BoxError> {
    let mut works = Works::open().await?;
    let build = works.begin("/builds/1").await?;
    let mut viewer = works.server.ask("/builds/1", "").await;
    viewer.until("\r\n\r\n").await;
    build.says("one").await;
    viewer.until("id: e-1\ndata: one\n\n").await;
    drop(viewer);
    build.says("two").await;
    let other = works.begin("/builds/2").await?;
    build.says("three").await;

    let last = format!("{LINES}last-event-id: e-1\r\n");
    let mut viewer = works.server.ask("/builds/1", &last).await;
    viewer.until("\r\n\r\n").await;
    viewer
        .until("{\"id\":\"e-2\",\"event\":\"message\",\"topic\":\"builds/1\",\"data\":\"two\"}\n")
        .await;
    viewer
        .until("{\"id\":\"e-3\",\"event\":\"message\",\"topic\":\"builds/1\",\"data\":\"three\"}\n")
        .await;
    drop(build);
    viewer.until("\"data\":\"done\"}\n\r\n0\r\n\r\n").await;

    let late = works
        .server
        .ask("/builds/1", "last-event-id: e-2\r\n")
        .await;
    let (body, whole) = late.body().await;
    assert_eq!(body, ":\n\nid: e-3\ndata: three\n\nid: e-4\ndata: done\n\n");
    assert!(whole);
    for format in ["", LINES] {
        let all = format!("{format}last-event-id: e-4\r\n");
        assert_eq!(works.status("/builds/1", &all).await, "204");
    }
    drop(other);
    works.ended().await;
    Ok(())
}

#[tokio::test]
async fn a_build_that_fails_says_so_to_its_viewers() -> Result<(), BoxError> {
    let mut works = Works::open().await?;
    let build = works.begin("/builds/1").await?;
    build.says("one").await;
    let failed = build.0.send(Err("the disk is full".into())).await;
    failed.map_err(|_| "it still runs")?;
    let (body, whole) = works.server.ask("/builds/1", "").await.body().await;
    assert_eq!(
        body,
        ":\n\nid: e-1\ndata: one\n\nevent: failed\nid: e-2\ndata: \n\n"
    );
    assert!(whole);
    works.ended().await;
    Ok(())
}

#[tokio::test]
async fn a_build_that_was_not_begun_is_not_found_and_no_more_than_four_run() -> Result<(), BoxError>
{
    let mut works = Works::open().await?;
    for path in ["/builds/0", "/builds/1", "/builds/x"] {
        assert_eq!(works.status(path, "").await, "404");
    }
    let mut running = Vec::new();
    for number in 1..=4 {
        running.push(works.begin(&format!("/builds/{number}")).await?);
    }
    works.post().await.until("HTTP/1.1 503 ").await;
    assert_eq!(works.status("/builds/5", "").await, "404");
    running.pop();
    let (body, _) = works.server.ask("/builds/4", "").await.body().await;
    assert_eq!(body, ":\n\nid: e-1\ndata: done\n\n");
    drop(running);
    works.ended().await;
    Ok(())
}

#[tokio::test]
async fn a_viewer_whose_place_nobody_can_read_is_told_of_a_gap() -> Result<(), BoxError> {
    let mut works = Works::open().await?;
    let build = works.begin("/builds/1").await?;
    build.says("one").await;
    let torn = "last-event-id: e-1\r\nlast-event-id: e-2\r\n";
    let mut viewer = works.server.ask("/builds/1", torn).await;
    viewer.until("\r\n\r\n").await;
    viewer.until("\"reason\":\"unknown\"}\n\n").await;
    drop((build, viewer));
    works.ended().await;
    Ok(())
}
