//! Values in their formats, and those that have no form in one.

use std::{convert::Infallible, error::Error as _, io, pin::pin};

use async_stream::stream;
use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use http_body_util::Full;
use peristyle_core::{BoxError, End};
use peristyle_streaming::{
    BoundaryInPart, DrainPolicy, Error, Format, LineBreak, Multipart, Part, Reading, Streaming,
    channel, from_iter,
};
use serde::{Serialize, Serializer, ser};
use serde_json::json;
use tokio_stream::StreamExt;

use crate::client::{Client, Ends};

/// Serialises, or does not.
struct Fragile(bool);

impl Serialize for Fragile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 {
            serializer.serialize_str("whole")
        } else {
            Err(ser::Error::custom("torn"))
        }
    }
}

/// The content type, and each value as it is written.
fn written<S>(streaming: Streaming<S>) -> (String, Vec<Bytes>)
where
    http::Response<peristyle_streaming::StreamBody<S>>: From<Streaming<S>>,
{
    let response = http::Response::from(streaming);
    let content_type = response.headers()["content-type"].to_str();
    let content_type = content_type.expect("it is text").to_owned();
    let mut client = Client::of_response(response);
    let values = client.values();
    client.assert_over(End::Finished);
    (content_type, values)
}

/// A format without values, then with two.
macro_rules! both {
    ($of:expr) => {
        (written($of(vec![])), written($of(VALUES.to_vec())))
    };
}

const VALUES: [&str; 2] = ["one \u{2028}\"", "two"];

#[test]
fn each_value_is_written_on_its_own_and_a_format_without_values_is_whole() {
    let mixed = || Multipart::mixed().boundary("b").unwrap();
    let parts = |values: Vec<&'static str>| from_iter(values.into_iter().map(Part::new));
    for ((none, some), content_type, empty, expected) in [
        (
            both!(from_iter::<Vec<&'static str>>),
            "application/octet-stream",
            &[][..],
            &["one \u{2028}\"", "two"][..],
        ),
        (
            both!(|values| from_iter::<Vec<&str>>(values).lines()),
            "text/plain; charset=utf-8",
            &[],
            &["one \u{2028}\"\n", "two\n"],
        ),
        (
            both!(|values| from_iter::<Vec<&str>>(values).ndjson()),
            "application/x-ndjson",
            &[],
            &["\"one \u{2028}\\\"\"\n", "\"two\"\n"],
        ),
        (
            both!(|values| from_iter::<Vec<&str>>(values).json_seq()),
            "application/json-seq",
            &[],
            &["\x1e\"one \u{2028}\\\"\"\n", "\x1e\"two\"\n"],
        ),
        (
            both!(|values| from_iter::<Vec<&str>>(values).json_array()),
            "application/json",
            &["[]"],
            &["[\"one \u{2028}\\\"\"", ",\"two\"", "]"],
        ),
        (
            both!(|values| parts(values).format(mixed())),
            "multipart/mixed; boundary=b",
            &["--b--\r\n"],
            &[
                "--b\r\n\r\none \u{2028}\"\r\n--b",
                "\r\n\r\ntwo\r\n--b",
                "--\r\n",
            ],
        ),
    ] {
        assert_eq!(none, (content_type.to_owned(), bytes(empty)));
        assert_eq!(some, (content_type.to_owned(), bytes(expected)));
    }
}

fn bytes(values: &[&'static str]) -> Vec<Bytes> {
    values.iter().copied().map(Bytes::from).collect()
}

async fn read<T, E: std::fmt::Debug>(values: impl Stream<Item = Result<T, E>>) -> Vec<T> {
    let mut values = pin!(values);
    let mut read = Vec::new();
    while let Some(value) = values.try_next().await.expect("it is whole") {
        read.push(value);
    }
    read
}

#[tokio::test]
async fn what_is_written_is_read_back() {
    let body = |chunks: (String, Vec<Bytes>)| Full::new(Bytes::from(chunks.1.concat()));
    let texts = ["", "a \"b\" \u{1e}\t", "c\\"];
    let lines = body(written(from_iter(texts).lines()));
    assert_eq!(read(Reading::new(lines).lines()).await, texts);

    let values = [json!({ "a\n": [1.5, null] }), json!("\r\n\u{1e}"), json!(7)];
    let ndjson = body(written(from_iter(values.clone()).ndjson()));
    assert_eq!(
        read(Reading::new(ndjson).ndjson::<serde_json::Value>()).await,
        values
    );
    let seq = body(written(from_iter(values.clone()).json_seq()));
    assert_eq!(
        read(Reading::new(seq).json_seq::<serde_json::Value>()).await,
        values
    );
    let array = written(from_iter(values.clone()).json_array()).1.concat();
    let array: Vec<serde_json::Value> = serde_json::from_slice(&array).unwrap();
    assert_eq!(array, values);
}

/// The values before the failure, and that.
fn failed<S>(streaming: Streaming<S>) -> (Vec<Bytes>, BoxError)
where
    http::Response<peristyle_streaming::StreamBody<S>>: From<Streaming<S>>,
{
    let mut client = Client::of(streaming);
    let values: Vec<_> = (0..1).map(|_| client.value()).collect();
    let error = client.error();
    client.assert_over(End::Failed);
    (values, error)
}

#[test]
fn in_every_format_a_value_that_does_not_serialise_aborts_after_those_before_it() {
    let fragile = || from_iter([true, false, true].map(Fragile));
    let pairs =
        || from_iter([(1, true), (2, false), (3, true)].map(|(n, whole)| (n, Fragile(whole))));
    let mixed = || Multipart::mixed().boundary("b").unwrap();
    let parts = ["one", "two --b", "three"].map(Part::new);
    for ((values, error), first, why) in [
        (
            failed(from_iter(["one", "two\rthree", "four"]).lines()),
            "one\n",
            "the line has a line break at byte 3",
        ),
        (failed(fragile().ndjson()), "\"whole\"\n", "torn"),
        (failed(pairs().ndjson()), "[1,\"whole\"]\n", "torn"),
        (failed(fragile().json_seq()), "\x1e\"whole\"\n", "torn"),
        (failed(pairs().json_array()), "[[1,\"whole\"]", "torn"),
        #[cfg(feature = "csv")]
        (
            failed(pairs().csv()),
            "1,whole\r\n",
            "CSV write error: torn",
        ),
        (
            failed(from_iter(parts).format(mixed())),
            "--b\r\n\r\none\r\n--b",
            "the part has the boundary within",
        ),
        (
            failed(from_iter([1, 13, 2]).format(Lucky)),
            "1",
            "13 is not lucky",
        ),
    ] {
        assert_eq!(values, [first]);
        let error = error.downcast_ref::<Error>().unwrap();
        assert!(error.is_not_serialized());
        assert_eq!(error.to_string(), "a value does not serialise");
        assert_eq!(error.source().unwrap().to_string(), why);
    }
}

/// Fails at a number, and at the end.
struct Lucky;

impl Format<u32> for Lucky {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static("text/lucky")
    }

    fn encode(&mut self, value: u32, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.extend_from_slice(value.to_string().as_bytes());
        match value {
            13 => Err("13 is not lucky".into()),
            _ => Ok(()),
        }
    }

    fn finish(&mut self, _: &mut Vec<u8>) -> Result<(), BoxError> {
        Err("it never ends".into())
    }
}

#[test]
fn a_format_can_fail_at_the_end() {
    let (values, error) = failed(from_iter([1]).format(Lucky));

    assert_eq!(values, ["1"]);
    assert_eq!(error.source().unwrap().to_string(), "it never ends");
}

#[test]
fn the_error_of_a_format_is_the_source_with_its_type() {
    let (_, error) = failed(from_iter(["", "one\ntwo"]).lines());
    let source = error.source().unwrap();
    assert_eq!(source.downcast_ref::<LineBreak>().unwrap().offset(), 3);

    let (_, error) = failed(from_iter([true, false].map(Fragile)).ndjson());
    assert!(error.source().unwrap().is::<serde_json::Error>());

    let mixed = Multipart::mixed().boundary("b").unwrap();
    let (_, error) = failed(from_iter(["one", "--b"].map(Part::new)).format(mixed));
    assert!(error.source().unwrap().is::<BoundaryInPart>());
}

#[test]
fn a_stream_that_fails_is_not_ended_by_its_format() {
    let torn = || {
        Streaming::new(stream! {
            yield Ok("1");
            yield Err(io::Error::other("torn"));
        })
    };
    let parts = Streaming::new(stream! {
        yield Ok(Part::new("1"));
        yield Err(io::Error::other("torn"));
    });
    let mixed = Multipart::mixed().boundary("b").unwrap();
    for ((values, error), all) in [
        (failed(torn().lines()), "1\n"),
        (failed(torn().ndjson()), "\"1\"\n"),
        (failed(torn().json_seq()), "\x1e\"1\"\n"),
        (failed(torn().json_array()), "[\"1\""),
        (failed(parts.format(mixed)), "--b\r\n\r\n1\r\n--b"),
    ] {
        assert_eq!(values, [all]);
        assert!(error.is::<io::Error>());
    }
}

#[test]
fn what_was_set_before_the_format_holds_after_it() {
    let response = from_iter([1]).length(2).ndjson().into_response();
    assert_eq!(response.headers()["content-length"], "2");

    let (ends, streaming) = Ends::of(from_iter([1]).drain_policy(DrainPolicy::Abort));
    let mut client = Client::of(streaming.ndjson());
    client.control.drain();
    let error = client.error();
    assert!(error.downcast_ref::<Error>().unwrap().is_drained());
    ends.are(&[End::Drained]);
}

#[test]
fn values_of_a_channel_are_written_one_by_one() {
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming.json_array());
    sender.try_send(vec![1, 2]).unwrap();
    assert_eq!(client.value(), "[[1,2]");
    client.assert_pending();
    sender.try_send(vec![]).unwrap();
    sender.try_send(vec![3]).unwrap();
    assert_eq!(client.value(), ",[]");
    assert_eq!(client.value(), ",[3]");
    client.assert_pending();
    sender.finish();
    assert_eq!(client.value(), "]");
    client.assert_over(End::Finished);
}

#[test]
fn a_line_break_within_a_value_of_json_is_escaped() {
    let (_, lines) = written(from_iter([json!({ "text": "a\nb\r\n" })]).ndjson());

    assert_eq!(lines, ["{\"text\":\"a\\nb\\r\\n\"}\n"]);
}

#[test]
fn values_of_any_size_are_whole() {
    let sizes = [0, 1, 16 * 1024 - 1, 16 * 1024, 16 * 1024 + 1, 1 << 20, 1];
    let texts = sizes.map(|size| "x".repeat(size));
    let (_, lines) = written(from_iter(texts.clone()).lines());

    let expected = texts.map(|text| format!("{text}\n"));
    assert_eq!(lines, expected);
}

#[test]
fn a_stream_is_not_asked_again_after_its_end() {
    let once = stream! {
        yield Ok::<_, Infallible>(1);
    };
    // `stream!` panics when it is polled after its end.
    let (_, values) = written(Streaming::new(once).json_array());

    assert_eq!(values, ["[1", "]"]);
}
