//! The body of a response on its way to the connection.

use std::{
    future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::{Body as _, Frame, SizeHint};
use peristyle_core::{BoxError, BoxFuture};
use tokio::sync::Notify;

use crate::{Body, lifeline::Lifeline};

/// A response's body, which holds back its failure until all before it has been written.
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
}

impl Outgoing {
    pub(crate) fn new(
        body: Body,
        declared: Option<u64>,
        flushes: Flushes,
        lifeline: Lifeline,
    ) -> Self {
        let outgoing = Self {
            body,
            failure: None,
            flushes,
            lifeline,
            left: declared,
        };
        if outgoing.body.is_end_stream() {
            outgoing.lifeline.served();
        }
        outgoing
    }

    fn sent(&mut self, frame: &Frame<Bytes>) {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.left = self.left.map(|left| left.saturating_sub(length));
    }
}

/// The length that a head declares.
pub(crate) fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

impl http_body::Body for Outgoing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        if this.failure.is_none() {
            let frame = ready!(Pin::new(&mut this.body).poll_frame(cx));
            if let Some(Err(error)) = frame {
                this.failure = Some((error, this.flushes.next()));
            } else {
                if let Some(Ok(frame)) = &frame {
                    this.sent(frame);
                }
                if frame.is_none() || this.left == Some(0) || this.body.is_end_stream() {
                    this.lifeline.served();
                }
                return Poll::Ready(frame);
            }
        }
        if let Some((_, flush)) = &mut this.failure {
            ready!(flush.as_mut().poll(cx));
        }
        Poll::Ready(this.failure.take().map(|(error, _)| Err(error)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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
        Outgoing::new(body, None, flushes.clone(), Lifeline::new())
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
