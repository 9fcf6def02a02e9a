//! Builds that go on whoever watches them: `curl -i -X POST http://127.0.0.1:8080/builds`, and then
//! `curl -N http://127.0.0.1:8080/builds/1`, as events or, with `-H 'accept: application/x-ndjson'`, as lines.
//!
//! A build belongs to no request: viewers come, leave, and come back in the middle with the id of the last line they saw, in
//! either format. How it ended is its last event, also if it panicked; who has seen that is told not to come back.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_stream::stream;
use peristyle::{
    BoxError, Outcome, before,
    server::{Context, RouteErrors, Router, Routes, Server, http::StatusCode},
    sse::{
        self, Event,
        feed::{Deliveries, Feed, Follow, JsonRecords, Run, Topic},
    },
    streaming::Streaming,
};
use tokio::task::JoinSet;
use tokio_stream::{Stream, StreamExt};

/// The lines of one build.
pub(crate) type Lines = Pin<Box<dyn Stream<Item = Result<String, BoxError>> + Send>>;

/// Begins the build of this number.
pub(crate) type Start = Arc<dyn Fn(u64) -> Lines + Send + Sync>;

/// At most so many run at a time.
const MAX_BUILDS: usize = 4;

/// The builds, which outlive the requests that started them. Clones share them.
#[derive(Clone)]
pub(crate) struct Builds {
    feed: Feed,
    start: Start,
    begun: Arc<Mutex<Begun>>,
}

#[derive(Default)]
struct Begun {
    count: u64,
    tasks: JoinSet<()>,
}

#[derive(Clone, Copy)]
enum Format {
    Events,
    Lines,
}

impl Builds {
    pub(crate) fn new(feed: Feed, start: Start) -> Self {
        let begun = Arc::default();
        Self { feed, start, begun }
    }

    /// Its number; `None` while too many run.
    fn begin(&self) -> Result<Option<u64>, BoxError> {
        let mut begun = self.begun();
        // What came of them was said to their viewers.
        while begun.tasks.try_join_next().is_some() {}
        if begun.tasks.len() >= MAX_BUILDS {
            return Ok(None);
        }
        let number = begun.count + 1;
        let run = self.feed.run(topic(number)?);
        let task = build((self.start)(number), run);
        begun.tasks.spawn(task);
        begun.count = number;
        Ok(Some(number))
    }

    fn has(&self, number: u64) -> bool {
        (1..=self.begun().count).contains(&number)
    }

    /// Waits for those that still run.
    pub(crate) async fn ended(&self) {
        let mut tasks = std::mem::take(&mut self.begun().tasks);
        while tasks.join_next().await.is_some() {}
    }

    fn begun(&self) -> MutexGuard<'_, Begun> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn topic(number: u64) -> Result<Topic, BoxError> {
    Ok(format!("builds/{number}").parse()?)
}

/// A panic drops the run as anything else would, and that is its failure.
async fn build(mut lines: Lines, run: Run) {
    while let Some(line) = lines.next().await {
        match line {
            Ok(line) => run.publish(Event::data(&line)),
            Err(_) => return,
        };
    }
    run.finish(Event::data("done"));
}

pub(crate) fn router(builds: Builds) -> Result<Router, RouteErrors> {
    Routes::new()
        .state(builds)
        .post("/builds", before(begin))
        .get("/builds/{number}", before(watch))
        .build()
}

fn begin(cx: &mut Context) -> Outcome {
    match cx.state::<Builds>()?.begin()? {
        Some(number) => cx.respond((StatusCode::ACCEPTED, format!("/builds/{number}\n"))),
        None => cx.respond(StatusCode::SERVICE_UNAVAILABLE),
    }
}

fn watch(cx: &mut Context) -> Outcome {
    let builds = cx.state::<Builds>()?;
    let number = cx.param("number").and_then(|number| number.parse().ok());
    let Some(number) = number.filter(|number| builds.has(*number)) else {
        return cx.respond(StatusCode::NOT_FOUND);
    };
    let format = cx.accept([
        (Format::Events, sse::CONTENT_TYPE),
        (Format::Lines, JsonRecords::NDJSON),
    ])?;
    let follow = Follow::earliest()
        .resume_request(cx.headers(), cx.uri())
        .topics(topic(number)?);
    let watched = match format {
        Format::Events => {
            let events = builds.feed.follow(follow);
            events.map(|events| cx.respond(events.into_response()))
        }
        Format::Lines => {
            let deliveries = builds.feed.deliveries(follow);
            deliveries.map(|all| cx.respond(lines(all)?.into_response()))
        }
    };
    watched.unwrap_or_else(|_finished| cx.respond(sse::finished()))
}

fn lines(deliveries: Deliveries) -> Result<Streaming<JsonRecords>, BoxError> {
    Ok(Streaming::new(deliveries.ndjson()).content_type(JsonRecords::NDJSON)?)
}

/// Takes a second for each of ten files.
fn compile(number: u64) -> Lines {
    Box::pin(stream! {
        for file in 1..=10 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            yield Ok(format!("build {number}: file {file} of 10"));
        }
    })
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let feed = Feed::builder().max_age(Duration::from_secs(3600)).build();
    let builds = Builds::new(feed, Arc::new(compile));
    let router = router(builds.clone())?;
    Server::bind("127.0.0.1:8080").await?.serve(router).await?;
    builds.ended().await;
    Ok(())
}
