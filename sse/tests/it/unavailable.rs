//! What a client is told that gets no events, promise R6: to come back later, or never.

use std::{collections::BTreeSet, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, Response};
use peristyle_sse::{Event, Unavailable, finished};

const EVENTS: (&str, &str) = ("accept", "text/event-stream");
const FETCHED: (&str, &str) = ("sec-fetch-mode", "cors");
const FIREFOX: (&str, &str) = ("user-agent", "Mozilla/5.0 (X11; Linux) Firefox/146.0");

fn request(headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let headers = headers.iter().map(|&(name, value)| {
        let value = HeaderValue::from_static(value);
        (HeaderName::from_static(name), value)
    });
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value);
    }
    map
}

fn browser() -> HeaderMap {
    request(&[EVENTS, FETCHED])
}

fn headers(response: &Response<String>) -> Vec<(&str, &str)> {
    let headers = response.headers().iter();
    headers
        .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
        .collect()
}

/// Each delay is the same.
fn after(delay: Duration) -> Unavailable {
    Unavailable::new().after(delay).spread(Duration::ZERO)
}

#[test]
fn a_finished_stream_is_a_204_that_no_cache_keeps() {
    let response = finished();
    assert_eq!(response.status(), 204);
    assert_eq!(headers(&response), [("cache-control", "no-store")]);
    assert_eq!(response.body(), "");
}

#[test]
fn a_browser_gets_an_empty_stream_with_a_delay_that_no_block_ends() {
    let response = after(Duration::from_millis(1500)).answer(&browser());
    assert_eq!(response.status(), 200);
    let expected = [
        ("cache-control", "no-store"),
        ("content-type", "text/event-stream; charset=utf-8"),
    ];
    assert_eq!(headers(&response), expected);
    assert_eq!(response.body(), ":\n\nretry: 1500\n");
}

#[test]
fn an_event_takes_the_delay_along_unless_it_has_its_own() {
    let named = Event::builder().event("busy").data("come back");
    let own = named.clone().retry(Duration::from_secs(60));
    for (event, expected) in [
        (
            named.build(),
            "event: busy\nretry: 1500\ndata: come back\n\n",
        ),
        (
            own.build(),
            "event: busy\nretry: 60000\ndata: come back\n\n",
        ),
        (Ok(Event::comment("busy")), ": busy\n\nretry: 1500\n"),
    ] {
        let unavailable = after(Duration::from_millis(1500)).event(event.expect("valid"));
        let response = unavailable.answer(&browser());
        assert_eq!(response.body(), &format!(":\n\n{expected}"));
    }
}

#[test]
fn everyone_else_gets_a_503_with_whole_seconds_and_never_none() {
    for (delay, seconds) in [
        (Duration::ZERO, "1"),
        (Duration::from_millis(1), "1"),
        (Duration::from_secs(1), "1"),
        (Duration::from_millis(1001), "2"),
        (Duration::MAX, "18446744073709551615"),
    ] {
        let response = after(delay).answer(&request(&[]));
        assert_eq!(response.status(), 503);
        let expected = [("cache-control", "no-store"), ("retry-after", seconds)];
        assert_eq!(headers(&response), expected);
        assert_eq!(response.body(), "");
    }
}

#[test]
fn a_browser_is_told_by_what_it_accepts_and_what_only_a_browser_sends() {
    let exactly = |accept| ("accept", accept);
    for (headers, expected) in [
        (&[EVENTS, FETCHED][..], true),
        (&[EVENTS, FIREFOX], true),
        (&[exactly("Text/Event-Stream"), FIREFOX], true),
        // A program that speaks the protocol.
        (&[EVENTS], false),
        (&[EVENTS, ("user-agent", "curl/8.14.1")], false),
        (&[EVENTS, ("user-agent", "not Mozilla/5.0")], false),
        // A page that is loaded, or that fetches something else.
        (&[FETCHED, FIREFOX], false),
        (&[exactly("*/*"), FETCHED], false),
        (&[exactly("text/event-stream, */*"), FETCHED], false),
        (&[exactly("text/event-stream;q=0"), FETCHED], false),
        (&[exactly("text/html"), FETCHED, FIREFOX], false),
        (&[EVENTS, exactly("text/html"), FETCHED], false),
    ] {
        let answer = Unavailable::new().for_browser(&request(headers));
        assert_eq!(answer.is_some(), expected, "{headers:?}");
        let status = Unavailable::new().answer(&request(headers)).status();
        assert_eq!(status == 200, expected, "{headers:?}");
    }
}

fn delay(unavailable: &Unavailable) -> u64 {
    let response = unavailable.answer(&browser());
    let delay = response.body().strip_prefix(":\n\nretry: ");
    let delay = delay.and_then(|delay| delay.strip_suffix('\n'));
    delay.expect("a delay").parse().expect("a number")
}

#[test]
fn each_is_told_another_delay_within_the_bounds_up_to_both_of_them() {
    let unavailable = Unavailable::new().seeded(7);
    let delays: Vec<_> = (0..1000).map(|_| delay(&unavailable)).collect();
    assert!(delays.iter().all(|delay| (2000..=10_000).contains(delay)));
    let different: BTreeSet<_> = delays.iter().collect();
    assert!(different.len() > 900, "{}", different.len());
    for second in 2..10 {
        let within = |delay: &&u64| (second * 1000..(second + 1) * 1000).contains(*delay);
        let count = delays.iter().filter(within).count();
        assert!((75..=175).contains(&count), "{count} in second {second}");
    }
}

#[test]
fn a_seed_gives_the_same_delays_again_and_clones_do_not_repeat_them() {
    let (one, other) = (Unavailable::new().seeded(7), Unavailable::new().seeded(7));
    let clone = one.clone();
    for _ in 0..10 {
        assert_eq!(delay(&one), delay(&other));
        assert_eq!(delay(&clone), delay(&other));
    }
    let (one, other) = (Unavailable::new(), Unavailable::new());
    assert!((0..10).any(|_| delay(&one) != delay(&other)));
}

#[test]
fn the_longest_delays_are_no_reason_to_panic() {
    let forever = Unavailable::new()
        .after(Duration::MAX)
        .spread(Duration::MAX);
    assert_eq!(delay(&forever), u64::MAX);
}
