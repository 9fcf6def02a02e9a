//! Redirects, as Fetch §4.4 follows them.

use http::{HeaderValue, Request};

use super::script::{Part, Script, URL, answer, get, play, stream, updates};

fn redirect(status: u16, location: &str) -> Part {
    answer(format!(
        "HTTP/1.1 {status} X\r\nlocation: {location}\r\n\r\n"
    ))
}

#[tokio::test(start_paused = true)]
async fn the_method_and_the_body_follow_as_fetch_says() {
    for (status, method, then) in [
        (301, "GET", "GET"),
        (302, "GET", "GET"),
        (303, "GET", "GET"),
        (307, "GET", "GET"),
        (308, "GET", "GET"),
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "POST", "GET"),
        (307, "POST", "POST"),
        (308, "POST", "POST"),
        (301, "PUT", "PUT"),
        (302, "PUT", "PUT"),
        (303, "PUT", "GET"),
        (307, "PUT", "PUT"),
        (308, "PUT", "PUT"),
    ] {
        let script = Script::new([redirect(status, "/there"), stream("")]);
        let request = Request::builder()
            .method(method)
            .uri(URL)
            .header("content-type", "text/plain")
            .header("content-language", "en")
            .header("x-kept", "kept")
            .body("four")
            .unwrap();
        play(&script, script.builder(request).build().unwrap()).await;

        let second = script.requests().remove(1);
        let (head, body) = second.split_once("\r\n\r\n").unwrap();
        let dropped = method != "GET" && then == "GET";
        assert!(head.starts_with(&format!("{then} /there HTTP/1.1\r\nhost: feed.test\r\n")));
        assert_eq!(
            head.contains("\r\ncontent-type: text/plain"),
            !dropped,
            "{status} {method}"
        );
        assert_eq!(
            head.contains("\r\ncontent-language: en"),
            !dropped,
            "{status} {method}"
        );
        assert_eq!(
            head.contains("\r\ncontent-length: 4"),
            !dropped,
            "{status} {method}"
        );
        assert_eq!(body, if dropped { "" } else { "four" }, "{status} {method}");
        assert!(head.contains("\r\nx-kept: kept"), "{status} {method}");
    }
}

#[tokio::test(start_paused = true)]
async fn twenty_redirects_are_followed_and_one_more_is_tried_again_later() {
    let ways = |count: usize| (0..count).map(|n| redirect(302, &format!("/{n}")));
    let twenty = updates(ways(20).chain([stream("data: a\n\n")])).await;
    assert_eq!(twenty[..2], ["open", "message \"\" \"a\""]);

    let script = Script::new(ways(21).chain([stream("data: a\n\n")]));
    let played = play(&script, script.source()).await;
    assert_eq!(
        played.updates[..2],
        ["reconnecting: too many redirects", "open"]
    );
    assert_eq!(script.urls()[20], "http://feed.test/19");
    assert_eq!(script.urls()[21], URL);
}

#[tokio::test(start_paused = true)]
async fn a_loop_of_redirects_costs_no_more_than_twenty_one_requests_a_try() {
    let parts = (0..3 * 21).map(|_| redirect(301, URL));
    let script = Script::new(parts);
    let played = play(&script, script.source()).await;
    assert_eq!(played.updates, ["reconnecting: too many redirects"; 3]);
    assert_eq!(script.requests().len(), 63);
    assert_eq!(script.dropped(), [true; 63]);
}

#[tokio::test(start_paused = true)]
async fn every_try_begins_at_the_url_that_was_given() {
    for status in [301, 302, 303, 307, 308] {
        let script = Script::new([
            redirect(status, "http://other.test/"),
            stream("id: 3\n\n"),
            redirect(status, "http://other.test/"),
            stream(""),
        ]);
        play(&script, script.source()).await;
        let there = "http://other.test/";
        assert_eq!(script.urls(), [URL, there, URL, there], "{status}");
        let resumed = |request: &String| request.ends_with("\r\nlast-event-id: 3\r\n\r\n");
        assert_eq!(
            script.requests().iter().map(resumed).collect::<Vec<_>>(),
            [false, false, true, true]
        );
    }
}

/// Where a source goes from `http://feed.test/a/b?c`, and the target that it asks for there.
#[tokio::test(start_paused = true)]
async fn a_location_is_resolved_against_the_url_before_it() {
    for (location, url) in [
        ("http://other.test/x?y", "http://other.test/x?y"),
        ("HTTPS://other.test", "https://other.test/"),
        ("http://other.test?y", "http://other.test/?y"),
        ("//other.test:81/x", "http://other.test:81/x"),
        ("/x/y?z", "http://feed.test/x/y?z"),
        ("x", "http://feed.test/a/x"),
        ("./x/", "http://feed.test/a/x/"),
        ("../x", "http://feed.test/x"),
        ("../../../x/./y/../z", "http://feed.test/x/z"),
        ("..", "http://feed.test/"),
        (".", "http://feed.test/a/"),
        ("/x/..", "http://feed.test/"),
        ("//other.test", "http://other.test/"),
        ("?z=../y", "http://feed.test/a/b?z=../y"),
        ("x?y/../z?w", "http://feed.test/a/x?y/../z?w"),
        ("?", "http://feed.test/a/b?"),
        ("#fragment", "http://feed.test/a/b?c"),
        ("", "http://feed.test/a/b?c"),
        ("x:y", ""),
        ("./x:y", "http://feed.test/a/x:y"),
        ("x?y:z", "http://feed.test/a/x?y:z"),
        ("/x//y", "http://feed.test/x//y"),
        ("/x y#z", "http://feed.test/x%20y"),
        ("/\u{e9}?\u{e9}", "http://feed.test/%C3%A9?%C3%A9"),
        ("/\"<>`", "http://feed.test/%22%3C%3E%60"),
        ("/%2e%2E/%", "http://feed.test/%2e%2E/%"),
    ] {
        let script = Script::new([redirect(307, location), stream("")]);
        let source = script.builder(get("http://feed.test/a/b?c")).build();
        play(&script, source.unwrap()).await;
        let urls = script.urls();
        match url {
            "" => assert_eq!(urls.len(), 2, "{location}: {urls:?}"),
            url => assert_eq!(urls[1], url, "{location}"),
        }
        let again = if url.is_empty() {
            "http://feed.test/a/b?c"
        } else {
            url
        };
        let again: http::Uri = again.parse().unwrap();
        let target = format!("GET {} HTTP/1.1\r\n", again.path_and_query().unwrap());
        assert!(script.requests()[1].starts_with(&target), "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_location_that_cannot_be_followed_is_tried_again_later() {
    for location in [
        "ftp://other.test/",
        "data:text/event-stream,data:a",
        "http://user@other.test/",
        "//user:secret@other.test/",
        "http://",
        "http:///x",
        "http:x",
        "//",
        "http://other test/",
        "http://other.test:port/",
        "http://other.test:65536/",
        "http://:80/",
        "http://\u{e9}.test/",
    ] {
        let script = Script::new([redirect(302, location), stream("")]);
        let played = play(&script, script.source()).await;
        let invalid = "reconnecting: redirect to no valid `http` or `https` URL";
        assert_eq!(played.updates[..2], [invalid, "open"], "{location}");
        assert_eq!(script.urls(), [URL, URL], "{location}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_redirect_without_a_location_is_an_answer_like_others() {
    for status in [300, 301, 302, 303, 304, 307, 308] {
        let answered = updates([answer(format!("HTTP/1.1 {status} X\r\n\r\n"))]).await;
        let code = http::StatusCode::from_u16(status).unwrap();
        assert_eq!(answered, [&format!("error: status {code}"), "end"]);
    }
    for status in [300, 304, 305, 306] {
        let answered = updates([redirect(status, "/there")]).await;
        assert!(answered[0].starts_with("error: status "), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_stay_with_their_origin() {
    for (location, kept) in [
        ("/there", true),
        ("http://FEED.test:80/there", true),
        ("http://feed.test:81/there", false),
        ("https://feed.test/there", false),
        ("https://feed.test:80/there", false),
        ("http://other.test/there", false),
        ("//other.feed.test/there", false),
    ] {
        let script = Script::new([redirect(307, location), redirect(307, URL), stream("")]);
        let mut request = get(URL);
        let headers = request.headers_mut();
        for name in ["authorization", "cookie", "proxy-authorization", "host"] {
            headers.insert(name, HeaderValue::from_static("secret"));
        }
        let mut key = HeaderValue::from_static("secret");
        key.set_sensitive(true);
        headers.insert("x-key", key);
        headers.insert("x-plain", HeaderValue::from_static("plain"));
        play(&script, script.builder(request).build().unwrap()).await;

        let sent = script.requests();
        assert_eq!(sent[0].matches("secret").count(), 5, "{location}");
        for request in &sent[1..] {
            let secrets = request.matches("secret").count();
            assert_eq!(secrets, if kept { 5 } else { 0 }, "{location}");
            assert!(request.contains("\r\nx-plain: plain\r\n"), "{location}");
            assert_eq!(request.matches("\r\nhost: ").count(), 1, "{location}");
        }
    }
}
