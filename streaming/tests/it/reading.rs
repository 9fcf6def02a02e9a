//! A body that is read as a stream.

use std::{
    collections::VecDeque,
    error::Error as _,
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderMap, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Full};
use peristyle_core::BoxError;
use peristyle_streaming::{ReadError, Reading};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_test::{assert_pending, task::spawn};

const RS: &str = "\x1e";

/// Gives its frames, then waits, fails or ends.
struct Feed {
    frames: VecDeque<Frame<Bytes>>,
    then: Then,
    polls: Arc<AtomicUsize>,
}

#[derive(Clone, Copy)]
enum Then {
    Ends,
    Waits,
    Fails,
}

impl Feed {
    fn new<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, then: Then) -> Self {
        let pieces = pieces.into_iter().map(Bytes::copy_from_slice);
        Self {
            frames: pieces.map(Frame::data).collect(),
            then,
            polls: Arc::default(),
        }
    }

    fn of(text: &str) -> Self {
        Self::new([text.as_bytes()], Then::Ends)
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.polls.fetch_add(1, SeqCst);
        match (self.frames.pop_front(), self.then) {
            (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
            (None, Then::Ends) => Poll::Ready(None),
            (None, Then::Waits) => Poll::Pending,
            (None, Then::Fails) => Poll::Ready(Some(Err(io::Error::other("torn")))),
        }
    }
}

/// The values up to where the stream waits, ends or fails, and that error.
fn read<S, T>(values: S) -> (Vec<T>, Option<ReadError>)
where
    S: Stream<Item = Result<T, ReadError>>,
{
    let mut values = spawn(values);
    let mut read = Vec::new();
    loop {
        match values.poll_next() {
            Poll::Ready(Some(Ok(value))) => read.push(value),
            Poll::Ready(Some(Err(error))) => {
                for _ in 0..3 {
                    assert!(matches!(values.poll_next(), Poll::Ready(None)));
                }
                return (read, Some(error));
            }
            Poll::Pending if values.is_woken() => {}
            Poll::Pending | Poll::Ready(None) => return (read, None),
        }
    }
}

#[track_caller]
fn whole<S, T>(values: S) -> Vec<T>
where
    S: Stream<Item = Result<T, ReadError>>,
{
    let (values, error) = read(values);
    assert!(error.is_none(), "{error:?}");
    values
}

/// The text in one piece, byte by byte, and in pieces of three bytes.
fn pieces(text: &[u8]) -> [Feed; 3] {
    [text.len().max(1), 1, 3].map(|size| Feed::new(text.chunks(size), Then::Ends))
}

#[test]
fn lines_end_with_a_line_feed_with_or_without_a_carriage_return() {
    for (text, expected) in [
        ("", &[][..]),
        ("\n", &[""]),
        ("\r\n\n", &["", ""]),
        ("one", &["one"]),
        ("one\n", &["one"]),
        ("one\r\ntwo\nthree\r\n", &["one", "two", "three"]),
        ("one\rtwo\r\r\nthree\r", &["one\rtwo\r", "three\r"]),
        (
            "\u{e9}\u{2028}\n\u{1f600}",
            &["\u{e9}\u{2028}", "\u{1f600}"],
        ),
    ] {
        for body in pieces(text.as_bytes()) {
            assert_eq!(whole(Reading::new(body).lines()), expected, "{text:?}");
        }
    }
}

#[test]
fn values_of_ndjson_are_parsed_and_empty_lines_passed_over() {
    let text = "{\"a\":1}\r\n\n\r\n [2] \n\"three\"";
    for body in pieces(text.as_bytes()) {
        let values = whole(Reading::new(body).ndjson::<Value>());
        assert_eq!(values, [json!({ "a": 1 }), json!([2]), json!("three")]);
    }
}

#[test]
fn texts_of_a_sequence_are_parsed_and_separators_in_a_row_are_one() {
    let text = format!("{RS}{RS}{{\n\"a\":1}}\n{RS}[2]{RS}3\n{RS}\"four\"");
    for body in pieces(text.as_bytes()) {
        let values = whole(Reading::new(body).json_seq::<Value>());
        let expected = [json!({ "a": 1 }), json!([2]), json!(3), json!("four")];
        assert_eq!(values, expected);
    }
}

#[test]
fn bytes_come_as_they_are_without_empty_pieces_and_trailers() {
    let mut body = Feed::new([&b"one"[..], b"", b"two"], Then::Ends);
    body.frames.push_back(Frame::trailers(HeaderMap::new()));

    assert_eq!(whole(Reading::new(body).bytes()), ["one", "two"]);
}

#[test]
fn nothing_is_read_ahead_of_the_value_that_is_asked_for() {
    let body = Feed::new([&b"1\n2\n3"[..], b"4\n", b"5\n"], Then::Waits);
    let polls = body.polls.clone();
    let mut values = spawn(Reading::new(body).ndjson::<u32>());
    let mut next = || match values.poll_next() {
        Poll::Ready(Some(Ok(value))) => value,
        other => panic!("no value but {other:?}"),
    };

    assert_eq!(polls.load(SeqCst), 0);
    for (value, polled) in [(1, 1), (2, 1), (34, 2), (5, 3)] {
        assert_eq!(next(), value);
        assert_eq!(polls.load(SeqCst), polled);
    }
}

#[test]
fn a_value_is_given_out_when_its_end_has_come() {
    let mut lines = spawn(Reading::new(Feed::new([&b"one\ntw"[..]], Then::Waits)).lines());
    let Poll::Ready(Some(Ok(line))) = lines.poll_next() else {
        panic!("the line is there")
    };
    assert_eq!(line, "one");
    assert_pending!(lines.poll_next());
    assert!(!lines.is_woken());
}

#[test]
fn a_text_of_a_sequence_waits_for_the_next() {
    let text = format!("{RS}1\n");
    let body = Feed::new([text.as_bytes()], Then::Waits);
    assert_eq!(whole(Reading::new(body).json_seq::<u32>()), [0; 0]);
}

/// Which value, where, and what is said.
fn told(error: &ReadError) -> (Option<u64>, u64, String) {
    (error.value(), error.offset(), error.to_string())
}

#[test]
fn a_value_as_long_as_the_limit_is_read_and_a_longer_one_is_not() {
    for (text, expected) in [
        ("four\nfour\r\nfour", 3),
        ("four\nfiver\nfour\n", 1),
        ("four\nfiver", 1),
        ("four\nfiver\r\n", 1),
        ("four\nfour\r", 1),
        ("four\nlonger than that", 1),
    ] {
        for body in pieces(text.as_bytes()) {
            let (lines, error) = read(Reading::new(body).value_limit(4).lines());
            assert_eq!(lines, vec!["four"; expected], "{text:?}");
            assert_eq!(error.is_some(), expected < 3);
            let Some(error) = error else { continue };
            assert!(error.is_too_long());
            assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
            let text = "value 2, at byte 5, is longer than 4 bytes".to_owned();
            assert_eq!(told(&error), (Some(2), 5, text));
        }
    }
}

#[test]
fn a_value_that_never_ends_is_refused_at_the_limit() {
    for (size, limit, polled) in [(1, 100, 102), (50, 100, 3), (4096, 64 * 1024, 17)] {
        let body = Feed::new(vec![&[b'x'; 4096][..size]; 1000], Then::Waits);
        let polls = body.polls.clone();
        let (lines, error) = read(Reading::new(body).value_limit(limit).lines());
        assert_eq!(lines, [""; 0]);
        assert!(error.unwrap().is_too_long());
        assert_eq!(polls.load(SeqCst), polled);
    }
}

#[test]
fn a_body_is_read_up_to_its_limit_however_it_comes() {
    for body in pieces(b"one\ntwo\nthree\n") {
        let (lines, error) = read(Reading::new(body).total_limit(9).lines());
        assert_eq!(lines, ["one", "two"]);
        let error = error.unwrap();
        assert!(error.is_too_large());
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let text = "value 3, at byte 8, goes beyond the 9 bytes allowed in all".to_owned();
        assert_eq!(told(&error), (Some(3), 8, text));
    }
    for body in pieces(b"one\ntwo\n") {
        let lines = whole(Reading::new(body).total_limit(8).lines());
        assert_eq!(lines, ["one", "two"]);
    }
    let (bytes, error) = read(Reading::new(Feed::of("abcd")).total_limit(3).bytes());
    assert_eq!(bytes, ["abc"]);
    let text = "the body, after 3 bytes, goes beyond the 3 bytes allowed in all".to_owned();
    assert_eq!(told(&error.unwrap()), (None, 3, text));
}

#[test]
fn the_default_limits_are_64_kib_a_value_and_2_mib_in_all() {
    let longest = format!("{}\n", "x".repeat(64 * 1024));
    let longer = format!("x{longest}");
    assert_eq!(whole(Reading::new(Feed::of(&longest)).lines()).len(), 1);
    let error = read(Reading::new(Feed::of(&longer)).lines()).1;
    assert!(error.unwrap().is_too_long());
    let mut most = "x\n".repeat(1 << 20);
    assert_eq!(whole(Reading::new(Feed::of(&most)).lines()).len(), 1 << 20);
    most.push('x');
    let error = read(Reading::new(Feed::of(&most)).lines()).1;
    assert!(error.unwrap().is_too_large());
}

#[test]
fn a_body_that_declares_to_be_too_large_is_refused_unread() {
    let (lines, error) = read(
        Reading::new(Full::<Bytes>::from("one\ntwo\n"))
            .total_limit(7)
            .lines(),
    );
    assert_eq!(lines, [""; 0]);
    assert!(error.unwrap().is_too_large());
    let whole_body = Reading::new(Full::<Bytes>::from("one\ntwo\n")).total_limit(8);
    assert_eq!(whole(whole_body.lines()), ["one", "two"]);
}

#[test]
fn a_line_that_is_not_utf_8_is_an_error_after_those_before_it() {
    for body in pieces(b"one\n\xc3\xa9\xff\nthree\n") {
        let (lines, error) = read(Reading::new(body).lines());
        assert_eq!(lines, ["one"]);
        let error = error.unwrap();
        assert!(error.is_not_utf8());
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        let text = "value 2, at byte 4, is not UTF-8".to_owned();
        assert_eq!(told(&error), (Some(2), 4, text));
        let source = error.source().unwrap();
        let source = source.downcast_ref::<std::str::Utf8Error>().unwrap();
        assert_eq!(source.valid_up_to(), 2);
    }
}

#[derive(Debug, PartialEq, Deserialize)]
struct Order {
    items: Vec<Item>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Item {
    price: u32,
}

#[test]
fn a_value_that_is_not_the_one_expected_says_where() {
    let text = "{\"items\":[]}\n\n{\"items\":[{\"price\":1},{\"price\":-1}]}\n";
    for body in pieces(text.as_bytes()) {
        let (orders, error) = read(Reading::new(body).ndjson::<Order>());
        assert_eq!(orders, [Order { items: vec![] }]);
        let error = error.unwrap();
        assert!(error.is_not_json());
        assert_eq!(error.path(), Some("items[1].price"));
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
        let text = "value 2, at byte 14, is not the JSON expected".to_owned();
        assert_eq!(told(&error), (Some(2), 14, text));
        let source = error.source().unwrap().to_string();
        assert!(
            source.starts_with("invalid value: integer `-1`"),
            "{source}"
        );
    }
}

#[test]
fn what_is_not_json_is_an_error_after_the_values_before_it() {
    for wrong in ["{", "1 2", "x", " ", "\"\n\"", "1]"] {
        let text = format!("1\n{wrong}\n3\n");
        let (values, error) = read(Reading::new(Feed::of(&text)).ndjson::<u32>());
        assert_eq!(values, [1], "{wrong:?}");
        let error = error.unwrap();
        assert!(error.is_not_json());
        assert_eq!((error.value(), error.offset()), (Some(2), 2));
        assert_eq!(error.path(), None);
        assert!(error.into_body_error().unwrap_err().is_not_json());
    }
}

#[test]
fn a_text_that_may_have_been_cut_is_an_error() {
    for (wrong, why) in [
        ("12", "may have been cut"),
        ("tru", "may have been cut"),
        ("[1", "is not the JSON expected"),
        ("\n", "is not the JSON expected"),
    ] {
        for end in ["", "\x1e2\n"] {
            let text = format!("{RS}1\n{RS}{wrong}{end}");
            for body in pieces(text.as_bytes()) {
                let (values, error) = read(Reading::new(body).json_seq::<u32>());
                assert_eq!(values, [1]);
                let error = error.unwrap();
                assert!(error.is_not_json());
                let text = format!("value 2, at byte 4, {why}");
                assert_eq!(told(&error), (Some(2), 4, text));
            }
        }
    }
    let (values, error) = read(Reading::new(Feed::of("1\n\x1e2\n")).json_seq::<u32>());
    assert_eq!(values, [0; 0]);
    let text = "value 1, at byte 0, does not begin with a record separator";
    assert_eq!(error.unwrap().to_string(), text);
}

#[test]
fn a_body_that_breaks_off_never_looks_complete() {
    let broken = || Feed::new([&b"1\n2"[..]], Then::Fails);
    let (lines, error) = read(Reading::new(broken()).lines());
    assert_eq!(lines, ["1"]);
    let error = error.unwrap();
    assert!(error.is_broken());
    assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    let text = "value 2, at byte 2, broke off".to_owned();
    assert_eq!(told(&error), (Some(2), 2, text));
    assert!(error.source().unwrap().is::<io::Error>());
    assert!(error.into_body_error().unwrap().is::<io::Error>());
    assert_eq!(read(Reading::new(broken()).ndjson::<u32>()).0, [1]);
    assert_eq!(read(Reading::new(broken()).json_seq::<u32>()).0, [0; 0]);
    let (bytes, error) = read(Reading::new(broken()).bytes());
    assert_eq!(bytes, ["1\n2"]);
    let text = "the body, after 3 bytes, broke off".to_owned();
    assert_eq!(told(&error.unwrap()), (None, 3, text));
}

#[test]
fn a_failed_body_is_let_go() {
    let body = Feed::of("x\n");
    let polls = body.polls.clone();
    let mut values = spawn(Reading::new(body).ndjson::<u32>());
    assert!(matches!(values.poll_next(), Poll::Ready(Some(Err(_)))));

    assert_eq!(Arc::strong_count(&polls), 1);
}

#[test]
fn endless_frames_without_a_value_let_other_tasks_run() {
    for piece in [&b""[..], b"\n"] {
        let body = Feed::new(vec![piece; 1000], Then::Ends);
        let polls = body.polls.clone();
        let mut values = spawn(Reading::new(body).ndjson::<u32>());
        assert_pending!(values.poll_next());
        assert!(values.is_woken());
        assert!(polls.load(SeqCst) < 100);
    }
}

#[test]
fn any_body_is_read() {
    let boxed = Full::new(&b"1\n2\n"[..]).map_err(BoxError::from).boxed();
    assert_eq!(whole(Reading::new(boxed).ndjson::<u32>()), [1, 2]);
}
