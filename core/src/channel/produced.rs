//! A channel together with the function that fills it.

use std::{
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{Aborted, Receiver, Sender, channel};
use crate::{BoxError, BoxFuture, End, IntoOutcome, error::Panicked};

/// A stream of what a producer function sends.
///
/// The function runs as part of the stream, whenever it is polled, and starts with the first poll: it needs no task of its
/// own, is never ahead of the consumer by more than the capacity, and is dropped with the stream. Returning well is the
/// clean end; an error or a panic aborts, after what was sent before.
///
/// # Panics
///
/// When `capacity` is 0.
#[track_caller]
pub fn produce<V, F, Fut>(capacity: usize, producer: F) -> Produced<V>
where
    F: FnOnce(Sender<V>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoOutcome> + Send,
    V: Send + 'static,
{
    let (sender, receiver) = channel(capacity);
    Produced {
        producer: Some(Box::pin(
            async move { producer(sender).await.into_outcome() },
        )),
        receiver,
        failure: None,
    }
}

/// See [`produce`].
pub struct Produced<V> {
    /// `None` once it has returned.
    producer: Option<BoxFuture<'static, Result<(), BoxError>>>,
    receiver: Receiver<V>,
    failure: Option<BoxError>,
}

impl<V> Produced<V> {
    /// Tells the producer why it will not be heard further; see [`Receiver::close`].
    pub fn close(&mut self, why: End) {
        self.receiver.close(why);
    }

    fn poll_producer(&mut self, cx: &mut Context<'_>) {
        let Some(producer) = &mut self.producer else {
            return;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| producer.as_mut().poll(cx)));
        let outcome = match polled {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(payload) => Err(Panicked::new(&*payload).into()),
        };
        self.failure = outcome.err();
        let producer = self.producer.take();
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(producer))) {
            let panicked = Panicked::new(&*payload);
            self.failure.get_or_insert_with(|| panicked.into());
        }
    }
}

impl<V> Stream for Produced<V> {
    type Item = Result<V, Aborted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.poll_producer(cx);
        let received = match this.receiver.poll_recv(cx) {
            Poll::Ready(Some(Err(aborted))) if aborted.is_dropped() => Poll::Ready(None),
            received => received,
        };
        match received {
            Poll::Ready(None) if this.producer.is_some() => Poll::Pending,
            Poll::Ready(None) => {
                let failure = this.failure.take().map(Aborted::because);
                Poll::Ready(failure.map(Err))
            }
            received => received,
        }
    }
}

impl<V> fmt::Debug for Produced<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Produced")
            .field("running", &self.producer.is_some())
            .field("receiver", &self.receiver)
            .finish_non_exhaustive()
    }
}
