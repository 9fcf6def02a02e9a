//! A channel together with the function that fills it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use futures_core::Stream;

use super::{Aborted, Receiver, Sender, channel};
use crate::{BoxError, BoxFuture, End, IntoOutcome, Panicked};

/// A stream of what a producer function sends.
///
/// The function runs as part of the stream, whenever it is polled and all that was sent is taken, and starts with the first
/// poll: it needs no task of its own, is never ahead of the consumer by more than the capacity, and is dropped with the stream. Returning well is the
/// clean end; an error or a panic aborts, after what was sent before.
///
/// ```
/// use peristyle_core::{BoxError, channel::produce};
/// use tokio_test::assert_ready_eq;
///
/// let squares = produce(4, |sender| async move {
///     for n in 1..=3_u32 {
///         sender.send(n * n).await?;
///     }
///     Ok::<(), BoxError>(())
/// });
///
/// let mut squares = tokio_test::task::spawn(squares);
/// for expected in [Some(1), Some(4), Some(9), None] {
///     assert_ready_eq!(squares.poll_next().map(|next| next.map(|value| value.expect("no abort"))), expected);
/// }
/// ```
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
        failed: false,
    }
}

/// See [`produce`].
pub struct Produced<V> {
    /// `None` once it has returned.
    producer: Option<BoxFuture<'static, Result<(), BoxError>>>,
    receiver: Receiver<V>,
    failure: Option<BoxError>,
    /// An error was given out.
    failed: bool,
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
        let outcome = match Panicked::catch(|| producer.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return,
            Ok(Poll::Ready(outcome)) => outcome,
            Err(panicked) => Err(panicked.into()),
        };
        let dropped = self.drop_producer();
        match outcome.and(dropped) {
            Ok(()) => self.receiver.forgive(),
            Err(failure) => self.failure = Some(failure),
        }
    }

    fn drop_producer(&mut self) -> Result<(), BoxError> {
        let producer = self.producer.take();
        Panicked::catch(|| drop(producer)).map_err(Into::into)
    }

    /// The one error that the stream gives: what the producer ended with says more than that its sender was dropped.
    fn fail(&mut self, aborted: Aborted) -> Aborted {
        self.failed = true;
        // Nothing that it does from here on can be heard, not even a panic.
        let _ = self.drop_producer();
        match self.failure.take() {
            Some(failure) if aborted.is_dropped() || failure.is::<Panicked>() => {
                Aborted::because(failure)
            }
            _ => aborted,
        }
    }
}

impl<V> Stream for Produced<V> {
    type Item = Result<V, Aborted>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.failed {
            return Poll::Ready(None);
        }
        // The producer gets its turn when all it sent is taken: once for as many values as fit, not for each.
        if let Some(value) = this.receiver.try_take() {
            return Poll::Ready(Some(Ok(value)));
        }
        this.poll_producer(cx);
        let running = this.producer.is_some();
        match this.receiver.poll_item(cx) {
            // How the producer returns will decide.
            Poll::Ready(Some(Err(aborted))) if aborted.is_dropped() && running => Poll::Pending,
            Poll::Ready(Some(Err(aborted))) => Poll::Ready(Some(Err(this.fail(aborted)))),
            Poll::Ready(None) if running => Poll::Pending,
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
