//! The body of a response on its way to the connection.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_LENGTH};
use http_body::{Body as _, Frame, SizeHint};
use peristyle_core::BoxError;

use crate::{Body, lifeline::Lifeline};

/// A response's body, which holds back its failure until all before it has been written.
///
/// A connection is cut off the moment a body fails. What the body yielded just before may still lie in a buffer then, and
/// the client would lose it.
pub(crate) struct Outgoing {
    body: Body,
    failure: Option<BoxError>,
    written: Written,
    lifeline: Lifeline,
    /// What is left of the declared length. A connection may drop a body that has sent it all, without asking for its end.
    left: Option<u64>,
}

impl Outgoing {
    pub(crate) fn new(
        body: Body,
        declared: Option<u64>,
        written: Written,
        lifeline: Lifeline,
    ) -> Self {
        let mut outgoing = Self {
            body,
            failure: None,
            written,
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
            match Pin::new(&mut this.body).poll_frame(cx) {
                Poll::Ready(Some(Err(error))) => this.failure = Some(error),
                Poll::Ready(frame) => {
                    this.written.expect_more();
                    if let Some(Ok(frame)) = &frame {
                        this.sent(frame);
                    }
                    if frame.is_none() || this.left == Some(0) || this.body.is_end_stream() {
                        this.lifeline.served();
                    }
                    return Poll::Ready(frame);
                }
                Poll::Pending => return Poll::Pending,
            }
        }
        match this.written.poll(cx) {
            Poll::Ready(()) => Poll::Ready(this.failure.take().map(Err)),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Whether all that a connection's bodies have yielded was written to the socket.
#[derive(Clone, Default)]
pub(crate) struct Written(Option<Arc<State>>);

#[derive(Default)]
struct State {
    more: AtomicBool,
    waiting: Mutex<Vec<Waker>>,
}

impl Written {
    pub(crate) fn tracked() -> Self {
        Self(Some(Arc::default()))
    }

    /// Something was yielded that is yet to be written.
    fn expect_more(&self) {
        if let Some(state) = &self.0 {
            state.more.store(true, Ordering::Release);
        }
    }

    /// The connection has written all that it had.
    pub(crate) fn all(&self) {
        let Some(state) = &self.0 else { return };
        if state.more.swap(false, Ordering::AcqRel) {
            let waiting = std::mem::take(&mut *lock(&state.waiting));
            waiting.into_iter().for_each(Waker::wake);
        }
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let Some(state) = &self.0 else {
            return Poll::Ready(());
        };
        let mut waiting = lock(&state.waiting);
        if !state.more.load(Ordering::Acquire) {
            return Poll::Ready(());
        }
        if !waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            waiting.push(cx.waker().clone());
        }
        Poll::Pending
    }
}

fn lock(waiting: &Mutex<Vec<Waker>>) -> std::sync::MutexGuard<'_, Vec<Waker>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
