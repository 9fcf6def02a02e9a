//! Parsers of npm and of `PyPI` read the bytes of a real server over a socket.

use std::path::Path;

use peristyle::BoxError;
use tokio::io::AsyncWriteExt;

use super::{Differences, Streams, cases::Seen, packages};
use crate::{serving::soon, tool};

/// npm's `eventsource-parser`. It leaves it to its users to remember an id, and `read.mjs` does.
const EVENTSOURCE_PARSER: &Differences = &[
    (
        "a CR that is the last byte so far does not end its line: it waits for an LF",
        &[
            "P1: a character cut off by CR leaves the line end alone",
            "P3: CR",
            "P3: LF and CR are two line ends",
            "P4: two CRs end an event, and nothing need follow",
            "P4: CRLF and CR end an event, and nothing need follow",
            "P4: LF and CR end an event, and nothing need follow",
        ],
    ),
    (
        "it hands out an id with the data of its own block only, so that one without data is lost",
        &[
            "P5: every field, comments and all line ends",
            "F4: an id with NUL does not reset the one before",
            "D1: an id of a block without data is that of the next event",
            "D1: an empty id alone resets the cursor",
            "D1: the id of 5000 blocks is the last",
            "fields: an id without data moves the cursor",
        ],
    ),
];

/// `PyPI`'s `httpx-sse`.
const HTTPX_SSE: &Differences = &[
    (
        "it takes a byte order mark for a part of the first name",
        &[
            "P2: a byte order mark at the start is dropped",
            "P5: malformed bytes and a byte order mark",
        ],
    ),
    (
        "it fires without data, for a type, a delay, or an id, and then at each blank line",
        &[
            "P4: an id is committed with the CR of its blank line",
            "F4: an id with NUL does not reset the one before",
            "F5: digits are milliseconds",
            "F5: zero is a time",
            "F5: leading zeros are fine",
            "F5: many leading zeros are fine",
            "F5: the base is ten",
            "F5: nothing, a sign, a point, a unit or a space make it no number",
            "F5: digits of other scripts are not digits",
            "F5: what is no number leaves the time as it was",
            "F5: the last time wins",
            "F5: the greatest time that fits is taken (the standard has no limit)",
            "F5: one more is as much as fits",
            "F5: far more is as much as fits",
            "D1: an id alone moves the cursor and fires nothing",
            "D1: an id of a block without data is that of the next event",
            "D1: an id with a type alone moves the cursor",
            "D1: an id counts at the blank line, not before",
            "D1: the id of 5000 blocks is the last",
            "D2: a type alone fires nothing and is forgotten",
            "D2: retry alone fires nothing",
            "D2: data that was fired is not fired again",
            "D2: 10000 blocks without data fire nothing",
            "fields: an id without data moves the cursor",
            "fields: a delay alone",
        ],
    ),
];

/// What a program sees of each stream.
async fn read(
    program: &Path,
    arguments: &[&str],
    folder: &Path,
    streams: &Streams,
) -> Result<Vec<Vec<Seen>>, BoxError> {
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
async fn the_parser_of_npm_reads_what_the_standard_says() -> Result<(), BoxError> {
    let (Some(node), Some(npm)) = (tool::require("node"), tool::require("npm")) else {
        return Ok(());
    };
    let Some(folder) = packages::of_npm(&npm).await? else {
        return Ok(());
    };
    let streams = Streams::start().await?;
    let script = packages::source().join("read.mjs");
    let arguments = [&*script.to_string_lossy(), &*folder.to_string_lossy()];
    let seen = read(&node, &arguments, &folder, &streams).await?;
    streams.assert_known("eventsource-parser", &seen, EVENTSOURCE_PARSER);
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
    streams.assert_known("httpx-sse", &seen, HTTPX_SSE);
    streams.serving.end().await
}
