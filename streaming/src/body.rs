//! The body of a streaming response.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use peristyle_core::{BoxError, Controlled, End, Panicked};
use pin_project_lite::pin_project;

use crate::{Error, drain::Drain, length::Length, source::Source, trailers::Declared};

/// How many empty values are skipped before other tasks get their turn.
const SKIPPED_AT_ONCE: usize = 32;

pin_project! {
    /// Gives out the values of a stream, one frame each.
    ///
    /// When it has ended well its [trailers](crate::Streaming::trailers) follow, in a frame of their own.
    ///
    /// The stream is first polled when the body is, and dropped as soon as it ends. Empty values are skipped: an empty chunk
    /// would end an HTTP/1.1 body. An error or a panic of the stream is the error of the body, after the values before it:
    /// it comes one poll late, so that the host can write those out first. Then, as after the end, there is no further frame.
    ///
    /// Dropping the body early ends the stream; see [`Streaming::on_end`](crate::Streaming::on_end).
    pub struct StreamBody<S> {
        // `None` once the stream has ended.
        #[pin]
        source: Option<Source<S>>,
        poll: fn(Pin<&mut S>, &mut Context<'_>) -> Poll<Polled>,
        length: Length,
        trailers: Option<Declared>,
        // The trailers to give out next; the stream has ended by then.
        last: Option<HeaderMap>,
        drain: Drain,
        controlled: Controlled,
        // The error to give out next; the stream has ended by then.
        failure: Option<BoxError>,
    }

    impl<S> PinnedDrop for StreamBody<S> {
        fn drop(this: Pin<&mut Self>) {
            if this.source.is_some() {
                let why = this.dropped_now();
                // The panic of a producer's clean-up has nowhere to go from here.
                let _ = this.end(why);
            }
        }
    }
}

impl<S> StreamBody<S> {
    pub(crate) fn new<V, E>(
        source: Source<S>,
        length: Length,
        trailers: Option<Declared>,
        drain: Drain,
        controlled: Controlled,
    ) -> Self
    where
        S: Stream<Item = Result<V, E>>,
        V: Into<Bytes>,
        E: Into<BoxError>,
    {
        Self {
            source: Some(source),
            // A pointer rather than bounds on the body: where `V` is a `&'static str` the compiler could not prove them for a
            // body that lives in a spawned async block.
            poll: |stream, cx| stream.poll_next(cx).map(Polled::new),
            length,
            trailers,
            last: None,
            drain,
            controlled,
            failure: None,
        }
    }

    /// A host need not poll a body once it has all the bytes that were declared.
    fn dropped_now(&self) -> End {
        if self.length.rest() == Some(0) {
            return End::Finished;
        }
        self.controlled.dropped_now()
    }

    /// Drops the stream, once its producer knows why, then tells the host.
    fn end(self: Pin<&mut Self>, why: End) -> Result<(), Panicked> {
        let mut this = self.project();
        let dropped = Panicked::catch(|| {
            if let Some(source) = this.source.as_mut().as_pin_mut() {
                source.close(why);
            }
            this.source.set(None);
        });
        let why = if dropped.is_ok() { why } else { End::Failed };
        this.controlled.end(why);
        dropped
    }

    fn fail(self: Pin<&mut Self>, error: BoxError) -> BoxError {
        // The first failure is the one to report.
        let _ = self.end(End::Failed);
        error
    }

    /// The stream gave its last value.
    fn finish(mut self: Pin<&mut Self>) -> Result<Bytes, BoxError> {
        let (last, trailers) = match self.as_mut().finished() {
            Ok(finished) => finished,
            Err(error) => return Err(self.fail(error)),
        };
        self.as_mut().end(End::Finished)?;
        *self.project().last = trailers;
        Ok(last)
    }

    fn finished(self: Pin<&mut Self>) -> Result<(Bytes, Option<HeaderMap>), BoxError> {
        let this = self.project();
        let last = this.length.finish()?;
        let Some(mut trailers) = this.trailers.take() else {
            return Ok((last, None));
        };
        trailers.pass(&last)?;
        Ok((last, trailers.finish()?))
    }

    /// The value, once its trailers have seen it.
    fn pass(mut self: Pin<&mut Self>, value: Bytes) -> Result<Bytes, BoxError> {
        let passed = match self.as_mut().project().trailers {
            Some(trailers) => trailers.pass(&value),
            None => Ok(()),
        };
        match passed {
            Ok(()) => Ok(value),
            Err(panicked) => Err(self.fail(panicked.into())),
        }
    }

    /// The host drains, and the policy is not to wait any longer.
    fn cut(self: Pin<&mut Self>, why: End) -> Result<Bytes, BoxError> {
        let last = self.drain.last().filter(|_| self.length.rest().is_none());
        self.end(why)?;
        last.ok_or_else(|| Error::drained(why).into())
    }

    fn trailers(self: Pin<&mut Self>) -> Option<Result<Frame<Bytes>, BoxError>> {
        let trailers = self.project().last.take()?;
        Some(Ok(Frame::trailers(trailers)))
    }

    fn poll_source(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Polled> {
        let this = self.project();
        let Some(source) = this.source.as_pin_mut() else {
            return Poll::Ready(Polled::End);
        };
        let polled = Panicked::catch(|| (this.poll)(source.project().stream, cx));
        polled.unwrap_or_else(|panicked| Poll::Ready(Polled::Error(panicked.into())))
    }

    /// The next bytes; none at all when the stream has ended.
    fn poll_bytes(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Bytes, BoxError>> {
        let this = self.as_mut().project();
        if let Poll::Ready(why) = this.drain.poll(this.controlled, cx) {
            return Poll::Ready(self.cut(why));
        }
        for _ in 0..SKIPPED_AT_ONCE {
            let value = match ready!(self.as_mut().poll_source(cx)) {
                Polled::Value(value) => self.as_mut().project().length.pass(value),
                Polled::Error(error) => return Poll::Ready(Err(self.fail(error))),
                Polled::End => return Poll::Ready(self.finish()),
            };
            match value {
                Ok(value) if value.is_empty() => {}
                Ok(value) => return Poll::Ready(self.pass(value)),
                Err(error) => return Poll::Ready(Err(self.fail(error.into()))),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S> Body for StreamBody<S> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(error) = self.as_mut().project().failure.take() {
            return Poll::Ready(Some(Err(error)));
        }
        if self.source.is_none() {
            return Poll::Ready(self.trailers());
        }
        match ready!(self.as_mut().poll_bytes(cx)) {
            Ok(last) if last.is_empty() => Poll::Ready(self.trailers()),
            Ok(value) => Poll::Ready(Some(Ok(Frame::data(value)))),
            Err(error) => {
                // hyper writes out what it has when a body has to wait, and drops it when a body fails.
                *self.project().failure = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_none() && self.failure.is_none() && self.last.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if self.is_end_stream() {
            return SizeHint::with_exact(0);
        }
        self.length
            .rest()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl<S> fmt::Debug for StreamBody<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamBody")
            .field("ended", &self.is_end_stream())
            .field("rest", &self.length.rest())
            .field("drain", &self.drain)
            .finish_non_exhaustive()
    }
}

/// What a stream gave, in the terms of a body.
enum Polled {
    Value(Bytes),
    Error(BoxError),
    End,
}

impl Polled {
    fn new<V: Into<Bytes>, E: Into<BoxError>>(item: Option<Result<V, E>>) -> Self {
        match item {
            Some(Ok(value)) => Self::Value(value.into()),
            Some(Err(error)) => Self::Error(error.into()),
            None => Self::End,
        }
    }
}
