//! Whether the client of an exchange is still there.

use std::{
    fmt,
    future::Future,
    mem,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use http::StatusCode;
use peristyle_core::OnDetach;
use tokio::{sync::Notify, time::Instant};

use crate::{
    Ended, Exit,
    ended::{self, Hook},
};

/// Owned by what serves the client: first the future of the response, then its body. Dropped before it was ended, it tells
/// that the client left.
pub(crate) struct Lifeline {
    /// `None` when nobody can ask for it any more.
    line: Option<Line>,
    began: Instant,
    status: Option<StatusCode>,
    bytes: u64,
}

impl Lifeline {
    pub(crate) fn new() -> Self {
        Self {
            line: Some(Line::default()),
            began: Instant::now(),
            status: None,
            bytes: 0,
        }
    }

    /// For the exchange, to be watched there.
    pub(crate) fn line(&self) -> Line {
        self.line.clone().unwrap_or_default()
    }

    /// Keeps nothing for those who watch, if there are none. From here on nobody can begin to.
    pub(crate) fn settle(&mut self) {
        if self.is_unwatched() {
            self.line = None;
        }
    }

    /// Whether nobody can ask for its end.
    pub(crate) fn is_unwatched(&mut self) -> bool {
        let line = self.line.as_mut();
        let state = line.and_then(|line| Arc::get_mut(&mut line.0));
        state.is_some_and(State::is_unwatched)
    }

    /// The response's head is known.
    pub(crate) fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    /// So much of the response's body was handed to the connection.
    pub(crate) fn sent(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Only the first end counts.
    pub(crate) fn end(&mut self, exit: Exit) {
        if self.is_unwatched() {
            return;
        }
        let line = self.line.as_ref();
        if let Some(line) = line.filter(|line| line.0.ended.get().is_none()) {
            line.0.end(Ended {
                status: self.status,
                bytes: self.bytes,
                elapsed: self.began.elapsed(),
                exit,
            });
        }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        self.end(Exit::Left);
    }
}

impl fmt::Debug for Lifeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lifeline").field(&self.line).finish()
    }
}

/// The end of a lifeline that an exchange has.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<State>);

#[derive(Default)]
struct State {
    /// Set under the lock of the hooks, so that none is added to them after they were called.
    ended: OnceLock<Ended>,
    told: Notify,
    hooks: Mutex<Vec<Hook>>,
    /// The execution is to run to its end, whether or not the client is there.
    detached: AtomicBool,
    /// It goes on without its client.
    abandoned: AtomicBool,
}

impl OnDetach for State {
    fn detached(&self) {
        self.detached.store(true, Ordering::Relaxed);
    }
}

impl Line {
    /// Who is told that the execution is detached.
    pub(crate) fn on_detach(&self) -> Arc<dyn OnDetach> {
        Arc::clone(&self.0) as _
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.0.detached.load(Ordering::Relaxed)
    }

    /// The execution goes on without its client.
    pub(crate) fn abandon(&self) {
        self.0.abandoned.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_abandoned(&self) -> bool {
        self.0.abandoned.load(Ordering::Relaxed)
    }

    pub(crate) fn watch(&self) -> Disconnected {
        let line = self.clone();
        Disconnected(Box::pin(async move { line.exit().await }))
    }

    /// Calls `hook` with the end, at once if it has come already.
    pub(crate) fn on_ended(&self, hook: Hook) {
        let mut hooks = self.0.hooks();
        let Some(ended) = self.0.ended.get() else {
            return hooks.push(hook);
        };
        drop(hooks);
        ended::tell(ended, vec![hook]);
    }

    async fn exit(&self) -> Exit {
        let mut told = pin!(self.0.told.notified());
        // From here on an end is not missed, so that it can be looked for.
        told.as_mut().enable();
        if let Some(ended) = self.0.ended.get() {
            return ended.exit();
        }
        told.await;
        self.0.ended.get().map_or(Exit::Left, Ended::exit)
    }
}

impl State {
    fn end(&self, ended: Ended) {
        let mut hooks = self.hooks();
        if self.ended.set(ended).is_err() {
            return;
        }
        let called = mem::take(&mut *hooks);
        drop(hooks);
        self.told.notify_waiters();
        if let Some(ended) = self.ended.get() {
            ended::tell(ended, called);
        }
    }

    /// Whether nobody waits to be told; who holds no line cannot begin to.
    fn is_unwatched(&mut self) -> bool {
        let hooks = self.hooks.get_mut();
        hooks.is_ok_and(|hooks| hooks.is_empty())
    }

    /// What is called with it locked is never foreign code.
    fn hooks(&self) -> MutexGuard<'_, Vec<Hook>> {
        self.hooks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line")
            .field("ended", &self.0.ended.get())
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
            let mut lifeline = Lifeline::new();
            let line = lifeline.line();
            let mut before = task::spawn(line.watch());
            assert_pending!(before.poll());
            if served {
                lifeline.end(Exit::Served);
            }
            drop(lifeline);
            assert!(before.is_woken());
            assert_ready_eq!(before.poll(), exit);
            assert_ready_eq!(task::spawn(line.watch()).poll(), exit);
        }
    }
}
