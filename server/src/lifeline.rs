//! Whether the client of an exchange is still there.

use std::{
    fmt,
    future::Future,
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    task::{Context, Poll},
};

use peristyle_core::ExecutionId;
use tokio::sync::Notify;

/// Owned by what serves the client: first the future of the response, then its body. Dropped before
/// [`served`](Self::served) it tells that the client left.
#[derive(Debug)]
pub(crate) struct Lifeline {
    line: Line,
    /// Of the execution that made the response.
    id: ExecutionId,
}

/// How an exchange came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Exit {
    /// The client left, or the server gave up on it, before the response was complete.
    Left,
    /// The whole response was handed to the connection.
    Served,
}

impl Lifeline {
    pub(crate) fn new(id: ExecutionId) -> Self {
        let line = Line::default();
        Self { line, id }
    }

    pub(crate) fn id(&self) -> &ExecutionId {
        &self.id
    }

    /// For the exchange, to be watched there.
    pub(crate) fn line(&self) -> Line {
        self.line.clone()
    }

    pub(crate) fn served(&self) {
        self.line.end(Exit::Served);
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.line.end(Exit::Left);
    }
}

/// The end of a lifeline that an exchange has.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<State>);

#[derive(Default)]
struct State {
    /// The first end counts.
    exit: OnceLock<Exit>,
    ended: Notify,
}

impl Line {
    pub(crate) fn watch(&self) -> Disconnected {
        let line = self.clone();
        Disconnected(Box::pin(async move { line.exit().await }))
    }

    async fn exit(&self) -> Exit {
        let mut ended = pin!(self.0.ended.notified());
        // From here on an end is not missed, so that it can be looked for.
        ended.as_mut().enable();
        if let Some(exit) = self.0.exit.get() {
            return *exit;
        }
        ended.await;
        self.0.exit.get().copied().unwrap_or(Exit::Left)
    }

    fn end(&self, exit: Exit) {
        if self.0.exit.set(exit).is_ok() {
            self.0.ended.notify_waiters();
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("exit", &self.0.exit.get())
            .finish_non_exhaustive()
    }
}

/// Resolves when an exchange is over; see [`Exchange::disconnected`](crate::Exchange::disconnected).
pub struct Disconnected(Pin<Box<dyn Future<Output = Exit> + Send + Sync>>);

impl Future for Disconnected {
    type Output = Exit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Exit> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Disconnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disconnected").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio_test::{assert_pending, assert_ready_eq, task};

    use super::*;

    #[test]
    fn a_stage_may_hold_a_reference_to_it_across_an_await() {
        fn shared<T: Send + Sync>() {}
        shared::<Disconnected>();
        shared::<crate::Exchange>();
    }

    #[test]
    fn who_watches_before_and_who_watches_after_learn_the_same_end() {
        for (served, exit) in [(true, Exit::Served), (false, Exit::Left)] {
            let lifeline = Lifeline::new(ExecutionId::next());
            let line = lifeline.line();
            let mut before = task::spawn(line.watch());
            assert_pending!(before.poll());
            if served {
                lifeline.served();
            }
            drop(lifeline);
            assert!(before.is_woken());
            assert_ready_eq!(before.poll(), exit);
            assert_ready_eq!(task::spawn(line.watch()).poll(), exit);
        }
    }
}
