//! The live feed: as its router answers, and as its users meet it, with a process, a browser and raw sockets.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod answers;
mod exactly;
pub(crate) mod program;

use std::{
    io::{BufRead, BufReader},
    net::TcpStream,
    time::Duration,
};

use peristyle::sse::feed::Cursor;
use serde_json::{Value, json};
use tokio::time::Instant;

use self::program::Program;
use crate::{browser::Browser, tool};

#[path = "../../../live_feed/main.rs"]
#[expect(dead_code, reason = "its `main` is not run")]
mod example;

#[test]
fn a_browser_sees_all_sources_and_comes_back_after_a_restart() {
    let Some(chromium) = tool::require("chromium") else {
        return;
    };
    let mut browser = Browser::start(&chromium);
    let mut feed = Program::start("127.0.0.1:0");
    let address = feed.address().to_owned();
    browser.open(&format!("http://{address}/"));
    browser.wait_for("document.querySelector('#state')?.dataset.state === 'live'");
    // A curve needs two figures before it can be seen.
    browser.wait_for(
        "[...document.querySelectorAll('#machine polyline')].filter(curve => curve.points.length > 1)
            .length === 6",
    );
    browser.wait_for("/^[0-9.]+ %$/.test(document.querySelector('#machine dd').textContent)");

    feed.say("<b>a line</b> of standard input");
    browser.wait_for(&shows("#lines li", "<b>a line</b> of standard input"));
    assert!(program::publish(&address, b"published before").starts_with("HTTP/1.1 202 "));
    browser.wait_for(&shows("#published li", "published before"));
    browser.wait_for(&shows("#walk p", "POST /publish → 202"));
    browser.wait_for(&shows("#walk [data-stage=enter] .name", "publish"));
    browser.wait_for(&shows("#walk [data-stage=leave] .name", "restrict"));

    feed.kill();
    browser.wait_for("document.querySelector('#state').dataset.state === 'reconnecting'");
    assert_eq!(
        browser.evaluate("document.querySelector('#gap').textContent"),
        ""
    );
    let _again = Program::start(&address);
    browser.wait_for("document.querySelector('#state').dataset.state === 'live'");
    assert!(program::publish(&address, b"published after").starts_with("HTTP/1.1 202 "));
    browser.wait_for(&shows("#published li", "published after"));
    browser
        .wait_for("/^The server was restarted: /.test(document.querySelector('#gap').textContent)");
    let published = browser.evaluate(PUBLISHED);
    let gap = "Something may be missing here.";
    assert_eq!(
        published,
        json!(["published after", gap, "published before"])
    );
}

/// The messages that the page shows, the newest first.
const PUBLISHED: &str =
    "Array.from(document.querySelectorAll('#published li'), row => row.textContent)";

/// A condition on the page: the first such element has exactly this text.
fn shows(selector: &str, text: &str) -> String {
    format!("document.querySelector('{selector}')?.textContent === '{text}'")
}

/// An event stream, after the head of its response.
fn follow(feed: &Program) -> TcpStream {
    let mut stream = program::send(
        feed.address(),
        b"GET /events HTTP/1.1\r\nhost: feed\r\n\r\n",
    );
    let head = program::read_head(&mut stream);
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    assert!(head.contains("content-type: text/event-stream"), "{head}");
    stream
}

#[test]
fn an_interrupt_ends_the_process_within_a_second_and_each_of_ten_streams_cleanly() {
    let feed = Program::start("127.0.0.1:0");
    let streams = [(); 10].map(|()| follow(&feed));

    let interrupted = Instant::now();
    feed.interrupt();
    assert!(feed.wait().success());
    let took = interrupted.elapsed();
    assert!(took < Duration::from_secs(1), "{took:?}");
    for stream in streams {
        let rest = program::read_to_end(stream);
        assert!(rest.ends_with("\n\r\n0\r\n\r\n"), "cut off after {rest:?}");
    }
}

/// What one browser does not read fills its socket, then the feed, and must stop nobody else.
#[test]
fn a_browser_that_does_not_read_holds_up_nobody_and_is_told_what_it_lost() {
    // 16 MiB in all: more than sockets and the feed hold for one who does not read.
    const MESSAGES: u32 = 1024;
    let feed = Program::start("127.0.0.1:0");
    let sleeper = follow(&feed);
    let padding = "x".repeat(16_000);
    for number in 1..=MESSAGES {
        let answer = program::publish(feed.address(), format!("{number} {padding}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 202 "), "{answer}");
    }

    let (mut numbers, mut lost) = (Vec::new(), 0);
    let mut lines = BufReader::new(sleeper).lines().map(Result::unwrap);
    while numbers.last() != Some(&MESSAGES) {
        match lines.next().expect("it goes on").as_str() {
            "event: published" => numbers.push(number_in(lines.nth(1))),
            "event: gap" => lost += lost_in(lines.nth(1)),
            _ => {}
        }
    }
    assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    let missing = MESSAGES - u32::try_from(numbers.len()).unwrap();
    assert!(missing > 0, "it was not slow enough");
    // Walks and figures may be among the lost.
    assert!(missing <= lost, "{missing} are missing, told were {lost}");
}

/// The number with which an event's data begins.
fn number_in(line: Option<String>) -> u32 {
    let line = line.expect("data");
    let data = line.strip_prefix("data: ").expect("data");
    data.split(' ').next().unwrap().parse().unwrap()
}

/// How many events a gap is of.
fn lost_in(line: Option<String>) -> u32 {
    let line = line.expect("data");
    let data = line.strip_prefix("data: ").expect("data");
    let gap: Value = serde_json::from_str(data).unwrap();
    assert_eq!(gap["reason"], "lagged");
    let [from, to] = ["from", "to"].map(|end| {
        let cursor: Cursor = gap[end].as_str().unwrap().parse().unwrap();
        u32::try_from(cursor.offset()).unwrap()
    });
    to - from
}

#[test]
fn the_end_of_standard_input_is_not_the_end_of_the_server() {
    let mut feed = Program::start("127.0.0.1:0");
    feed.say("the only line");
    feed.close_stdin();
    assert!(program::get(feed.address(), "/").contains("<title>Live feed</title>"));
    feed.interrupt();
    assert!(feed.wait().success());
}

#[test]
fn an_unknown_argument_is_named_and_exits_with_2() {
    let output = Program::refused(&["--port", "80"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        message,
        "live_feed: unknown argument `--port`\nusage: live_feed [--listen ADDRESS:PORT]\n"
    );
}

#[test]
fn an_address_that_is_taken_is_named_and_exits_with_1() {
    let feed = Program::start("127.0.0.1:0");
    let output = Program::refused(&["--listen", feed.address()]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    let expected = format!("live_feed: cannot listen on {}: ", feed.address());
    assert!(message.starts_with(&expected), "{message}");
}
