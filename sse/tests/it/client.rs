//! A client that takes a response apart frame by frame.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use futures_core::Stream;
use http_body::Body;
use peristyle_core::{BoxError, Control, End};
use peristyle_sse::{Event, EventBody, EventStream};
use tokio_test::task::{Spawn, spawn};

pub(crate) const COMMENT: &str = ":\n\n";

pub(crate) struct Client<S> {
    task: Spawn<()>,
    body: Pin<Box<EventBody<S>>>,
    pub(crate) control: Control,
}

type Piece = Option<Result<String, String>>;

impl<S, E> Client<S>
where
    S: Stream<Item = Result<Event, E>>,
    E: Into<BoxError>,
{
    /// Has read nothing yet.
    pub(crate) fn new(stream: EventStream<S>) -> Self {
        let response = stream.into_response();
        let control = response.extensions().get::<Control>();
        let control = control.expect("every response has one").clone();
        let body = Box::pin(response.into_body());
        let task = spawn(());
        Self {
            task,
            body,
            control,
        }
    }

    /// Has read the first piece.
    #[track_caller]
    pub(crate) fn open(stream: EventStream<S>) -> Self {
        let mut client = Self::new(stream);
        client.gets(COMMENT);
        client
    }

    pub(crate) async fn next(&mut self) -> Piece {
        poll_fn(|cx| poll(&mut self.body, cx)).await
    }

    #[track_caller]
    pub(crate) fn gets(&mut self, text: &str) {
        assert_eq!(self.poll(), Poll::Ready(Some(Ok(text.to_owned()))));
    }

    #[track_caller]
    pub(crate) fn waits(&mut self) {
        assert_eq!(self.poll(), Poll::Pending);
        assert!(!self.is_complete());
    }

    /// The body ends cleanly, for ever.
    #[track_caller]
    pub(crate) fn is_at_end(&mut self) {
        for _ in 0..3 {
            assert_eq!(self.poll(), Poll::Ready(None));
        }
        assert!(self.is_complete());
    }

    /// The body ends with this error, once the host had the time to write the events before it, and
    /// gives nothing after it.
    #[track_caller]
    pub(crate) fn fails(&mut self, error: &str) {
        self.waits();
        assert!(self.is_woken());
        assert_eq!(self.poll(), Poll::Ready(Some(Err(error.to_owned()))));
        self.is_at_end();
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.task.is_woken()
    }

    fn poll(&mut self) -> Poll<Piece> {
        self.task.enter(|cx, _| poll(&mut self.body, cx))
    }
}

fn poll<S, E>(body: &mut Pin<Box<EventBody<S>>>, cx: &mut Context<'_>) -> Poll<Piece>
where
    S: Stream<Item = Result<Event, E>>,
    E: Into<BoxError>,
{
    body.as_mut().poll_frame(cx).map(|frame| {
        let frame = frame?.map(|frame| frame.into_data().expect("no trailers"));
        Some(match frame {
            Ok(data) => Ok(String::from_utf8(data.to_vec()).expect("text")),
            Err(error) => Err(error.to_string()),
        })
    })
}

/// What was given to `on_end`.
#[derive(Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<Vec<End>>>);

impl Ends {
    pub(crate) fn of<S>(stream: EventStream<S>) -> (Self, EventStream<S>) {
        let ends = Self::default();
        let recorded = ends.clone();
        let stream = stream.on_end(move |end| recorded.0.lock().expect("no panic").push(end));
        (ends, stream)
    }

    #[track_caller]
    pub(crate) fn are(&self, expected: &[End]) {
        assert_eq!(*self.0.lock().expect("no panic"), expected);
    }
}
