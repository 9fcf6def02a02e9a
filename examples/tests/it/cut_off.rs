//! Clients of others see each value before the next is sent, and know a stream that has failed from one that is whole.

use std::path::Path;

use peristyle::{
    BoxError,
    channel::Sender,
    handler,
    server::{Context, Html, Routes},
    streaming,
};
use serde_json::json;
use tokio::io::AsyncReadExt;

use crate::{
    browser::Browser,
    serving::{Serving, once, soon},
    tool,
};

type Lines = Sender<&'static str>;

/// How a stream ends, and whether it is whole then.
const ENDS: [(fn(Lines), bool); 3] = [
    (Sender::finish, true),
    (|lines| lines.abort("out of paper"), false),
    (drop, false),
];

/// What is sent, one after the other.
const LINES: [&str; 3] = ["one\n", "two\n", "three\n"];

/// A server with an empty page, and a stream of lines for the first who asks.
async fn start() -> Result<(Serving, Lines), BoxError> {
    let (lines, streaming) = streaming::channel(1);
    let lines_of = once(streaming.content_type("text/plain")?.into_response())?;
    let routes = Routes::new()
        .get("/", handler(|_: &mut Context| Html("<p></p>")))
        .get("/lines", handler(lines_of));
    Ok((Serving::start(routes).await?, lines))
}

async fn send(lines: &Lines, line: &'static str) -> Result<(), BoxError> {
    let sent = lines.send(line).await;
    Ok(sent.map_err(|_| "nobody listens")?)
}

/// A program that prints what comes as it comes. It exits with 0 for a stream that is whole, and with `failure` for others.
async fn follows(program: &Path, arguments: &[&str], failure: i32) -> Result<(), BoxError> {
    for (end, whole) in ENDS {
        let (serving, lines) = start().await?;
        let url = serving.url("/lines");
        let mut child = tool::command(program, &[arguments, &[&url]].concat()).spawn()?;
        let mut printed = child.stdout.take().ok_or("it is piped")?;
        for line in LINES {
            send(&lines, line).await?;
            let mut read = vec![0; line.len()];
            soon(printed.read_exact(&mut read)).await??;
            assert_eq!(String::from_utf8(read)?, line);
        }
        end(lines);
        let output = soon(child.wait_with_output()).await??;
        let code = if whole { 0 } else { failure };
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        let mut rest = String::new();
        printed.read_to_string(&mut rest).await?;
        assert_eq!(rest, "", "{arguments:?}");
        serving.end().await?;
    }
    Ok(())
}

#[tokio::test]
async fn curl_shows_each_line_at_once_and_tells_a_failed_stream_over_every_protocol()
-> Result<(), BoxError> {
    let Some(curl) = tool::require("curl") else {
        return Ok(());
    };
    let curl_with = async |protocol, failure| {
        let arguments = ["--silent", "--no-buffer", "--noproxy", "*", protocol];
        follows(&curl, &arguments, failure).await
    };
    // CURLE_RECV_ERROR: the connection was reset.
    curl_with("--http1.0", 56).await?;
    // CURLE_PARTIAL_FILE: the last chunk is missing.
    curl_with("--http1.1", 18).await?;
    // CURLE_HTTP2_STREAM: the stream was reset.
    curl_with("--http2-prior-knowledge", 92).await
}

const PYTHON: &str = r#"
import http.client, sys, urllib.parse

http.client.HTTPConnection._http_vsn_str = sys.argv[1]
url = urllib.parse.urlsplit(sys.argv[2])
connection = http.client.HTTPConnection(url.netloc, timeout=50)
connection.request("GET", url.path)
response = connection.getresponse()
try:
    while part := response.read1():
        sys.stdout.buffer.write(part)
        sys.stdout.flush()
except (http.client.IncompleteRead, ConnectionResetError) as error:
    sys.exit(3)
"#;

#[tokio::test]
async fn python_gets_each_line_at_once_and_tells_a_failed_stream() -> Result<(), BoxError> {
    let Some(python) = tool::require("python3") else {
        return Ok(());
    };
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        follows(&python, &["-c", PYTHON, version], 3).await?;
    }
    Ok(())
}

const NODE: &str = "
const response = await fetch(process.argv[1]);
try {
    for await (const part of response.body) process.stdout.write(part);
} catch (error) {
    if (`${error}` !== 'TypeError: terminated') throw error;
    process.exitCode = 3;
}";

#[tokio::test]
async fn the_fetch_of_node_gets_each_line_at_once_and_tells_a_failed_stream() -> Result<(), BoxError>
{
    let Some(node) = tool::require("node") else {
        return Ok(());
    };
    let arguments = ["--input-type=module", "--eval", NODE];
    follows(&node, &arguments, 3).await
}

/// Shows what comes, and keeps the error.
const FETCH: &str = "
void (async () => {
    const shown = document.querySelector('p');
    shown.dataset.end = shown.textContent = '';
    try {
        const response = await fetch('/lines');
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        for (let read; !(read = await reader.read()).done;) shown.textContent += read.value;
        shown.dataset.end = 'whole';
    } catch (error) {
        shown.dataset.end = `${error}`;
    }
})()";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_fetch_of_a_browser_gets_each_line_at_once_and_tells_a_failed_stream()
-> Result<(), BoxError> {
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let mut browser = Browser::start(&chromium);
    for (end, whole) in ENDS {
        let (serving, lines) = start().await?;
        browser.open(&serving.url("/"));
        browser.wait_for("document.querySelector('p')");
        browser.evaluate(FETCH);
        let mut shown = String::new();
        for line in LINES {
            send(&lines, line).await?;
            shown.push_str(line);
            let all = json!(shown);
            browser.wait_for(&format!(
                "document.querySelector('p').textContent === {all}"
            ));
        }
        end(lines);
        browser.wait_for("document.querySelector('p').dataset.end");
        let end = browser.evaluate("document.querySelector('p').dataset.end");
        let failed = "TypeError: network error";
        assert_eq!(end, if whole { "whole" } else { failed });
        serving.end().await?;
    }
    Ok(())
}
