//! Every row of `tests/hostile/requests.txt`, over a real socket.

use std::time::Duration;

use http::{Method, StatusCode};
use peristyle_core::{BoxError, handler};
use peristyle_server::{Context, Route, Router, Routes, Server};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::{mpsc, oneshot},
    task::yield_now,
    time::timeout,
};

use crate::{
    requests,
    support::{Client, GET, Running, get, request, soon},
};

/// Beyond it, single bytes take too long.
const SHORT: usize = 4096;

/// Much more than the server needs, less than its time-outs.
const LONGEST: Duration = Duration::from_secs(9);

struct Row {
    name: &'static str,
    /// The status codes of the answers, in order.
    answers: Vec<u16>,
    goes_on: GoesOn,
    bytes: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum GoesOn {
    /// The server closes the connection, though the client does not.
    Close,
    /// The server answers the next request.
    Open,
    /// The client says that it sends no more, then the server closes the connection.
    Eof,
}

fn rows() -> impl Iterator<Item = Row> {
    requests::rows().map(|[name, _rfc, expected, bytes]| row(name, expected, bytes))
}

fn row(name: &'static str, expected: &str, bytes: &str) -> Row {
    let (answers, goes_on) = expected.split_once(' ').expect("two words");
    let answers = match answers {
        "-" => Vec::new(),
        codes => codes.split('+').map(|code| code.parse().unwrap()).collect(),
    };
    let goes_on = match goes_on {
        "close" => GoesOn::Close,
        "open" => GoesOn::Open,
        "eof" => GoesOn::Eof,
        other => panic!("{other}: {name}"),
    };
    Row {
        name,
        answers,
        goes_on,
        bytes: requests::unescaped(bytes),
    }
}

fn router() -> Router {
    async fn measure(cx: &mut Context) -> Result<String, BoxError> {
        Ok(cx.body().bytes().await?.len().to_string())
    }
    let routes = Routes::new()
        .get("/", handler(|_: &mut Context| "hello"))
        .post("/", handler(measure))
        .post("/unread", handler(|_: &mut Context| "unread"));
    routes.build().unwrap()
}

/// In place of an end that does not come.
const STUCK: &str = "and then nothing more";

/// What comes back, up to the end of the connection.
async fn answer(server: &Running, row: &Row, piece: usize) -> Vec<u8> {
    let Client(mut socket) = server.connect().await;
    socket.set_nodelay(true).unwrap();
    let (mut reader, mut writer) = socket.split();
    let write = async {
        for piece in row.bytes.chunks(piece) {
            // A server that has answered may have closed the connection by now.
            if writer.write_all(piece).await.is_err() {
                break;
            }
            yield_now().await;
        }
        match row.goes_on {
            GoesOn::Close => {}
            GoesOn::Open => writer.write_all(get("/").as_bytes()).await.unwrap(),
            GoesOn::Eof => writer.shutdown().await.unwrap(),
        }
    };
    let mut read = Vec::new();
    let both = async { tokio::join!(write, reader.read_to_end(&mut read)) };
    match timeout(LONGEST, both).await {
        Ok(((), Ok(_))) => {}
        Ok(((), Err(error))) => read.extend(error.to_string().bytes()),
        Err(_) => read.extend(STUCK.bytes()),
    }
    read
}

/// The status codes of complete answers, whose status lines are exact.
pub(crate) fn statuses(mut answers: &str) -> Option<Vec<u16>> {
    let mut codes = Vec::new();
    while !answers.is_empty() {
        let (head, rest) = answers.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let (version, line) = lines.next()?.split_once(' ')?;
        let status = StatusCode::from_bytes(line.get(..3)?.as_bytes()).ok()?;
        let exact = format!("{} {}", status.as_str(), status.canonical_reason()?);
        assert_eq!(line, exact);
        assert!(matches!(version, "HTTP/1.1" | "HTTP/1.0"), "{version}");
        let length = lines.find_map(|line| line.strip_prefix("content-length: "));
        let length = length.map_or(0, |length| length.parse().unwrap());
        answers = rest.get(length..)?;
        codes.push(status.as_u16());
    }
    Some(codes)
}

async fn check(server: &Running, row: &Row, piece: usize) -> Result<(), String> {
    let read = answer(server, row, piece).await;
    let text = String::from_utf8_lossy(&read);
    let mut expected = row.answers.clone();
    expected.extend((row.goes_on == GoesOn::Open).then_some(200));
    let mut wrong = statuses(&text) != Some(expected);
    if text.starts_with("HTTP/1.1 400 ") && !text.contains("problem+json") {
        wrong |= !text.contains("\r\nconnection: close\r\ncontent-length: 0\r\n");
    }
    if wrong {
        return Err(format!("{} ({piece}): {text:?}", row.name));
    }
    let after = server.answer(get("/")).await;
    assert!(after.ends_with("\r\n\r\nhello"), "{}: {after}", row.name);
    Ok(())
}

#[tokio::test]
async fn every_hostile_request_gets_its_answer_and_the_server_goes_on() {
    let server = Running::start(router()).await;
    let mut wrong = Vec::new();
    for row in rows() {
        wrong.extend(check(&server, &row, usize::MAX).await.err());
        if row.bytes.len() < SHORT {
            wrong.extend(check(&server, &row, 1).await.err());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    server.ended().await;
}

/// A bad head is known before its turn has come. It neither overtakes nor disturbs the exchange before.
#[tokio::test]
async fn a_head_that_is_refused_waits_for_the_answers_before() {
    let long = format!("GET /{}", "a".repeat(20_000));
    for (refused, status) in [
        ("\n", 400),
        ("GET", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        (&*long, 414),
    ] {
        let (asked, mut asking) = mpsc::channel(1);
        let waits = move |_: &mut Context| {
            let (answer, answered) = oneshot::channel::<&str>();
            asked.try_send(answer).unwrap();
            async move { answered.await.map(str::to_owned) }
        };
        let router = Routes::new().get("/", handler(waits));
        let server = Running::start(router.build().unwrap()).await;
        let mut client = server.connect().await;
        client.send(GET).await;
        let answer = soon(asking.recv()).await.unwrap();
        client.send(refused).await;
        client.send("\n").await;
        for _ in 0..100 {
            yield_now().await;
        }
        answer.send("late").unwrap();
        let answers = client.rest().await;
        assert_eq!(statuses(&answers), Some(vec![200, status]), "{answers}");
        server.ended().await;
    }
}

/// The guard sees a part of it, or hyper all.
#[tokio::test]
async fn a_target_beyond_its_limit_is_a_414_in_every_form() {
    let guarded = |server: Server| server.target_limit(10);
    let trusted = |server: Server| server.target_limit(10).trust_framing();
    for set in [&guarded as &dyn Fn(Server) -> Server, &trusted] {
        let server = Running::start_with(router(), set).await;
        for (target, status) in [
            ("/234567890", "404"),
            ("/2345678901", "414"),
            ("/23456789012", "414"),
            ("/?345678901", "414"),
            ("http://a/b", "404"),
            ("http://a/bc", "414"),
            ("http://a/bcd", "414"),
        ] {
            let answer = server.answer(get(target)).await;
            let line = format!("HTTP/1.1 {status} ");
            assert!(answer.starts_with(&line), "{target}: {answer}");
        }
        let answer = server
            .answer("GET /2345678901 HTTP/1.1\r\nhost: a\r\n\r\n")
            .await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\ncontent-type: application/problem+json\r\n"));
        assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
        assert!(body.ends_with(",\"status\":414,\"title\":\"URI Too Long\"}"));
        server.ended().await;
    }
}

#[tokio::test]
async fn a_head_with_too_much_in_it_is_a_431() {
    let server = Running::start(router()).await;
    let expected = "HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    for (fields, status) in [
        ("a: b\r\n".repeat(98), 200),
        ("a: b\r\n".repeat(99), 431),
        (format!("a: {}\r\n", "b".repeat(64_000)), 200),
        (format!("a: {}\r\n", "b".repeat(65_536)), 431),
    ] {
        let head = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n";
        let answer = server.answer(format!("{head}{fields}\r\n")).await;
        match status {
            200 => assert!(answer.ends_with("\r\n\r\nhello"), "{answer}"),
            _ => assert_eq!(answer, expected),
        }
    }
    server.ended().await;
}

#[tokio::test]
async fn a_server_that_trusts_the_framing_leaves_it_to_hyper() {
    let server = Running::start_with(router(), Server::trust_framing).await;
    let answer = server.answer("GET / HTTP/1.1\nconnection: close\n\n").await;
    assert!(answer.ends_with("\r\n\r\nhello"), "{answer}");
    server.ended().await;
}

#[tokio::test]
async fn a_method_that_is_allowed_reaches_its_route() {
    let route = || Route::new(Method::TRACE, "/", handler(|_: &mut Context| "traced"));
    let router = || Routes::new().route(route()).build().unwrap();
    let server = Running::start(router()).await;
    let refused = server.answer(request("TRACE", "/")).await;
    let start = "HTTP/1.1 501 Not Implemented\r\ncontent-type: application/problem+json\r\n";
    assert!(refused.starts_with(start), "{refused}");
    server.ended().await;
    let server = Running::start_with(router(), |server| server.allow(&Method::TRACE)).await;
    let answer = server.answer(request("TRACE", "/")).await;
    assert!(answer.ends_with("\r\n\r\ntraced"), "{answer}");
    server.ended().await;
}

#[test]
fn the_table_is_large_and_each_row_has_its_own_name() {
    let mut names: Vec<_> = rows().map(|row| row.name).collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(all >= 150, "{all}");
}
