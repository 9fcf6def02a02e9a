//! The body of a response on its way to the connection.

use std::{
    error, fmt, future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::{Body as _, Frame, SizeHint};
use peristyle_core::{BoxError, BoxFuture};
use tokio::sync::Notify;

use crate::{Body, Response, causes::Causes, lifeline::Lifeline};

/// A response's body, which is as long as declared or fails, and holds back its failure until all before it has been written.
///
/// A connection is cut off the moment a body fails. What the body yielded just before may still lie in a buffer then, and
/// the client would lose it.
pub(crate) struct Outgoing {
    body: Body,
    failure: Option<(BoxError, Flush)>,
    flushes: Flushes,
    lifeline: Lifeline,
    /// What is left of the declared length. A connection may drop a body that has sent it all, without asking for its end.
    left: Option<u64>,
    /// What the body yielded after all that was declared: trailers.
    ahead: Option<Frame<Bytes>>,
    /// The body was polled to its end.
    ended: bool,
}

impl Outgoing {
    /// The response with its body as it is sent.
    pub(crate) fn respond(
        response: Response,
        to_head: bool,
        flushes: Flushes,
        lifeline: Lifeline,
    ) -> http::Response<Self> {
        let declared = (!to_head).then(|| declared(response.headers())).flatten();
        response.map(|body| Self::new(body, declared, flushes, lifeline))
    }

    fn new(body: Body, declared: Option<u64>, flushes: Flushes, lifeline: Lifeline) -> Self {
        let outgoing = Self {
            ended: body.is_end_stream(),
            body,
            failure: None,
            flushes,
            lifeline,
            left: declared,
            ahead: None,
        };
        if http_body::Body::is_end_stream(&outgoing) {
            outgoing.lifeline.served();
        }
        outgoing
    }

    /// The next frame, counted.
    fn poll_counted(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, BoxError>> {
        if let Some(trailers) = self.ahead.take() {
            return Poll::Ready(Ok(Some(trailers)));
        }
        let Some(frame) = ready!(self.poll_body(cx))? else {
            let missing = self.left.filter(|&left| left > 0);
            return Poll::Ready(missing.map_or(Ok(None), |missing| Err(TooShort(missing).into())));
        };
        let length = length(&frame);
        let Some(left) = self.left else {
            return Poll::Ready(Ok(Some(frame)));
        };
        let left = left.checked_sub(length).ok_or(TooLong)?;
        self.left = Some(left);
        if left == 0 && length > 0 {
            self.look_ahead(cx)?;
        }
        Poll::Ready(Ok(Some(frame)))
    }

    /// A response of declared length is complete with its last byte, and the connection may not ask the body for more. What
    /// the body says at once is known before that byte is sent; the byte does not wait for what the body says later.
    fn look_ahead(&mut self, cx: &mut Context<'_>) -> Result<(), BoxError> {
        while self.ahead.is_none() && !self.ended {
            match self.poll_body(cx)? {
                Poll::Ready(Some(frame)) if length(&frame) > 0 => return Err(TooLong.into()),
                Poll::Ready(Some(frame)) => self.ahead = Some(frame).filter(Frame::is_trailers),
                Poll::Ready(None) | Poll::Pending => return Ok(()),
            }
        }
        Ok(())
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Frame<Bytes>>, BoxError>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        self.ended = frame.is_none() || self.body.is_end_stream();
        Poll::Ready(frame.transpose())
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| data.len() as u64)
}

/// The length that a head declares.
pub(crate) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body that ended this many bytes before its declared length.
#[derive(Debug)]
struct TooShort(u64);

impl fmt::Display for TooShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the body ended {} bytes before its declared length",
            self.0
        )
    }
}

impl error::Error for TooShort {}

/// A body that went on after its declared length.
#[derive(Debug)]
struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body is longer than its declared length")
    }
}

impl error::Error for TooLong {}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.failure.is_none() {
            match ready!(this.poll_counted(cx)) {
                Ok(frame) => {
                    if frame.is_none() || this.left == Some(0) || this.is_end_stream() {
                        this.lifeline.served();
                    }
                    return Poll::Ready(frame.map(Ok));
                }
                Err(error) => {
                    let (id, causes) = (this.lifeline.id(), Causes(&*error));
                    tracing::error!(%id, error = %causes, "a response is cut off");
                    this.failure = Some((error, this.flushes.next()));
                }
            }
        }
        if let Some((_, flush)) = &mut this.failure {
            ready!(flush.as_mut().poll(cx));
        }
        Poll::Ready(this.failure.take().map(|(error, _)| Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        let whole = self.left.is_none_or(|left| left == 0);
        self.ended && whole && self.ahead.is_none() && self.failure.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        self.left
            .map_or_else(|| self.body.size_hint(), SizeHint::with_exact)
    }
}

/// Tells bodies when what they had yielded has been written to the socket.
#[derive(Clone, Default)]
pub(crate) struct Flushes(Option<Arc<State>>);

/// Resolves at the end of a flush.
type Flush = BoxFuture<'static, ()>;

#[derive(Default)]
struct State {
    ended: Arc<Notify>,
    /// The task that flushes. It is woken because it may have written everything already, and would never flush again.
    connection: Mutex<Option<Waker>>,
}

impl Flushes {
    pub(crate) fn watched() -> Self {
        Self(Some(Arc::default()))
    }

    /// The next flush to end. Where there is no connection, nothing waits to be flushed.
    fn next(&self) -> Flush {
        let Some(state) = &self.0 else {
            return Box::pin(future::ready(()));
        };
        let ended = Arc::clone(&state.ended).notified_owned();
        let connection = state.connection().clone();
        connection.iter().for_each(Waker::wake_by_ref);
        Box::pin(ended)
    }

    /// A flush begins, or goes on.
    pub(crate) fn poll(&self, cx: &Context<'_>) {
        let Some(state) = &self.0 else { return };
        let mut connection = state.connection();
        match &mut *connection {
            Some(waker) => waker.clone_from(cx.waker()),
            none => *none = Some(cx.waker().clone()),
        }
    }

    /// A flush has ended: all that the connection had is written.
    pub(crate) fn ended(&self) {
        if let Some(state) = &self.0 {
            state.ended.notify_waiters();
        }
    }
}

impl State {
    fn connection(&self) -> MutexGuard<'_, Option<Waker>> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use peristyle_core::ExecutionId;
    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    struct Broken;

    impl http_body::Body for Broken {
        type Data = Bytes;
        type Error = BoxError;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
            Poll::Ready(Some(Err("broken".into())))
        }
    }

    fn broken(flushes: &Flushes) -> Outgoing {
        let body = Body::new(Broken);
        let lifeline = Lifeline::new(ExecutionId::next());
        Outgoing::new(body, None, flushes.clone(), lifeline)
    }

    /// What flushes may have written all before, and would then never be polled again.
    #[test]
    fn a_failure_wakes_the_connection_and_waits_for_its_next_flush() {
        let flushes = Flushes::watched();
        let mut connection = task::spawn(());
        connection.enter(|cx, _| flushes.poll(cx));
        flushes.ended();
        let mut body = task::spawn(broken(&flushes));
        assert_pending!(body.enter(|cx, body| body.poll_frame(cx)));
        assert!(connection.is_woken());
        assert!(!body.is_woken());
        flushes.ended();
        assert!(body.is_woken());
        let failed = body.enter(|cx, body| body.poll_frame(cx));
        let error = assert_ready!(failed).unwrap().unwrap_err();
        assert_eq!(error.to_string(), "broken");
    }

    #[test]
    fn a_failure_without_a_connection_comes_at_once() {
        let mut body = task::spawn(broken(&Flushes::default()));
        let failed = body.enter(|cx, body| body.poll_frame(cx));
        assert!(assert_ready!(failed).unwrap().is_err());
    }
}
