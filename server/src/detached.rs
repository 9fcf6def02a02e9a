//! Executions that go on although their client has left.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, ready},
};

use peristyle_core::BoxFuture;
use tokio::{runtime::Handle, task::JoinSet};
use tracing::{Instrument, Span};

use crate::answering::Walked;

/// The tasks of a server's detached executions. They end with the server.
#[derive(Debug, Clone)]
pub(crate) struct Detached(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    tasks: JoinSet<()>,
    /// How many may run at a time; none when the server has ended.
    limit: usize,
}

/// A client can come, have an execution detached, and leave, as often as it likes.
pub(crate) const LIMIT: usize = 1024;

impl Detached {
    pub(crate) fn new(limit: usize) -> Self {
        let tasks = JoinSet::new();
        Self(Arc::new(Mutex::new(State { tasks, limit })))
    }

    /// Goes on with an execution, in its span. Where it cannot be, it is dropped, and so cancelled.
    pub(crate) fn spawn(&self, rest: BoxFuture<'static, Walked>, span: Span) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut state = self.lock();
        while state.tasks.try_join_next().is_some() {}
        if state.tasks.len() < state.limit {
            let rest = async move { drop(rest.await) };
            state.tasks.spawn_on(rest.instrument(span), &runtime);
            return;
        }
        let limit = state.limit;
        // What is cancelled with it is foreign code.
        drop(state);
        span.in_scope(|| drop(rest));
        tracing::warn!(limit, "a detached execution was cancelled: too many run");
    }

    /// Those that run already go on.
    pub(crate) fn set_limit(&self, limit: usize) {
        self.lock().limit = limit;
    }

    /// Waits until none runs.
    pub(crate) async fn finished(&self) {
        poll_fn(|cx| {
            let mut state = self.lock();
            while ready!(state.tasks.poll_join_next(cx)).is_some() {}
            Poll::Ready(())
        })
        .await;
    }

    /// Cancels all, and those that still come.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.limit = 0;
        state.tasks.abort_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
