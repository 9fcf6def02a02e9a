//! Where a client wants to go on, promise R5: from the header or the query, whatever it sends.

use http::{HeaderMap, HeaderValue, Uri};
use peristyle_sse::LastEventId;
use proptest::{collection::vec, prelude::any, proptest};

fn headers<V: AsRef<[u8]>>(values: impl IntoIterator<Item = V>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for value in values {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("it can stand in a header");
        headers.append("last-event-id", value);
    }
    headers
}

fn uri(query: &str) -> Uri {
    format!("/events{query}").parse().expect("it is a target")
}

/// What was sent: nothing, an id, or something that is none.
#[derive(Debug, PartialEq)]
enum Said {
    Nothing,
    Id(String),
    Nonsense,
}

use Said::{Nonsense, Nothing};

fn id(text: &str) -> Said {
    Said::Id(text.to_owned())
}

fn said(headers: &HeaderMap, uri: &Uri) -> Said {
    match LastEventId::of(headers, uri) {
        None => Nothing,
        Some(last) => last.as_str().map_or(Nonsense, id),
    }
}

fn in_header(value: &[u8]) -> Said {
    said(&headers([value]), &uri(""))
}

fn in_query(query: &str) -> Said {
    said(&HeaderMap::new(), &uri(query))
}

#[test]
fn a_request_that_says_nothing_has_none() {
    assert_eq!(in_query(""), Nothing);
    assert_eq!(in_query("?"), Nothing);
    assert_eq!(in_header(b""), Nothing);
}

#[test]
fn the_header_is_read_as_bytes_of_utf_8() {
    assert_eq!(in_header(b"42"), id("42"));
    assert_eq!(in_header(b"a b,c; \"d\""), id("a b,c; \"d\""));
    assert_eq!(in_header("Zürich → 東京".as_bytes()), id("Zürich → 東京"));
    // It is not the query's: nothing in it is escaped.
    assert_eq!(in_header(b"a+b%20c"), id("a+b%20c"));
}

#[test]
fn the_query_has_it_under_any_of_three_names() {
    for name in ["last-event-id", "lastEventId", "last_event_id"] {
        assert_eq!(in_query(&format!("?{name}=42")), id("42"));
        assert_eq!(in_query(&format!("?a=1&{name}=42&b=2")), id("42"));
    }
    for name in ["Last-Event-ID", "lasteventid", "id", "last-event-id2", ""] {
        assert_eq!(in_query(&format!("?{name}=42")), Nothing);
    }
}

#[test]
fn a_value_of_the_query_is_decoded_as_a_form_once() {
    for (value, expected) in [
        ("a%20b", "a b"),
        ("a+b", "a b"),
        ("a%2Bb", "a+b"),
        ("%2520", "%20"),
        ("Z%C3%BCrich", "Zürich"),
        ("Z%c3%bcrich", "Zürich"),
        ("a=b", "a=b"),
        ("a%26b", "a&b"),
        // Escapes that are none.
        ("%", "%"),
        ("%4", "%4"),
        ("%zz", "%zz"),
        ("%4g1", "%4g1"),
        ("%%34", "%4"),
        ("%+1", "% 1"),
    ] {
        assert_eq!(in_query(&format!("?lastEventId={value}")), id(expected));
    }
}

#[test]
fn the_first_parameter_that_is_not_empty_counts() {
    assert_eq!(in_query("?last-event-id=1&last-event-id=2"), id("1"));
    assert_eq!(in_query("?last_event_id=2&lastEventId=1"), id("2"));
    assert_eq!(in_query("?last-event-id=&lastEventId=1"), id("1"));
    assert_eq!(in_query("?last-event-id&lastEventId="), Nothing);
}

#[test]
fn the_header_wins_unless_it_is_empty() {
    let other = uri("?last-event-id=2");
    assert_eq!(said(&headers(["1"]), &other), id("1"));
    assert_eq!(said(&headers([b"\xff"]), &other), Nonsense);
    assert_eq!(said(&headers([""]), &other), id("2"));
}

#[test]
fn headers_that_say_different_things_make_no_sense() {
    assert_eq!(said(&headers(["1", "2"]), &uri("")), Nonsense);
    assert_eq!(said(&headers(["1", "1"]), &uri("")), id("1"));
    assert_eq!(said(&headers(["", "1", ""]), &uri("")), id("1"));
}

#[test]
fn what_no_event_can_have_makes_no_sense() {
    assert_eq!(in_header(b"caf\xe9"), Nonsense);
    assert_eq!(in_header(b"\xed\xa0\x80"), Nonsense);
    for value in ["%ff", "Z%C3", "a%00", "a%0Ab", "a%0d"] {
        assert_eq!(in_query(&format!("?last-event-id={value}")), Nonsense);
    }
    assert_eq!(in_header(b"a\tb"), id("a\tb"));
}

#[test]
fn the_longest_has_4096_bytes_of_utf_8_however_they_are_written() {
    assert_eq!(LastEventId::MAX_BYTES, 4096);
    let long = "ü".repeat(2048);
    let longer = format!("{long}x");
    assert_eq!(in_header(long.as_bytes()), id(&long));
    assert_eq!(in_header(longer.as_bytes()), Nonsense);
    let escaped = "%C3%BC".repeat(2048);
    assert_eq!(in_query(&format!("?last-event-id={escaped}")), id(&long));
    assert_eq!(in_query(&format!("?last-event-id={escaped}x")), Nonsense);
    assert_eq!(in_header("1".repeat(60_000).as_bytes()), Nonsense);
}

proptest! {
    #[test]
    fn whatever_a_client_sends_is_taken_or_refused(value in vec(any::<u8>(), 0..64)) {
        if let Ok(value) = HeaderValue::from_bytes(&value) {
            let mut headers = HeaderMap::new();
            headers.insert("last-event-id", value);
            said(&headers, &uri(""));
        }
    }

    /// As `encodeURIComponent` and `URLSearchParams` write it.
    #[test]
    fn what_a_page_encodes_is_read_back(text in "[^\r\n\0]{1,64}", space in "%20|\\+") {
        let escape = |byte| match byte {
            b' ' => space.clone(),
            byte => format!("%{byte:02X}"),
        };
        let value: String = text.bytes().map(escape).collect();
        assert_eq!(in_query(&format!("?last-event-id={value}")), id(&text));
    }
}
