use std::{path::Path, sync::Arc, time::Duration};

use peristyle::{
    BoxError,
    server::{
        TestClient,
        http::{HeaderName, HeaderValue},
    },
    sse::Unavailable,
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::spawn_blocking,
};

use crate::{
    browser::Browser,
    tool,
    wire::{Running, soon},
};

#[path = "../../progress.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use example::{Job, router};

/// A job of four steps, each of which waits until it may go on.
struct Steps {
    may_go_on: Arc<Semaphore>,
    begun: mpsc::Receiver<u32>,
    abandoned: mpsc::Receiver<u32>,
}

/// Tells that a step was dropped before it was done.
struct Step {
    number: Option<u32>,
    abandoned: mpsc::Sender<u32>,
}

impl Step {
    fn done(mut self) {
        self.number = None;
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.abandoned.try_send(number).expect("few are");
        }
    }
}

impl Steps {
    fn of_a_job() -> (Self, Job) {
        let may_go_on = Arc::new(Semaphore::new(0));
        let (tell, begun) = mpsc::channel(16);
        let (abandon, abandoned) = mpsc::channel(16);
        let gate = Arc::clone(&may_go_on);
        let work = move |number| -> peristyle::BoxFuture<'static, Result<(), BoxError>> {
            let (gate, tell) = (Arc::clone(&gate), tell.clone());
            let step = Step {
                number: Some(number),
                abandoned: abandon.clone(),
            };
            Box::pin(async move {
                tell.send(number).await?;
                gate.acquire_owned().await?.forget();
                step.done();
                match number {
                    FAILS => Err("the machine is on fire".into()),
                    _ => Ok(()),
                }
            })
        };
        let steps = Self {
            may_go_on,
            begun,
            abandoned,
        };
        let work = Arc::new(work);
        (steps, Job { steps: 4, work })
    }

    /// Of all that have begun by now, and will, since nobody has the job any more.
    async fn all_begun(&mut self) -> Vec<u32> {
        let mut all = Vec::new();
        while let Some(step) = soon(self.begun.recv()).await {
            all.push(step);
        }
        all
    }
}

/// A step of a longer job that cannot be done.
const FAILS: u32 = 7;

/// With the first piece, and the delay that travels in the first event.
fn body(events: &str) -> String {
    format!(
        ":\n\n{}",
        events.replacen("data: ", "retry: 500\ndata: ", 1)
    )
}

const RESULT: &str = "event: result\nid: result\ndata: done in 4 steps\n\n";

fn progress(step: u32) -> String {
    format!("event: progress\nid: {step}\ndata: {}\n\n", step * 25)
}

/// The status and the body for a client that has seen this event.
async fn resumed(last: &'static str) -> Result<(u16, String), BoxError> {
    let (steps, job) = Steps::of_a_job();
    steps.may_go_on.add_permits(4);
    let client = TestClient::new(router(job, 4, Unavailable::new())?);
    let name = HeaderName::from_static("last-event-id");
    let request = client.get("/job");
    let response = request.header(name, HeaderValue::from_static(last)).send();
    let response = response.await;
    Ok((response.status().as_u16(), response.text().await?))
}

#[tokio::test]
async fn each_step_is_told_and_then_the_result() -> Result<(), BoxError> {
    let steps: String = (1..=4).map(progress).collect();
    let expected = (200, body(&format!("{steps}{RESULT}")));
    assert_eq!(resumed("").await?, expected);
    // What no job of this kind has told begins it anew.
    for nonsense in ["5", "-1", "two", "4294967295", "99999999999"] {
        assert_eq!(resumed(nonsense).await?, expected, "{nonsense}");
    }
    Ok(())
}

#[tokio::test]
async fn who_lost_the_connection_goes_on_after_the_last_step_that_was_seen() -> Result<(), BoxError>
{
    let rest = body(&format!("{}{}{RESULT}", progress(3), progress(4)));
    assert_eq!(resumed("2").await?, (200, rest));
    assert_eq!(resumed("4").await?, (200, body(RESULT)));
    Ok(())
}

#[tokio::test]
async fn who_has_the_result_is_told_to_stop() -> Result<(), BoxError> {
    assert_eq!(resumed("result").await?, (204, String::new()));
    Ok(())
}

#[tokio::test]
async fn a_step_is_told_before_the_next_is_done() -> Result<(), BoxError> {
    let (mut steps, job) = Steps::of_a_job();
    let server = Running::start(router(job, 4, Unavailable::new())?).await;
    let mut client = server.ask("/job", "").await;
    for step in 1..=4 {
        assert_eq!(soon(steps.begun.recv()).await, Some(step));
        steps.may_go_on.add_permits(1);
        client.until(&format!("data: {}\n\n", step * 25)).await;
    }
    client.until(RESULT).await;
    client.until("\r\n0\r\n\r\n").await;
    server.ended().await;
    Ok(())
}

#[tokio::test]
async fn when_the_client_leaves_the_job_is_dropped_where_it_waits() -> Result<(), BoxError> {
    let (mut steps, job) = Steps::of_a_job();
    let server = Running::start(router(job, 4, Unavailable::new())?).await;
    let mut client = server.ask("/job", "").await;
    steps.may_go_on.add_permits(2);
    client.until("data: 50\n\n").await;
    for step in 1..=3 {
        assert_eq!(soon(steps.begun.recv()).await, Some(step));
    }
    drop(client);
    assert_eq!(soon(steps.abandoned.recv()).await, Some(3));
    steps.may_go_on.add_permits(2);
    server.ended().await;
    assert!(steps.all_begun().await.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_job_that_fails_says_so_and_never_ends_cleanly() -> Result<(), BoxError> {
    let (steps, mut job) = Steps::of_a_job();
    job.steps = 8;
    steps.may_go_on.add_permits(8);
    let server = Running::start(router(job, 4, Unavailable::new())?).await;
    let client = server.ask("/job", "last-event-id: 5\r\n").await;
    let (told, whole) = client.body().await;
    let progress = "event: progress\nid: 6\ndata: 75\n\n";
    let failed = "event: failed\ndata: the job failed\n\n";
    assert_eq!(told, body(&format!("{progress}{failed}")));
    assert!(!whole);
    server.ended().await;
    Ok(())
}

#[tokio::test]
async fn beyond_the_limit_a_page_is_told_to_come_back_and_a_program_that_it_is_refused()
-> Result<(), BoxError> {
    let (mut steps, job) = Steps::of_a_job();
    let unavailable = Unavailable::new().after(Duration::from_secs(3));
    let unavailable = unavailable.spread(Duration::ZERO);
    let server = Running::start(router(job, 1, unavailable)?).await;
    let mut running = server.ask("/job", "").await;
    running.until(":\n\n").await;
    soon(steps.begun.recv()).await.ok_or("it runs")?;

    let accept = "accept: text/event-stream\r\n";
    let page = format!("{accept}sec-fetch-mode: cors\r\nsec-fetch-dest: empty\r\n");
    let mut page = server.ask("/job", &page).await;
    let head = page.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/event-stream; charset=utf-8\r\n"));
    assert!(head.contains("cache-control: no-store\r\n"), "{head}");
    assert_eq!(page.until("retry: 3000\n").await, ":\n\nretry: 3000\n");
    let mut program = server.ask("/job", accept).await;
    let head = program.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
    assert!(head.contains("\r\nretry-after: "), "{head}");

    drop(running);
    assert_eq!(soon(steps.abandoned.recv()).await, Some(1));
    server.ended().await;
    Ok(())
}

/// A page that has found the server busy and will come back.
fn find_busy(chromium: &Path, page: &str) -> Browser {
    let mut browser = Browser::start(chromium);
    browser.open(page);
    browser.wait_for("document.querySelector('#state')?.textContent === 'reconnecting'");
    browser
}

fn see_the_result(mut browser: Browser) {
    browser.wait_for("document.querySelector('#result').textContent === 'done in 4 steps'");
    browser.wait_for("document.querySelector('progress').value === 100");
    // It was told to stop: a clean end alone is a lost connection.
    browser.wait_for("document.querySelector('#state').textContent === 'done'");
    browser.wait_for("source.readyState === EventSource.CLOSED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_comes_back_from_a_busy_server_shows_the_result_and_stops() -> Result<(), BoxError>
{
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let (mut steps, job) = Steps::of_a_job();
    let unavailable = Unavailable::new().after(Duration::from_millis(20));
    let unavailable = unavailable.spread(Duration::from_millis(20));
    let server = Running::start(router(job, 1, unavailable)?).await;
    let running = server.ask("/job", "").await;
    assert_eq!(soon(steps.begun.recv()).await, Some(1));
    let page = format!("http://{}/", server.address);
    let browser = spawn_blocking(move || find_busy(&chromium, &page)).await?;
    drop(running);
    assert_eq!(soon(steps.abandoned.recv()).await, Some(1));
    steps.may_go_on.add_permits(4);
    spawn_blocking(move || see_the_result(browser)).await?;
    server.ended().await;
    Ok(())
}
