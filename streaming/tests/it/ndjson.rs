//! JSON, a value a line.

use std::{collections::BTreeMap, convert::Infallible, io};

use async_stream::stream;
use peristyle_core::End;
use peristyle_streaming::{DrainPolicy, Error, channel, from_iter, ndjson};
use serde::{Serialize, Serializer, ser};
use serde_json::json;

use crate::client::{Client, Ends};

#[test]
fn each_value_is_a_line_and_line_breaks_within_are_escaped() {
    let notes = stream! {
        yield Ok::<_, Infallible>(json!({ "id": 1, "text": "a\nb\r\n\u{2028}\"c\"" }));
        yield Ok(json!({ "id": 2, "text": "" }));
    };

    let mut client = Client::of(ndjson(notes));
    assert_eq!(
        client.value(),
        "{\"id\":1,\"text\":\"a\\nb\\r\\n\u{2028}\\\"c\\\"\"}\n"
    );
    assert_eq!(client.value(), "{\"id\":2,\"text\":\"\"}\n");
    client.assert_over(End::Finished);
}

#[test]
fn the_content_type_is_that_of_ndjson() {
    let response = from_iter([1]).ndjson().into_response();
    assert_eq!(response.headers()["content-type"], "application/x-ndjson");
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
fn values_of_a_channel_become_lines_one_by_one() {
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming.ndjson());
    sender.try_send(vec![1, 2]).unwrap();
    assert_eq!(client.value(), "[1,2]\n");
    client.assert_pending();
    sender.try_send(vec![]).unwrap();
    assert_eq!(client.value(), "[]\n");
    sender.finish();
    client.assert_over(End::Finished);
}

#[test]
fn a_value_that_does_not_serialise_aborts_after_those_before_it() {
    let by_pair = BTreeMap::from([((1, 2), 3)]);
    let mut client = Client::of(from_iter([BTreeMap::new(), by_pair]).ndjson());

    let error = client.fails_after(["{}\n"]);
    let error = error.downcast_ref::<Error>().unwrap();
    assert!(error.is_not_serialized());
    assert_eq!(error.to_string(), "a value does not serialise");
    let source = std::error::Error::source(error).unwrap();
    assert_eq!(source.to_string(), "key must be a string");
}

#[test]
fn nothing_of_a_line_that_fails_halfway_is_sent() {
    struct Torn;
    impl Serialize for Torn {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(ser::Error::custom("torn"))
        }
    }
    let mut client = Client::of(from_iter([("begins well", Torn)]).ndjson());

    let error = client.fails_after([]);
    assert!(error.downcast_ref::<Error>().unwrap().is_not_serialized());
}

#[test]
fn an_error_of_the_stream_is_passed_on() {
    let mut client = Client::of(ndjson(stream! {
        yield Ok(1);
        yield Err(io::Error::other("torn"));
    }));

    assert!(client.fails_after(["1\n"]).is::<io::Error>());
}
