//! Header fields after the body.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use async_stream::stream;
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_LENGTH, ETAG, HOST, IF_MATCH, SET_COOKIE, TRANSFER_ENCODING},
};
use peristyle_core::{BoxError, End};
use peristyle_streaming::{
    DrainPolicy, Error, ForbiddenTrailer, Streaming, Trailers, from_iter, produce,
};

use crate::client::Client;

const ROWS: HeaderName = HeaderName::from_static("x-rows");
const CHECKSUM: HeaderName = HeaderName::from_static("x-checksum");

fn rows(count: usize) -> HeaderMap {
    HeaderMap::from_iter([(ROWS, count.into())])
}

fn never() -> HeaderMap {
    panic!("trailers were asked for")
}

/// The bytes as they passed.
struct Seen(Vec<u8>);

impl Trailers for Seen {
    fn pass(&mut self, bytes: &[u8]) {
        assert!(!bytes.is_empty());
        self.0.extend_from_slice(bytes);
    }

    fn finish(self: Box<Self>) -> HeaderMap {
        let seen = HeaderValue::from_bytes(&self.0).expect("it is visible");
        HeaderMap::from_iter([(CHECKSUM, seen)])
    }
}

#[test]
fn trailers_are_declared_in_the_head_and_come_after_the_last_value() {
    let streaming = from_iter(["one"]).trailers([ROWS, CHECKSUM], || rows(1));
    let response = streaming.unwrap().into_response();
    assert_eq!(response.headers()["trailer"], "x-rows, x-checksum");

    let mut client = Client::of_response(response);
    assert_eq!(client.value(), "one");
    assert!(!client.is_end_stream());
    assert_eq!(client.trailers(), rows(1));
    client.assert_over(End::Finished);
}

#[test]
fn a_body_that_says_so_in_its_last_value_has_trailers_all_the_same() {
    let streaming = from_iter(["one"]).length(3).trailers([ROWS], || rows(1));
    let mut client = Client::of(streaming.unwrap());

    assert_eq!(client.value(), "one");
    assert!(!client.is_end_stream());
    assert_eq!(client.trailers(), rows(1));
    client.assert_over(End::Finished);
}

#[test]
fn a_checksum_is_of_all_bytes_as_they_are_sent() {
    for length in [None, Some(17)] {
        let values = from_iter(["a", "", "b\"", ""]);
        let streaming = values
            .trailers([CHECKSUM], Seen(Vec::new()))
            .unwrap()
            .json_array();
        let streaming = match length {
            Some(length) => streaming.length(length),
            None => streaming,
        };
        let mut client = Client::of(streaming);
        let mut read = Vec::new();
        for _ in 0..5 {
            read.extend_from_slice(&client.value());
        }
        assert_eq!(read, b"[\"a\",\"\",\"b\\\"\",\"\"]");
        assert_eq!(client.trailers()[CHECKSUM].as_bytes(), read);
        client.assert_over(End::Finished);
    }
}

#[test]
fn a_producer_gives_what_it_knows_at_its_end() {
    let sent = Arc::new(AtomicUsize::new(0));
    let told = sent.clone();
    let values = produce(1, move |values| async move {
        for value in ["one", "two"] {
            values.send(value).await?;
            sent.fetch_add(1, SeqCst);
        }
        Ok::<_, BoxError>(())
    });
    let streaming = values.trailers([ROWS], move || rows(told.load(SeqCst)));
    let mut client = Client::of(streaming.unwrap());

    assert_eq!(client.value(), "one");
    assert_eq!(client.value(), "two");
    assert_eq!(client.trailers(), rows(2));
}

#[test]
fn no_trailers_follow_a_failure() {
    let torn = Streaming::new(stream! {
        yield Ok("one");
        yield Err(io::Error::other("torn"));
    });
    Client::of(torn.trailers([ROWS], never).unwrap()).fails_after(["one"]);
    let short = from_iter(["one"]).length(4);
    Client::of(short.trailers([ROWS], never).unwrap()).fails_after(["one"]);
}

#[test]
fn no_trailers_follow_a_stream_that_was_cut() {
    let endless = from_iter(std::iter::repeat("one"));
    let cut = endless.drain_policy(DrainPolicy::EndWith(Bytes::from("bye")));
    let mut client = Client::of(cut.trailers([ROWS], never).unwrap());
    assert_eq!(client.value(), "one");
    client.control.drain();

    assert_eq!(client.value(), "bye");
    client.assert_over(End::Drained);
}

#[test]
fn trailers_without_fields_are_none() {
    let streaming = from_iter(["one"]).trailers([ROWS], HeaderMap::new);
    let mut client = Client::of(streaming.unwrap());
    assert_eq!(client.value(), "one");
    client.assert_over(End::Finished);

    let response = from_iter(["one"]).trailers([], HeaderMap::new);
    let response = response.unwrap().into_response();
    assert!(!response.headers().contains_key("trailer"));
}

#[test]
fn a_trailer_that_was_not_declared_aborts() {
    let streaming = from_iter(["one"]).trailers([CHECKSUM], || rows(1));
    let mut client = Client::of(streaming.unwrap());

    let error = client.fails_after(["one"]);
    assert!(
        error
            .downcast_ref::<Error>()
            .unwrap()
            .is_undeclared_trailer()
    );
    assert_eq!(
        error.to_string(),
        "the trailer field `x-rows` was not declared"
    );
}

#[test]
fn a_panic_of_trailers_is_an_error() {
    struct Trap;
    impl Trailers for Trap {
        fn pass(&mut self, _: &[u8]) {
            panic!("trapped")
        }
        fn finish(self: Box<Self>) -> HeaderMap {
            HeaderMap::new()
        }
    }
    let streaming = from_iter(["one"]).trailers([ROWS], Trap).unwrap();
    let error = Client::of(streaming).fails_after([]);
    assert_eq!(error.to_string(), "panicked: trapped");

    let streaming = from_iter(["one"]).trailers([ROWS], never).unwrap();
    let error = Client::of(streaming).fails_after(["one"]);
    assert_eq!(error.to_string(), "panicked: trailers were asked for");
}

#[test]
fn a_field_that_belongs_in_the_head_is_refused() {
    for name in [
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        HOST,
        SET_COOKIE,
        IF_MATCH,
    ] {
        let names = [ROWS, name.clone()];
        let error: ForbiddenTrailer = from_iter(["one"]).trailers(names, never).unwrap_err();
        assert_eq!(error.name(), name);
        let text = format!("the field `{name}` cannot be a trailer");
        assert_eq!(error.to_string(), text);
    }
    assert!(from_iter(["one"]).trailers([ETAG], never).is_ok());
}
