//! The events of a body: what is polled and when, and how it ends.

use std::{
    collections::VecDeque,
    error::Error,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use futures_core::Stream;
use http::HeaderMap;
use http_body::{Body, Frame};
use peristyle_core::BoxError;
use peristyle_sse::{Decoder, Event, EventReader, ReadError, produce};
use tokio_stream::StreamExt;
use tokio_test::{
    assert_pending, assert_ready,
    task::{Spawn, spawn},
};

type Piece = Option<Result<Frame<Bytes>, BoxError>>;

/// Gives these pieces, and waits where there is none; ends when it has given them all.
struct Pieces {
    pieces: VecDeque<Poll<Piece>>,
    polls: usize,
}

impl Pieces {
    fn of(pieces: impl IntoIterator<Item = Poll<Piece>>) -> Self {
        Self {
            pieces: pieces.into_iter().collect(),
            polls: 0,
        }
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Piece> {
        self.polls += 1;
        self.pieces.pop_front().unwrap_or(Poll::Ready(None))
    }
}

fn data(text: &'static str) -> Poll<Piece> {
    Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(text.as_bytes())))))
}

fn trailers() -> Poll<Piece> {
    Poll::Ready(Some(Ok(Frame::trailers(HeaderMap::new()))))
}

fn failure(text: &str) -> Poll<Piece> {
    Poll::Ready(Some(Err(text.into())))
}

const WAIT: Poll<Piece> = Poll::Pending;

fn reader(pieces: impl IntoIterator<Item = Poll<Piece>>) -> Spawn<EventReader<Pieces>> {
    spawn(EventReader::new(Pieces::of(pieces)))
}

#[track_caller]
fn gets<B>(reader: &mut Spawn<EventReader<B>>, data: &str)
where
    B: Body,
    B::Error: Into<BoxError>,
{
    let event = assert_ready!(reader.poll_next()).expect("an event");
    assert_eq!(event.expect("no error").data(), data);
}

#[track_caller]
fn fails(reader: &mut Spawn<EventReader<Pieces>>) -> ReadError {
    let item = assert_ready!(reader.poll_next());
    let error = item.expect("an item").expect_err("an error");
    is_at_end(reader);
    error
}

#[track_caller]
fn is_at_end(reader: &mut Spawn<EventReader<Pieces>>) {
    for _ in 0..3 {
        assert!(assert_ready!(reader.poll_next()).is_none());
    }
}

#[test]
fn events_come_from_pieces_of_any_size_until_the_body_ends() {
    let mut reader = reader([
        data("data: a\n\nda"),
        WAIT,
        data(""),
        data("ta: b\n"),
        trailers(),
        data("\n: c\n\ndata: c\n\n"),
    ]);
    gets(&mut reader, "a");
    assert_pending!(reader.poll_next());
    gets(&mut reader, "b");
    gets(&mut reader, "c");
    is_at_end(&mut reader);
}

#[test]
fn what_is_unfinished_when_the_body_ends_is_dropped() {
    let mut reader = reader([data("id: 1\ndata: a\n\nid: 2\ndata: b\n")]);
    gets(&mut reader, "a");
    is_at_end(&mut reader);
    assert_eq!(reader.decoder().last_event_id(), "1");
}

#[test]
fn the_body_is_polled_when_nothing_is_left_of_what_it_gave() {
    let mut body = Pieces::of([data("data: a\n\ndata: b\n\n"), data("data: c\n\n")]);
    let mut reader = spawn(EventReader::new(&mut body));
    gets(&mut reader, "a");
    gets(&mut reader, "b");
    drop(reader);
    assert_eq!(body.polls, 1);
}

#[test]
fn a_body_that_fails_is_an_error_after_the_events_before_it() {
    let mut reader = reader([data("data: a\n\ndata: b\n"), failure("reset")]);
    gets(&mut reader, "a");
    let error = fails(&mut reader);
    assert_eq!(error.to_string(), "the body of the event stream failed");
    assert_eq!(error.source().unwrap().to_string(), "reset");
    assert!(error.is_body());
    assert_eq!(error.decode_error(), None);
}

#[test]
fn a_stream_beyond_its_bounds_is_an_error_after_the_events_before_it() {
    let body = Pieces::of([data("data: a\n\ndata: bc\n\ndata: d\n\n")]);
    let mut reader = spawn(EventReader::with_decoder(body, Decoder::new().max_line(7)));
    gets(&mut reader, "a");
    let error = fails(&mut reader);
    assert_eq!(error.to_string(), "the event stream is beyond its bounds");
    let decode = error.decode_error().unwrap();
    assert!(decode.is_line_too_long());
    assert_eq!(error.source().unwrap().to_string(), decode.to_string());
    assert!(!error.is_body());
}

#[test]
fn after_the_end_and_after_an_error_the_body_is_not_polled() {
    for last in [Poll::Ready(None), failure("reset")] {
        let mut body = Pieces::of([last]);
        let mut reader = spawn(EventReader::new(&mut body));
        assert_ready!(reader.poll_next());
        assert!(assert_ready!(reader.poll_next()).is_none());
        drop(reader);
        assert_eq!(body.polls, 1);
    }
}

#[test]
fn a_body_that_is_always_ready_and_fires_nothing_does_not_keep_the_task() {
    let comments = (0..1000).map(|_| data(": c\n\n"));
    let mut reader = reader(comments.chain([data("data: a\n\n")]));
    let mut turns = 0;
    while reader.poll_next().is_pending() {
        assert!(reader.is_woken(), "it goes on by itself");
        turns += 1;
    }
    assert_eq!(turns, 1000 / 64);
}

#[test]
fn a_buffer_of_several_parts_is_read_in_order() {
    struct Once(Option<bytes::buf::Chain<&'static [u8], &'static [u8]>>);

    impl Body for Once {
        type Data = bytes::buf::Chain<&'static [u8], &'static [u8]>;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, BoxError>>> {
            Poll::Ready(self.0.take().map(Frame::data).map(Ok))
        }
    }

    let parts = b"data: a\n\ndata".chain(&b": b\n\ndata: c\n\n"[..]);
    let mut reader = spawn(EventReader::new(Once(Some(parts))));
    for data in ["a", "b", "c"] {
        gets(&mut reader, data);
    }
    assert!(assert_ready!(reader.poll_next()).is_none());
}

#[test]
fn the_decoder_goes_from_one_body_to_the_next() {
    let mut first = reader([
        data("id: 1\nretry: 5\ndata: a\n\ndata: b\n"),
        failure("reset"),
    ]);
    gets(&mut first, "a");
    fails(&mut first);

    let mut decoder = first.into_inner().into_decoder();
    decoder.reset();
    let mut second = spawn(EventReader::with_decoder(
        Pieces::of([data("data: c\n\n")]),
        decoder,
    ));
    let event = assert_ready!(second.poll_next()).unwrap().unwrap();
    assert_eq!((event.data(), event.id()), ("c", "1"));
    assert_eq!(second.decoder().retry().unwrap().as_millis(), 5);
}

#[tokio::test]
async fn a_response_of_this_crate_is_read_back() {
    let response = produce(4, |events| async move {
        for data in ["a", "b\nc"] {
            events.send(Event::data(data)).await?;
        }
        Ok::<_, BoxError>(())
    })
    .into_response();
    let events = EventReader::new(Box::pin(response.into_body()));
    let data: Vec<String> = events
        .map(|event| event.expect("no error").into_data())
        .collect()
        .await;
    assert_eq!(data, ["a", "b\nc"]);
}

#[test]
fn it_crosses_threads_with_its_body_and_shows_its_decoder() {
    fn assert_shared<T: Stream + Send + Sync + 'static>(_: &T) {}
    let reader = EventReader::new(http_body_util::Full::<Bytes>::from("data: a\n\n"));
    assert_shared(&reader);
    assert_eq!(
        format!("{reader:?}"),
        "EventReader { decoder: Decoder { last_event_id: \"\", retry: None, failed: None, .. }, \
         ended: false, .. }"
    );
    fn assert_error<E: Error + Send + Sync + 'static>() {}
    assert_error::<ReadError>();
}
