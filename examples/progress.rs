//! A long job that reports its progress to the page that started it: open `http://127.0.0.1:8080`.
//!
//! The job is part of the response: when its page is closed, it is dropped where it waits, and does no further step. A page that
//! lost its connection comes back with the number of the last step it saw, and the job goes on after that. Its result is the last
//! event; who comes back after that has all, and is told to stop. While there are too many jobs a page is told to come back later,
//! not with a 503, after which it never would.

use std::{sync::Arc, time::Duration};

use peristyle::{
    BoxError, BoxFuture, Chain, Link, Outcome, before,
    server::{
        Context, Html, RouteErrors, Router, Routes, Server, handler,
        interceptors::{ConcurrencyLimit, WhenUnavailable},
    },
    sse::{self, Event, LastEventId, Unavailable},
};

const PAGE: &str = r#"<!doctype html>
<meta charset="utf-8">
<title>Progress</title>
<progress max="100" value="0"></progress>
<output id="result"></output>
<p id="state">working</p>
<script>
const source = new EventSource('/job');
const show = (id, text) => document.getElementById(id).textContent = text;
source.addEventListener('progress', event => document.querySelector('progress').value = event.data);
source.addEventListener('result', event => show('result', event.data));
source.addEventListener('failed', event => { source.close(); show('state', event.data); });
// After the result the browser comes back once more, and is told that there is nothing else.
source.onerror = () => show('state', source.readyState === EventSource.CLOSED ? 'done' : 'reconnecting');
</script>
"#;

/// The id of the result.
const RESULT: &str = "result";

/// What is done in each step, which are counted from 1.
pub(crate) type Work = Arc<dyn Fn(u32) -> BoxFuture<'static, Result<(), BoxError>> + Send + Sync>;

pub(crate) struct Job {
    pub(crate) steps: u32,
    pub(crate) work: Work,
}

/// At most so many `jobs` run at a time.
pub(crate) fn router(
    job: Job,
    jobs: usize,
    unavailable: Unavailable,
) -> Result<Router, RouteErrors> {
    let come_back = WhenUnavailable::new(move |request| unavailable.for_browser(&request.headers));
    let limit = ConcurrencyLimit::new(jobs).count_bodies();
    let follow = [Link::new(come_back), Link::new(limit), before(follow)];
    Routes::new()
        .state(job)
        .get("/", handler(|| Html(PAGE)))
        .get("/job", Chain::new(follow))
        .build()
}

fn follow(cx: &mut Context) -> Outcome {
    let job = cx.state::<Job>()?;
    let last = LastEventId::of(cx.headers(), cx.uri());
    let last = last.as_ref().and_then(LastEventId::as_str);
    if last == Some(RESULT) {
        return cx.respond(sse::finished());
    }
    // What is no step of this job begins it anew.
    let done = last.and_then(|id| id.parse().ok());
    let done = done.filter(|done| *done <= job.steps).unwrap_or(0);
    let events = sse::produce(8, move |events| async move {
        for step in done + 1..=job.steps {
            (job.work)(step).await?;
            events.send(progress(step, job.steps)?).await?;
        }
        let result = Event::builder().event("result").id(RESULT);
        let text = format!("done in {} steps", job.steps);
        events.send(result.data(&text).build()?).await?;
        Ok::<_, BoxError>(())
    });
    let failed = Event::builder().event("failed").data("the job failed");
    let events = events.retry(Duration::from_millis(500));
    cx.respond(events.error_event(failed.build()?).into_response())
}

fn progress(step: u32, steps: u32) -> Result<Event, BoxError> {
    let percent = (u64::from(step) * 100 / u64::from(steps)).to_string();
    let id = step.to_string();
    let event = Event::builder().event("progress").id(&id).data(&percent);
    Ok(event.build()?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let work = |_| -> BoxFuture<'static, _> {
        Box::pin(async {
            tokio::time::sleep(Duration::from_millis(250)).await;
            Ok(())
        })
    };
    let job = Job {
        steps: 40,
        work: Arc::new(work),
    };
    let router = router(job, 4, Unavailable::new())?;
    Server::bind("127.0.0.1:8080").await?.serve(router).await?;
    Ok(())
}
