//! Streams from core's channel of many values.

use std::{future::Future, pin::Pin};

use peristyle_core::{
    End, IntoOutcome,
    channel::{self as core, Produced, Receiver, Sender},
};

use crate::{Streaming, source::Source};

/// A channel whose receiver is the stream. It holds up to `capacity` values; senders wait when it is full.
///
/// Its senders learn at once when and why the stream ends early. One that is dropped before it
/// [finishes](Sender::finish) aborts the stream; see [core's channel](mod@peristyle_core::channel).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let (sender, streaming) = peristyle_streaming::channel(16);
/// let response = streaming.into_response();
/// sender.send("one\n").await?;
/// sender.finish();
/// # drop(response);
/// # Ok(())
/// # }
/// ```
///
/// # Panics
///
/// When `capacity` is 0.
#[track_caller]
pub fn channel<V>(capacity: usize) -> (Sender<V>, Streaming<Receiver<V>>) {
    let (sender, receiver) = peristyle_core::channel(capacity);
    (sender, receiver.into())
}

/// A stream of what an async function sends, with up to `capacity` values waiting.
///
/// The function starts when the body is first polled, runs as part of it, and is dropped with it. Returning well ends the
/// stream; an error or a panic aborts it, after what was sent before. Both are the source of an
/// [`Aborted`](core::Aborted).
///
/// # Panics
///
/// When `capacity` is 0.
#[track_caller]
pub fn produce<V, F, Fut>(capacity: usize, producer: F) -> Streaming<Produced<V>>
where
    F: FnOnce(Sender<V>) -> Fut + Send + 'static,
    Fut: Future<Output: IntoOutcome> + Send,
    V: Send + 'static,
{
    core::produce(capacity, producer).into()
}

/// For a channel with settings of its own.
///
/// ```
/// use bytes::Bytes;
/// use peristyle_core::channel::Builder;
/// use peristyle_streaming::Streaming;
///
/// let (sender, receiver) = Builder::new(100).bytes(64 * 1024, Bytes::len).build();
/// let streaming = Streaming::from(receiver);
/// # drop((sender, streaming));
/// ```
impl<V> From<Receiver<V>> for Streaming<Receiver<V>> {
    fn from(receiver: Receiver<V>) -> Self {
        let close = |receiver: Pin<&mut Receiver<V>>, why: End| receiver.get_mut().close(why);
        Self::of(Source::closed_by(receiver, close))
    }
}

impl<V> From<Produced<V>> for Streaming<Produced<V>> {
    fn from(produced: Produced<V>) -> Self {
        let close = |produced: Pin<&mut Produced<V>>, why: End| produced.get_mut().close(why);
        Self::of(Source::closed_by(produced, close))
    }
}
