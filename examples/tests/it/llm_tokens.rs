use std::{
    path::Path,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use peristyle::BoxError;
use serde_json::{Value, json};
use tokio::{sync::mpsc, task::spawn_blocking};
use tokio_stream::Stream;

use crate::{
    browser::Browser,
    tool,
    wire::{Running, soon},
};

#[path = "../../llm_tokens.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

use example::{Model, Tokens, router};

type Token = Result<String, BoxError>;

/// Makes the tokens that a test sends it, and tells when it is dropped.
struct Generator {
    tokens: mpsc::Receiver<Token>,
    dropped: mpsc::Sender<()>,
}

impl Stream for Generator {
    type Item = Token;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Token>> {
        self.tokens.poll_recv(cx)
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.dropped.try_send(()).expect("it is dropped once");
    }
}

/// What is asked of the model.
struct Asked {
    prompt: String,
    tokens: mpsc::Sender<Token>,
    dropped: mpsc::Receiver<()>,
}

impl Asked {
    async fn say(&self, token: &str) {
        let sent = self.tokens.send(Ok(token.to_owned())).await;
        sent.expect("someone listens");
    }
}

fn model() -> (Model, mpsc::Receiver<Asked>) {
    let (ask, asked) = mpsc::channel(4);
    let model = move |prompt: &str| -> Tokens {
        let (tokens, generated) = mpsc::channel(4);
        let (drop, dropped) = mpsc::channel(1);
        let prompt = prompt.to_owned();
        let said = Asked {
            prompt,
            tokens,
            dropped,
        };
        assert!(ask.try_send(said).is_ok(), "few ask");
        Box::pin(Generator {
            tokens: generated,
            dropped: drop,
        })
    };
    (Arc::new(model), asked)
}

const EVENTS: &str = "accept: text/event-stream\r\n";
const LINES: &str = "accept: application/x-ndjson\r\n";

/// Each format, its first piece, and how it tells a token.
const FORMATS: [(&str, &str, fn(&str) -> String); 2] = [
    (EVENTS, ":\n\n", |token| format!("data: {token}\n\n")),
    (LINES, "", |token| format!("{{\"token\":\"{token}\"}}\n")),
];

#[tokio::test]
async fn tokens_come_one_by_one_in_the_format_that_was_asked_for_and_then_the_end()
-> Result<(), BoxError> {
    let ends = ["event: done\nid: done\ndata: \n\n", "{\"done\":true}\n"];
    for ((accept, first, tell), end) in FORMATS.into_iter().zip(ends) {
        let (model, mut asked) = model();
        let server = Running::start(router(model)?).await;
        let mut client = server.ask("/say/tell%20me%2Fall", accept).await;
        let asked = soon(asked.recv()).await.ok_or("it is asked")?;
        assert_eq!(asked.prompt, "tell me/all");
        client.until("\r\n\r\n").await;
        if !first.is_empty() {
            client.until(first).await;
        }
        for token in ["Once", " upon", "  a time"] {
            asked.say(token).await;
            client.until(&tell(token)).await;
        }
        drop(asked.tokens);
        client.until(&format!("{end}\r\n0\r\n\r\n")).await;
        server.ended().await;
    }
    Ok(())
}

#[tokio::test]
async fn who_says_nothing_gets_events_and_who_accepts_neither_is_told_what_there_is()
-> Result<(), BoxError> {
    let (model, mut asked) = model();
    let server = Running::start(router(model)?).await;
    for (accept, content_type) in [
        ("", "text/event-stream; charset=utf-8"),
        ("accept: */*\r\n", "text/event-stream; charset=utf-8"),
        (EVENTS, "text/event-stream; charset=utf-8"),
        (LINES, "application/x-ndjson"),
        (
            "accept: text/event-stream;q=0.5, application/x-ndjson\r\n",
            "application/x-ndjson",
        ),
    ] {
        let mut client = server.ask("/say/hello", accept).await;
        let head = client.until("\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(
            head.contains(&format!("\r\ncontent-type: {content_type}\r\n")),
            "{head}"
        );
        assert!(head.contains("\r\nvary: accept\r\n"), "{head}");
        assert!(soon(asked.recv()).await.is_some());
    }
    let mut client = server.ask("/say/hello", "accept: image/png\r\n").await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 406 "), "{head}");
    assert!(head.contains("\r\nvary: accept\r\n"), "{head}");
    let document: Value = serde_json::from_str(&client.until("}").await)?;
    let offers = json!(["text/event-stream", "application/x-ndjson"]);
    assert_eq!(document["offers"], offers);
    assert!(asked.try_recv().is_err(), "the model was not asked");
    server.ended().await;
    Ok(())
}

#[tokio::test]
async fn who_stops_stops_the_generator() -> Result<(), BoxError> {
    for (accept, _, tell) in FORMATS {
        let (model, mut asked) = model();
        let server = Running::start(router(model)?).await;
        let mut client = server.ask("/say/hello", accept).await;
        let mut asked = soon(asked.recv()).await.ok_or("it is asked")?;
        asked.say("Once").await;
        client.until(&tell("Once")).await;
        assert!(asked.dropped.try_recv().is_err(), "it goes on");
        drop(client);
        assert_eq!(soon(asked.dropped.recv()).await, Some(()));
        let unheard = asked.tokens.send(Ok(" upon".to_owned())).await;
        assert!(unheard.is_err());
        server.ended().await;
    }
    Ok(())
}

#[tokio::test]
async fn an_error_in_the_middle_is_told_and_is_never_a_clean_end() -> Result<(), BoxError> {
    let errors = ["event: error\ndata: the model failed\n\n", ""];
    for ((accept, first, tell), error) in FORMATS.into_iter().zip(errors) {
        let (model, mut asked) = model();
        let server = Running::start(router(model)?).await;
        let client = server.ask("/say/hello", accept).await;
        let mut asked = soon(asked.recv()).await.ok_or("it is asked")?;
        asked.say("Once").await;
        asked.tokens.send(Err("out of memory".into())).await?;
        let (body, whole) = client.body().await;
        assert_eq!(body, format!("{first}{}{error}", tell("Once")));
        assert!(!whole);
        assert_eq!(soon(asked.dropped.recv()).await, Some(()));
        server.ended().await;
    }
    Ok(())
}

#[tokio::test]
async fn who_has_heard_the_end_is_not_told_all_again() -> Result<(), BoxError> {
    let (model, mut asked) = model();
    let server = Running::start(router(model)?).await;
    let last = format!("{EVENTS}last-event-id: done\r\n");
    let mut client = server.ask("/say/hello", &last).await;
    let head = client.until("\r\n\r\n").await;
    assert!(head.starts_with("HTTP/1.1 204 "), "{head}");
    assert!(asked.try_recv().is_err(), "the model was not asked");
    server.ended().await;
    Ok(())
}

#[tokio::test]
async fn a_server_that_shuts_down_lets_it_finish() -> Result<(), BoxError> {
    for (accept, _, tell) in FORMATS {
        let (model, mut asked) = model();
        let server = Running::start(router(model)?).await;
        let mut client = server.ask("/say/hello", accept).await;
        let asked = soon(asked.recv()).await.ok_or("it is asked")?;
        asked.say("Once").await;
        client.until(&tell("Once")).await;
        let ending = server.end();
        asked.say(" upon").await;
        client.until(&tell(" upon")).await;
        drop(asked.tokens);
        client.until("\r\n0\r\n\r\n").await;
        ending.ended().await;
    }
    Ok(())
}

/// Asks, reads, and stops; what a condition does is done once.
fn ask_and_stop(chromium: &Path, page: &str) -> Browser {
    let mut browser = Browser::start(chromium);
    browser.open(page);
    browser.wait_for(
        "document.querySelector('form')?.onsubmit
            && (window.asked ??= (document.querySelector('form').requestSubmit(), true))",
    );
    browser.wait_for("document.querySelector('#answer').textContent === 'Once  upon\\na time'");
    browser.wait_for("window.stopped ??= (document.querySelector('#stop').click(), true)");
    browser.wait_for("document.querySelector('#state').textContent === 'stopped'");
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_stop_button_of_the_page_stops_the_generator() -> Result<(), BoxError> {
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let (model, mut asked) = model();
    let server = Running::start(router(model)?).await;
    let page = format!("http://{}/", server.address);
    let stopped = spawn_blocking(move || ask_and_stop(&chromium, &page));
    let mut asked = soon(asked.recv()).await.ok_or("it is asked")?;
    assert_eq!(asked.prompt, "Say something");
    for token in ["Once", "  upon", "\na time"] {
        asked.say(token).await;
    }
    // It is still open when the generator is dropped.
    let browser = stopped.await?;
    assert_eq!(soon(asked.dropped.recv()).await, Some(()));
    spawn_blocking(move || drop(browser)).await?;
    server.ended().await;
    Ok(())
}
