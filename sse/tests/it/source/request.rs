//! What is sent.

use http::{HeaderValue, Request};
use peristyle_sse::client::EventSource;

use super::script::{Script, URL, get, play, stream, updates};

const HEADERS: &str =
    "accept: text/event-stream\r\naccept-encoding: identity\r\ncache-control: no-cache\r\n";

fn request_to(target: &str, host: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n{HEADERS}\r\n")
}

#[tokio::test(start_paused = true)]
async fn a_source_asks_for_an_event_stream_that_is_fresh() {
    for (url, target, host) in [
        (URL, "/prices", "feed.test"),
        ("http://feed.test", "/", "feed.test"),
        ("http://feed.test?a=b", "/?a=b", "feed.test"),
        ("http://feed.test:80/a?b=c&d", "/a?b=c&d", "feed.test"),
        ("http://feed.test:8080/", "/", "feed.test:8080"),
        ("https://feed.test:443/", "/", "feed.test"),
        ("https://feed.test:80/", "/", "feed.test:80"),
        ("http://[::1]:8080/", "/", "[::1]:8080"),
        ("http://[::1]/", "/", "[::1]"),
    ] {
        let script = Script::new([stream("")]);
        play(&script, script.builder(get(url)).build().unwrap()).await;
        assert_eq!(script.requests(), [request_to(target, host)], "{url}");
    }
}

#[tokio::test(start_paused = true)]
async fn method_headers_and_body_are_sent_each_time() {
    let script = Script::new([stream(""), stream("")]);
    let request = Request::put(URL)
        .header("authorization", "Basic YTpi")
        .header("accept", "text/event-stream, application/json")
        .header("x-two", "a")
        .header("x-two", "b")
        .header("host", "other.test")
        .body("four")
        .unwrap();
    play(&script, script.builder(request).build().unwrap()).await;
    let expected = "PUT /prices HTTP/1.1\r\nhost: other.test\r\n\
        accept: text/event-stream, application/json\r\naccept-encoding: identity\r\n\
        cache-control: no-cache\r\nauthorization: Basic YTpi\r\nx-two: a\r\nx-two: b\r\n\
        content-length: 4\r\n\r\nfour";
    assert_eq!(script.requests(), [expected, expected]);
}

#[tokio::test(start_paused = true)]
async fn the_length_of_the_body_is_the_bodys() {
    for name in ["content-length", "transfer-encoding"] {
        let script = Script::new([stream("")]);
        let request = Request::post(URL).header(name, "7").body("four").unwrap();
        play(&script, script.builder(request).build().unwrap()).await;
        let expected = request_to("/prices", "feed.test")
            .replace("GET", "POST")
            .replace("\r\n\r\n", "\r\ncontent-length: 4\r\n\r\nfour");
        assert_eq!(script.requests(), [expected], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_source_starts_after_the_id_it_is_given() {
    for (id, bytes) in [("7", "7"), ("é \u{1f600}", "é \u{1f600}"), ("a\tb", "a\tb")] {
        let script = Script::new([stream("")]);
        let mut request = get(URL);
        let other = HeaderValue::from_static("other");
        request.headers_mut().insert("last-event-id", other);
        let source = script.builder(request).last_event_id(id).build().unwrap();
        assert_eq!(source.last_event_id(), id);
        play(&script, source).await;
        let expected = format!(
            "{}last-event-id: {bytes}\r\n\r\n",
            request_to("/prices", "feed.test")
                .trim_end_matches("\r\n")
                .to_owned()
                + "\r\n"
        );
        assert_eq!(script.requests(), [expected], "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_no_header_can_carry_ends_the_source_rather_than_losing_its_place() {
    let parts = [stream("id: a\u{1}b\ndata: a\n\n"), stream("")];
    assert_eq!(
        updates(parts).await,
        [
            "open",
            "message \"a\\u{1}b\" \"a\"",
            "reconnecting: the server ended the stream",
            "error: last event id that no header can carry",
            "end"
        ]
    );
    let script = Script::new([stream("")]);
    let source = script.builder(get(URL)).last_event_id("a\nx-other: b");
    let played = play(&script, source.build().unwrap()).await;
    let ended = ["error: last event id that no header can carry", "end"];
    assert_eq!(played.updates, ended);
    assert!(script.urls().is_empty());
}

#[test]
fn a_url_that_cannot_be_followed_is_refused_when_the_source_is_built() {
    let unusable = "the URL is not absolute, not `http` or `https`, or has credentials";
    for (url, error) in [
        ("", "the URL is malformed"),
        ("http://", "the URL is malformed"),
        ("http://a b/", "the URL is malformed"),
        ("/prices", unusable),
        ("feed.test", unusable),
        ("ftp://feed.test/", unusable),
        ("http://user:secret@feed.test/", unusable),
        (
            "https://feed.test/",
            "`https` without a connector that speaks TLS",
        ),
    ] {
        let refused = EventSource::new(url).unwrap_err();
        assert_eq!(refused.to_string(), error, "{url}");
    }
    let connect = Request::connect(URL).body("").unwrap();
    let refused = EventSource::builder(connect).build().unwrap_err();
    assert_eq!(refused.to_string(), "method `CONNECT` asks for no resource");
}
