//! Parsers of npm and of PyPI read the bytes of a real server over a socket.

use std::{collections::BTreeMap, path::Path};

use peristyle::BoxError;
use serde_json::json;
use tokio::io::AsyncWriteExt;

use super::{Differences, Streams, cases::Seen, packages};
use crate::{serving::soon, tool};

const EVENTSOURCE_PARSER: &Differences = &[];
const EVENTSOURCE: &Differences = &[];
const HTTPX_SSE: &Differences = &[];

/// What the readers of a program have seen of each stream.
async fn read(
    program: &Path,
    arguments: &[&str],
    folder: &Path,
    streams: &Streams,
) -> Result<BTreeMap<String, Vec<Vec<Seen>>>, BoxError> {
    let urls = streams.paths.iter();
    let urls: Vec<_> = urls.map(|(_, path)| streams.serving.url(path)).collect();
    let mut child = tool::command(program, arguments)
        .env("PYTHONPATH", folder)
        .spawn()?;
    let mut stdin = child.stdin.take().ok_or("it is piped")?;
    let written = async {
        stdin.write_all(urls.join("\n").as_bytes()).await?;
        drop(stdin);
        Ok::<_, BoxError>(())
    };
    let (written, output) = tokio::join!(written, soon(child.wait_with_output()));
    let output = output??;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    written?;
    Ok(serde_json::from_slice(&output.stdout)?)
}

#[tokio::test]
async fn the_parsers_of_npm_read_what_the_standard_says() -> Result<(), BoxError> {
    let (Some(node), Some(npm)) = (tool::require("node"), tool::require("npm")) else {
        return Ok(());
    };
    let Some(folder) = packages::of_npm(&npm).await? else {
        return Ok(());
    };
    let streams = Streams::start().await?;
    let script = packages::source().join("read.mjs");
    let types = json!(streams.types()).to_string();
    let arguments = [
        &script.to_string_lossy(),
        &*folder.to_string_lossy(),
        &types,
    ];
    let seen = read(&node, &arguments, &folder, &streams).await?;
    let parser = &seen["eventsource-parser"];
    streams.assert_known("eventsource-parser", parser, EVENTSOURCE_PARSER);
    streams.assert_known("eventsource", &seen["eventsource"], EVENTSOURCE);
    streams.serving.end().await
}

#[tokio::test]
async fn the_parser_of_pypi_reads_what_the_standard_says() -> Result<(), BoxError> {
    let Some(python) = tool::require("python3") else {
        return Ok(());
    };
    let Some(folder) = packages::of_pypi(&python).await? else {
        return Ok(());
    };
    let streams = Streams::start().await?;
    let script = packages::source().join("read.py");
    let arguments = [&*script.to_string_lossy()];
    let seen = read(&python, &arguments, &folder, &streams).await?;
    streams.assert_known("httpx-sse", &seen["httpx-sse"], HTTPX_SSE);
    streams.serving.end().await
}
