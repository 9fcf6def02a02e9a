//! A declared length is kept or the body fails.

use std::convert::Infallible;

use async_stream::stream;
use bytes::Bytes;
use peristyle_core::End;
use peristyle_streaming::{Error, Streaming, channel, from_iter, from_reader};

use crate::client::Client;

#[test]
fn a_declared_length_is_in_the_head_and_in_the_size_hint() {
    let response = from_iter(["one", "two"]).length(6).into_response();
    assert_eq!(response.headers()["content-length"], "6");

    let mut client = Client::of(from_iter(["one", "two"]).length(6));
    assert_eq!(client.exact_size(), Some(6));
    assert_eq!(client.value(), "one");
    assert_eq!(client.exact_size(), Some(3));
    assert_eq!(client.value(), "two");
    client.assert_over(End::Finished);
}

#[test]
fn the_last_bytes_of_a_declared_length_end_the_stream() {
    let mut client = Client::of(from_iter(["one", ""]).length(3));

    assert_eq!(client.value(), "one");
    assert!(client.is_end_stream());
    assert_eq!(client.control.end(), Some(End::Finished));
}

#[test]
fn a_body_without_a_declared_length_has_no_size() {
    let mut client = Client::of(from_iter(["one"]));

    assert_eq!(client.exact_size(), None);
    assert!(!client.is_end_stream());
    client.value();
    client.assert_over(End::Finished);
}

#[test]
fn a_source_that_is_too_short_is_an_error() {
    let mut client = Client::of(from_reader(&b"abc"[..]).length(5));

    let error = client.fails_after(["abc"]);
    assert!(error.downcast_ref::<Error>().unwrap().is_wrong_length());
    assert_eq!(
        error.to_string(),
        "the source ended 2 bytes before the 5 declared"
    );
}

#[test]
fn a_source_that_is_too_long_never_looks_complete() {
    for values in [vec!["ab", "cde"], vec!["ab", "c", "d"]] {
        let mut client = Client::of(from_iter(values).length(3));

        let error = client.fails_after(["ab"]);
        assert!(error.downcast_ref::<Error>().unwrap().is_wrong_length());
        assert_eq!(
            error.to_string(),
            "the source has more than the 3 bytes declared"
        );
    }
}

#[test]
fn a_source_that_fails_at_its_very_end_never_looks_complete() {
    let values = stream! {
        yield Ok("ab");
        yield Ok("c");
        yield Err("torn");
    };
    let mut client = Client::of(Streaming::new(values).length(3));

    assert_eq!(client.fails_after(["ab"]).to_string(), "torn");
}

#[test]
fn the_value_that_completes_the_length_waits_for_the_end() {
    let (sender, streaming) = channel(4);
    let mut client = Client::of(streaming.length(3));
    sender.try_send("abc").unwrap();
    client.assert_pending();
    assert_eq!(client.exact_size(), Some(3));
    sender.finish();

    assert!(client.is_woken());
    assert_eq!(client.value(), "abc");
    client.assert_over(End::Finished);
}

#[test]
fn a_body_of_no_bytes_need_not_be_polled_to_have_finished() {
    let nothing = tokio_stream::empty::<Result<Bytes, Infallible>>();
    let client = Client::of(Streaming::new(nothing).length(0));
    let control = client.control.clone();
    drop(client);

    assert_eq!(control.end(), Some(End::Finished));
}
