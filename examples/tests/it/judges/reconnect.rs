//! What a browser does when a stream has ended, by which it finds where it was.

use std::{collections::HashMap, sync::Mutex};

use peristyle::{
    BoxError, handler,
    server::{
        Context, Html, IntoResponse, Response, Routes,
        http::{StatusCode, header::ACCEPT},
    },
    streaming,
};
use tokio::sync::mpsc;

use crate::{
    browser::Browser,
    serving::{Serving, soon},
    tool,
};

/// What is answered to the requests for a path, one after the other; then 204.
type Answers = &'static [Answer];

enum Answer {
    Stream(&'static [u8]),
    /// Of another content type.
    Text(&'static [u8]),
    Status(StatusCode),
}

use Answer::{Status, Stream, Text};

/// Every stream that is to come back says so at once: it would take seconds otherwise.
const RESUMED: Answers = &[
    Stream(b"retry: 1\nid: first\ndata: 1\n\n"),
    Stream("id: ü→🦀\n\n".as_bytes()),
    Stream(b"retry: 3600000x\nretry: -1\nretry:\ndata: 3\n\nid: unfinished\ndata: 3\n"),
    Stream(b"id: \tsafe ,;=\ndata: 4\n\n"),
    Stream(b"id: nul\0\ndata: 5\n\n"),
    Stream(b"id\ndata: 6\n\n"),
    Stream(b":\n\n"),
    Status(StatusCode::NO_CONTENT),
];

/// The header by which each request says where it was.
const RESUMED_AFTER: [Option<&[u8]>; 8] = [
    None,
    Some(b"first"),
    Some("ü→🦀".as_bytes()),
    Some("ü→🦀".as_bytes()),
    Some(b"safe ,;="),
    Some(b"safe ,;="),
    None,
    None,
];

/// A request: its path, and its last event id.
type Asked = (String, Option<Vec<u8>>);

/// Answers what is told, and tells who has asked.
async fn start(
    paths: &'static [(&'static str, Answers)],
) -> Result<(Serving, mpsc::Receiver<Asked>), BoxError> {
    let (tell, asked) = mpsc::channel(64);
    let counts = Mutex::new(HashMap::new());
    let answer = move |cx: &mut Context| {
        let path = cx.uri().path().to_owned();
        assert_eq!(cx.headers()[ACCEPT], "text/event-stream");
        let id = cx.headers().get("last-event-id");
        let id = id.map(|id| id.as_bytes().to_vec());
        tell.try_send((path.clone(), id))?;
        let mut counts = counts.lock().map_err(|_| "poisoned")?;
        let count: &mut usize = counts.entry(path.clone()).or_default();
        *count += 1;
        let answers = paths.iter().find(|(of, _)| *of == path);
        let (_, answers) = answers.ok_or("no such path")?;
        respond(
            answers
                .get(*count - 1)
                .unwrap_or(&Status(StatusCode::NO_CONTENT)),
        )
    };
    let routes = Routes::new()
        .get("/", handler(|_: &mut Context| Html("<p></p>")))
        .get("/{path}", handler(answer));
    Ok((Serving::start(routes).await?, asked))
}

fn respond(answer: &Answer) -> Result<Response, BoxError> {
    let (bytes, content_type) = match *answer {
        Stream(bytes) => (bytes, "text/event-stream"),
        Text(bytes) => (bytes, "text/plain"),
        Status(status) => return status.into_response(),
    };
    let body = streaming::from_iter([bytes]).content_type(content_type)?;
    body.into_response().into_response()
}

/// Follows a path. The page shows, as `data-…` of its paragraph, the data that came and that the source has been closed.
fn follow(path: &str) -> String {
    format!(
        "void ((shown) => {{
            const source = new EventSource('/{path}');
            shown.{path} = '';
            source.onmessage = (event) => shown.{path} += event.data;
            source.onerror = () => {{
                if (source.readyState === EventSource.CLOSED) shown.{path} += ' closed';
            }};
        }})(document.querySelector('p').dataset)"
    )
}

fn shows(path: &str, data: &str) -> String {
    format!("document.querySelector('p').dataset.{path} === '{data}'")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_comes_back_with_the_last_event_id_until_it_is_told_not_to()
-> Result<(), BoxError> {
    const PATHS: &[(&str, Answers)] = &[
        ("/waits", &[Stream(b"retry: 3600000\ndata: 0\n\n")]),
        ("/resumed", RESUMED),
        ("/other", RESUMED),
    ];
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let (serving, mut asked) = start(PATHS).await?;
    let mut browser = Browser::start(&chromium);
    browser.open(&serving.url("/"));
    browser.wait_for("document.querySelector('p')");

    browser.evaluate(&follow("waits"));
    browser.wait_for(&shows("waits", "0"));
    assert_eq!(asked.try_recv()?, ("/waits".to_owned(), None));
    // While the other goes its whole way, neither the one that waits nor the one that was told to stop comes back.
    for path in ["resumed", "other"] {
        browser.evaluate(&follow(path));
        for id in RESUMED_AFTER {
            let expected = (format!("/{path}"), id.map(<[u8]>::to_vec));
            assert_eq!(soon(asked.recv()).await?, Some(expected));
        }
        browser.wait_for(&shows(path, "13456 closed"));
    }
    assert_eq!(asked.try_recv().ok(), None);
    assert_eq!(browser.evaluate(&shows("waits", "0")), true);
    drop(browser);
    serving.end().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_event_stream_stops_a_browser_for_good() -> Result<(), BoxError> {
    const TEXT: Answer = Text(b"retry: 1\ndata: text\n\n");
    const PATHS: &[(&str, Answers)] = &[
        ("/text", &[TEXT, TEXT]),
        ("/missing", &[Status(StatusCode::NOT_FOUND)]),
        ("/failed", &[Status(StatusCode::SERVICE_UNAVAILABLE)]),
        ("/later", &[Stream(b"retry: 1\ndata: 1\n\n"), TEXT]),
        ("/last", RESUMED),
    ];
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let (serving, mut asked) = start(PATHS).await?;
    let mut browser = Browser::start(&chromium);
    browser.open(&serving.url("/"));
    browser.wait_for("document.querySelector('p')");
    for (path, times, shown) in [
        ("text", 1, " closed"),
        ("missing", 1, " closed"),
        ("failed", 1, " closed"),
        ("later", 2, "1 closed"),
        // It comes back often enough for any of the others to have done so.
        ("last", RESUMED.len(), "13456 closed"),
    ] {
        browser.evaluate(&follow(path));
        browser.wait_for(&shows(path, shown));
        for _ in 0..times {
            let (from, _) = asked.try_recv()?;
            assert_eq!(from, format!("/{path}"));
        }
    }
    assert_eq!(asked.try_recv().ok(), None);
    drop(browser);
    serving.end().await
}
