//! Bodies of many parts.

use std::collections::HashSet;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use peristyle_core::End;
use peristyle_streaming::{Multipart, Part, channel, from_iter};

use crate::client::Client;

const PNG: HeaderValue = HeaderValue::from_static("image/png");

#[test]
fn a_part_is_whole_before_the_next_comes() {
    let replace = Multipart::replace().boundary("b").unwrap();
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming.format(replace));
    let frame = |content: &'static str| Part::new(content).header(CONTENT_TYPE, PNG);
    sender.try_send(frame("one")).unwrap();
    assert_eq!(
        client.value(),
        "--b\r\ncontent-type: image/png\r\n\r\none\r\n--b"
    );
    client.assert_pending();
    sender.try_send(frame("")).unwrap();
    assert_eq!(client.value(), "\r\ncontent-type: image/png\r\n\r\n\r\n--b");
    sender.finish();
    assert_eq!(client.value(), "--\r\n");
    client.assert_over(End::Finished);
}

#[test]
fn all_headers_of_a_part_are_written() {
    let name = HeaderName::from_static("x-note");
    let mut part = Part::new("one").header(name.clone(), PNG);
    part.headers_mut()
        .append(name, HeaderValue::from_static("two"));
    let mixed = Multipart::mixed().boundary("b").unwrap();
    let mut client = Client::of(from_iter([part]).format(mixed));

    assert_eq!(
        client.value(),
        "--b\r\nx-note: image/png\r\nx-note: two\r\n\r\none\r\n--b"
    );
}

/// What stands behind `boundary=` in the content type.
fn boundary<S>(response: &http::Response<S>, kind: &str) -> String {
    let content_type = response.headers()["content-type"].to_str();
    let boundary = content_type
        .expect("it is text")
        .strip_prefix(&format!("multipart/{kind}; boundary="));
    boundary.expect("there is one").to_owned()
}

#[test]
fn each_body_has_a_boundary_of_its_own_which_is_in_its_content_type() {
    let mut seen = HashSet::new();
    for _ in 0..1000 {
        let response = from_iter([Part::new("one")])
            .multipart_mixed()
            .into_response();
        let boundary = boundary(&response, "mixed");
        assert_eq!(boundary.len(), 32);
        assert!(boundary.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let mut client = Client::of_response(response);
        assert_eq!(
            client.value(),
            format!("--{boundary}\r\n\r\none\r\n--{boundary}")
        );
        // Half of it would be guessed soon enough.
        let (one, other) = boundary.split_at(16);
        assert!(seen.insert(one.to_owned()) && seen.insert(other.to_owned()));
    }
    let response = from_iter([Part::new("one")])
        .multipart_replace()
        .into_response();
    assert_eq!(boundary(&response, "x-mixed-replace").len(), 32);
}

#[test]
fn a_part_cannot_forge_a_boundary() {
    for part in [
        Part::new("--b"),
        Part::new("--b--"),
        Part::new("\r\n--bx"),
        Part::new("").header(HeaderName::from_static("--b"), PNG),
        Part::new("").header(CONTENT_TYPE, HeaderValue::from_static("--b")),
    ] {
        let mixed = Multipart::mixed().boundary("b").unwrap();
        let mut client = Client::of(from_iter([part]).format(mixed));
        client.fails_after([]);
    }
    let mixed = Multipart::mixed().boundary("b").unwrap();
    let harmless = ["-", "b", "--", "-b--", "--B"].map(Part::new);
    let mut client = Client::of(from_iter(harmless).format(mixed));
    assert_eq!(client.values().len(), 6);
    client.assert_over(End::Finished);
}

#[test]
fn a_boundary_is_of_1_to_70_characters_that_need_no_quotes() {
    let longest = "b".repeat(70);
    for boundary in ["b", "aZ09'+_-.", &longest] {
        assert!(Multipart::mixed().boundary(boundary).is_ok(), "{boundary}");
    }
    let too_long = "b".repeat(71);
    for boundary in [
        "", "a b", "a\"", "a;b", "a\r\n", "ä", "a/b", "a=b", &too_long,
    ] {
        let error = Multipart::mixed().boundary(boundary).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a boundary is 1 to 70 letters, digits and characters of `'+_-.`"
        );
    }
}
