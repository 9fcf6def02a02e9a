//! Streams from blocking producers.

use std::{
    fmt,
    future::Future,
    io::Write,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use peristyle_core::{
    BoxError, End, Panicked,
    channel::{Receiver, Sender},
};
use tokio::task::{JoinError, JoinHandle, spawn_blocking};

use crate::{Error, Streaming, Writer, source::Source};

/// How many values of up to 16 KiB wait for the host.
const CAPACITY: usize = 4;

type Outcome = Result<(), BoxError>;

/// A stream of what a blocking function writes. The function runs on tokio's blocking pool, from the first poll of the body.
///
/// When the client reads slowly the writer blocks: beyond what the host holds, at most 4 values of 16 KiB wait, and one is
/// being written. When the stream ends early the next or the blocked call of the writer fails with
/// [`BrokenPipe`](std::io::ErrorKind::BrokenPipe). Returning well ends the stream; an error or a panic aborts it, after all
/// that was written before. A function that is between two writes cannot be stopped; it runs on, unheard, to its next one.
///
/// ```
/// use std::io::Write;
///
/// let streaming = peristyle_streaming::write_blocking(|out| {
///     writeln!(out, "id,name")?;
///     writeln!(out, "1,Ada")?;
///     Ok(())
/// });
/// # drop(streaming);
/// ```
///
/// A body that is polled outside of a tokio runtime fails, as if the function had panicked. A runtime that shuts down waits
/// for its blocking threads: a body that is kept beyond its runtime, unread, keeps it from ending.
pub fn write_blocking<F>(producer: F) -> Streaming<Blocking>
where
    F: FnOnce(&mut Writer) -> Result<(), BoxError> + Send + 'static,
{
    let (sender, receiver) = peristyle_core::channel(CAPACITY);
    let task = Task::Waiting(Box::new(|| run(producer, sender)));
    let close = |blocking: Pin<&mut Blocking>, why: End| blocking.get_mut().close(why);
    Streaming::of(Source::closed_by(Blocking { task, receiver }, close))
}

fn run(producer: impl FnOnce(&mut Writer) -> Outcome, sender: Sender<Bytes>) -> Outcome {
    let mut writer = Writer::new(sender);
    let outcome = Panicked::catch(|| producer(&mut writer));
    // What was written before an error or a panic is sent before it.
    let flushed = writer.flush();
    outcome??;
    Ok(flushed?)
}

/// See [`write_blocking`].
pub struct Blocking {
    task: Task,
    receiver: Receiver<Bytes>,
}

enum Task {
    Waiting(Box<dyn FnOnce() -> Outcome + Send>),
    Running(JoinHandle<Outcome>),
    Over,
}

impl Blocking {
    fn close(&mut self, why: End) {
        self.receiver.close(why);
        // It may still be in the queue of the pool.
        if let Task::Running(handle) = &self.task {
            handle.abort();
        }
    }
}

impl Task {
    fn start(&mut self) {
        *self = match mem::replace(self, Self::Over) {
            Self::Waiting(run) => Self::Running(spawn_blocking(run)),
            other => other,
        };
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Outcome> {
        let Self::Running(handle) = self else {
            return Poll::Ready(Ok(()));
        };
        let joined = ready!(Pin::new(handle).poll(cx));
        *self = Self::Over;
        Poll::Ready(joined.unwrap_or_else(|error| Err(not_joined(error))))
    }
}

fn not_joined(error: JoinError) -> BoxError {
    match error.try_into_panic() {
        Ok(payload) => Panicked::new(payload).into(),
        Err(_) => Error::not_run().into(),
    }
}

impl Stream for Blocking {
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.task.start();
        if let Some(Ok(value)) = ready!(self.receiver.poll_recv(cx)) {
            return Poll::Ready(Some(Ok(value)));
        }
        // The writer is gone. Whether its producer returned well is known to the task alone.
        let outcome = ready!(self.task.poll_outcome(cx));
        Poll::Ready(outcome.err().map(Err))
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let running = matches!(self.task, Task::Running(_));
        f.debug_struct("Blocking")
            .field("running", &running)
            .finish_non_exhaustive()
    }
}
