//! A browser's `EventSource` reads every stream.

use peristyle::BoxError;
use serde_json::json;

use super::{Differences, Streams, cases::Seen};
use crate::{browser::Browser, tool};

/// Reads each stream to its end. What has no data is an error of the connection, not an event of the stream.
const READ: &str = "
async (paths, types) => {
    const all = [];
    for (const path of paths) {
        const seen = [];
        await new Promise((resolve) => {
            const source = new EventSource(path);
            for (const type of types) {
                source.addEventListener(type, (event) => {
                    if (event instanceof MessageEvent) {
                        seen.push([event.type, event.data, event.lastEventId]);
                    }
                });
            }
            source.addEventListener('error', (event) => {
                if (event instanceof MessageEvent) return;
                source.close();
                resolve();
            });
        });
        all.push(seen);
    }
    return JSON.stringify(all);
}";

/// Streams that the browser is asked about at once, so that an answer does not take long.
const AT_ONCE: usize = 16;

const CHROMIUM: &Differences = &[(
    "it overlooks a line end right behind the byte order mark, so that the next line belongs to it",
    &["P2: a byte order mark before a blank line is dropped too"],
)];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_reads_what_the_standard_says() -> Result<(), BoxError> {
    let Some(chromium) = tool::require("chromium") else {
        return Ok(());
    };
    let streams = Streams::start().await?;
    let mut browser = Browser::start(&chromium);
    browser.open(&streams.serving.url("/"));
    let types = json!(streams.types());
    let mut read: Vec<Vec<Seen>> = Vec::new();
    for streams in streams.paths.chunks(AT_ONCE) {
        let paths: Vec<_> = streams.iter().map(|(_, path)| path).collect();
        let of_these = browser.evaluate(&format!("({READ})({}, {types})", json!(paths)));
        let of_these = of_these.as_str().ok_or("no text")?;
        read.extend(serde_json::from_str::<Vec<_>>(of_these)?);
    }
    streams.assert_known("Chromium", &read, CHROMIUM);
    drop(browser);
    streams.serving.end().await
}
