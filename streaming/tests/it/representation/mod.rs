//! Contents that are answered with in full or in ranges, on conditions.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

mod reading;
mod table;

use bytes::Bytes;
use http::{Request, Response, request};
use http_body_util::BodyExt;
use peristyle_core::BoxError;
use peristyle_streaming::{
    StreamBody,
    files::{Addressable, ETag, Ranges, Representation, Validators},
};

/// A request of these headers, one after the other.
fn request(method: &str, headers: &[(&str, &str)]) -> request::Parts {
    let mut request = Request::builder().method(method).uri("/");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

async fn content<S>(response: Response<StreamBody<Ranges<S>>>) -> Result<Bytes, BoxError>
where
    S: Addressable,
{
    Ok(response.into_body().collect().await?.to_bytes())
}

/// A body of parts, each with its head, as a plain reader finds them.
fn parts<'a>(body: &'a [u8], content_type: &str) -> Vec<(&'a str, &'a [u8])> {
    let boundary = content_type.strip_prefix("multipart/byteranges; boundary=");
    let boundary = boundary.expect("it is of parts");
    assert_eq!(boundary.len(), 32);
    let delimiter = format!("--{boundary}\r\n");
    let mut rest = body.strip_prefix(delimiter.as_bytes()).expect("a part");
    let mut parts = Vec::new();
    loop {
        let end = find(rest, b"\r\n\r\n");
        let (head, content) = (std::str::from_utf8(&rest[..end]).unwrap(), &rest[end + 4..]);
        let end = find(content, format!("\r\n--{boundary}").as_bytes());
        parts.push((head, &content[..end]));
        rest = &content[end + 4 + boundary.len()..];
        if rest == b"--\r\n" {
            return parts;
        }
        rest = rest.strip_prefix(b"\r\n").expect("another part");
    }
}

fn find(text: &[u8], pattern: &[u8]) -> usize {
    let mut windows = text.windows(pattern.len());
    windows.position(|it| it == pattern).expect("it is there")
}

#[tokio::test]
async fn no_two_bodies_have_the_same_boundary() {
    let request = request("GET", &[("range", "bytes=0-9,500-509")]);
    let boundary = || {
        let content = Representation::new(Bytes::from(vec![0; 1000]));
        content.respond(&request).headers()["content-type"].clone()
    };
    assert_ne!(boundary(), boundary());
}

#[test]
fn a_tag_has_visible_characters_without_quotation_marks() {
    for opaque in ["a\"b", "a b", "a\n", "é", "\u{7f}"] {
        assert!(ETag::strong(opaque).is_err(), "{opaque:?}");
        assert!(ETag::weak(opaque).is_err(), "{opaque:?}");
    }
    assert_eq!(ETag::strong("").unwrap().to_string(), "\"\"");
    assert!(ETag::weak("a").unwrap().is_weak());
    assert!(!ETag::strong("W/").unwrap().is_weak());
}

/// No header can tell them, and `httpdate` panics.
#[test]
fn times_without_a_header_are_no_validators() {
    use std::time::{Duration, UNIX_EPOCH};

    let before = UNIX_EPOCH - Duration::from_nanos(1);
    let after = UNIX_EPOCH + Duration::from_secs(253_402_300_800);
    for time in [before, after] {
        let validators = Validators::default().with_last_modified(time);
        assert_eq!(validators, Validators::default(), "{time:?}");
    }
    let last = after - Duration::from_nanos(1);
    let content = Representation::new(Bytes::new())
        .validators(Validators::default().with_last_modified(last));
    let response = content.respond(&request("GET", &[]));
    assert_eq!(
        response.headers()["last-modified"],
        "Fri, 31 Dec 9999 23:59:59 GMT"
    );
}

/// Within the same second it could have changed again.
#[test]
fn a_date_that_has_just_passed_lets_nobody_go_on() {
    use std::time::{Duration, SystemTime};

    // A little later, however long the test is held up.
    let now = SystemTime::now() + Duration::from_secs(1);
    let content = Representation::new(Bytes::from_static(b"0123456789"))
        .validators(Validators::default().with_last_modified(now));
    let date = content.respond(&request("GET", &[])).headers()["last-modified"].clone();
    let headers = [("range", "bytes=5-"), ("if-range", date.to_str().unwrap())];
    let content = Representation::new(Bytes::from_static(b"0123456789"))
        .validators(Validators::default().with_last_modified(now));
    assert_eq!(content.respond(&request("GET", &headers)).status(), 200);
}
