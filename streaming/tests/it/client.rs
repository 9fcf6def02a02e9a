//! A client that polls a body by hand.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use peristyle_core::{BoxError, Control, End};
use peristyle_streaming::{StreamBody, Streaming};
use tokio_test::task::{Spawn, spawn};

pub(crate) struct Client<S> {
    body: Spawn<Pin<Box<StreamBody<S>>>>,
    pub(crate) control: Control,
}

impl<S> Client<S> {
    pub(crate) fn of(streaming: Streaming<S>) -> Self
    where
        http::Response<StreamBody<S>>: From<Streaming<S>>,
    {
        Self::of_response(streaming.into())
    }

    pub(crate) fn of_response(response: http::Response<StreamBody<S>>) -> Self {
        let (head, body) = response.into_parts();
        let control = head.extensions.get::<Control>();
        Self {
            body: spawn(Box::pin(body)),
            control: control.expect("a response carries a control").clone(),
        }
    }

    pub(crate) fn poll(&mut self) -> Poll<Option<Result<Bytes, BoxError>>> {
        let polled = self.poll_frame();
        polled.map_ok(|frame| frame.into_data().expect("there are no trailers"))
    }

    fn poll_frame(&mut self) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let body = &mut self.body;
        body.enter(|cx, body| Pin::into_inner(body).as_mut().poll_frame(cx))
    }

    /// The trailers that are there now.
    #[track_caller]
    pub(crate) fn trailers(&mut self) -> HeaderMap {
        match self.poll_frame() {
            Poll::Ready(Some(Ok(frame))) if frame.is_trailers() => {
                frame.into_trailers().expect("they are trailers")
            }
            other => panic!("trailers are not there, but {other:?}"),
        }
    }

    /// All the values that are there now.
    pub(crate) fn values(&mut self) -> Vec<Bytes> {
        let mut values = Vec::new();
        while let Poll::Ready(Some(Ok(value))) = self.poll() {
            values.push(value);
        }
        values
    }

    /// The value that is there now.
    #[track_caller]
    pub(crate) fn value(&mut self) -> Bytes {
        match self.poll() {
            Poll::Ready(Some(Ok(value))) => value,
            other => panic!("a value is not there, but {other:?}"),
        }
    }

    /// The error that is there now, once the host had the time to write the values before it.
    #[track_caller]
    pub(crate) fn error(&mut self) -> BoxError {
        self.assert_pending();
        assert!(self.is_woken());
        assert!(!self.is_end_stream());
        match self.poll() {
            Poll::Ready(Some(Err(error))) => error,
            other => panic!("an error is not there, but {other:?}"),
        }
    }

    /// The error that follows these values. Nothing follows the error, and the host knows of the failure.
    #[track_caller]
    pub(crate) fn fails_after<const N: usize>(&mut self, values: [&str; N]) -> BoxError {
        for value in values {
            assert_eq!(self.value(), value);
        }
        let error = self.error();
        self.assert_over(End::Failed);
        error
    }

    #[track_caller]
    pub(crate) fn assert_pending(&mut self) {
        assert!(matches!(self.poll(), Poll::Pending));
    }

    /// There is nothing further, however often it is asked.
    #[track_caller]
    pub(crate) fn assert_over(&mut self, end: End) {
        for _ in 0..3 {
            assert!(matches!(self.poll(), Poll::Ready(None)));
        }
        assert!(self.is_end_stream());
        assert_eq!(self.exact_size(), Some(0));
        assert_eq!(self.control.end(), Some(end));
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    pub(crate) fn exact_size(&self) -> Option<u64> {
        self.body.size_hint().exact()
    }

    pub(crate) fn is_woken(&self) -> bool {
        self.body.is_woken()
    }
}

/// What was given to `on_end`.
#[derive(Clone, Default)]
pub(crate) struct Ends(Arc<Mutex<Vec<End>>>);

impl Ends {
    pub(crate) fn of<S>(streaming: Streaming<S>) -> (Self, Streaming<S>) {
        let ends = Self::default();
        let recorded = ends.clone();
        let streaming = streaming.on_end(move |end| recorded.0.lock().expect("no panic").push(end));
        (ends, streaming)
    }

    #[track_caller]
    pub(crate) fn are(&self, expected: &[End]) {
        assert_eq!(*self.0.lock().expect("no panic"), expected);
    }
}
