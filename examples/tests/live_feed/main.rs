//! The live feed as its users meet it: a process, a browser, raw sockets.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod browser;
mod program;

// The parsing of the figures brings its own tests.
#[path = "../../live_feed/machine/proc.rs"]
mod proc;

use std::{env, io::Write};

use crate::{browser::Browser, program::Program};

#[test]
fn a_browser_sees_all_sources_and_comes_back_after_a_restart() {
    let Some(mut browser) = Browser::start() else {
        assert!(
            env::var("CI").as_deref() != Ok("true"),
            "there is no `chromium` on the path"
        );
        let notice = "\n*** SKIPPED: there is no `chromium` on the path ***\n\n";
        std::io::stderr().write_all(notice.as_bytes()).unwrap();
        return;
    };
    let mut feed = Program::start("127.0.0.1:0");
    let address = feed.address().to_owned();
    browser.open(&format!("http://{address}/"));
    browser.wait_for("document.querySelector('#state')?.dataset.state === 'live'");
    browser.wait_for("document.querySelector('#machine').dataset.seen === 'true'");

    feed.say("<b>a line</b> of standard input");
    browser.wait_for(&shows("#lines", "<b>a line</b> of standard input"));
    assert!(program::publish(&address, b"published before").starts_with("HTTP/1.1 202 "));
    browser.wait_for(&shows("#published", "published before"));
    browser.wait_for(&shows("#walk", "POST /publish → 202"));
    browser.wait_for("document.querySelectorAll('#walk [data-stage=enter]').length >= 3");

    feed.kill();
    browser.wait_for("document.querySelector('#state').dataset.state === 'reconnecting'");
    let _again = Program::start(&address);
    browser.wait_for("document.querySelector('#state').dataset.state === 'live'");
    assert!(program::publish(&address, b"published after").starts_with("HTTP/1.1 202 "));
    browser.wait_for(&shows("#published", "published after"));
}

/// A condition on the page: the element has this text.
fn shows(selector: &str, text: &str) -> String {
    format!("document.querySelector('{selector}').textContent.includes('{text}')")
}

#[test]
fn an_interrupt_ends_ten_streams_cleanly_and_the_process_soon() {
    let feed = Program::start("127.0.0.1:0");
    let request = b"GET /events HTTP/1.1\r\nhost: feed\r\n\r\n";
    let open = || {
        let mut stream = program::send(feed.address(), request);
        let head = program::read_head(&mut stream);
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        assert!(head.contains("content-type: text/event-stream"), "{head}");
        stream
    };
    let streams: Vec<_> = std::iter::repeat_with(open).take(10).collect();

    feed.interrupt();
    for stream in streams {
        let rest = program::read_to_end(stream);
        assert!(rest.ends_with("0\r\n\r\n"), "cut off after {rest:?}");
    }
    assert!(feed.wait().success());
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
fn bad_requests_are_refused() {
    let feed = Program::start("127.0.0.1:0");
    let empty = program::publish(feed.address(), b"");
    assert!(empty.starts_with("HTTP/1.1 400 "), "{empty}");
    assert!(empty.contains("application/problem+json"), "{empty}");
    let not_text = program::publish(feed.address(), b"\xff");
    assert!(not_text.starts_with("HTTP/1.1 400 "), "{not_text}");
    let unknown = program::get(feed.address(), "/unknown");
    assert!(unknown.starts_with("HTTP/1.1 404 "), "{unknown}");
    let method = program::get(feed.address(), "/publish");
    assert!(method.starts_with("HTTP/1.1 405 "), "{method}");
    assert!(method.contains("allow: OPTIONS, POST\r\n"), "{method}");
}

#[test]
fn an_unknown_argument_is_named_and_exits_with_2() {
    let output = Program::refused(&["--port", "80"]);
    assert_eq!(output.status.code(), Some(2));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains("unknown argument `--port`"), "{message}");
}
