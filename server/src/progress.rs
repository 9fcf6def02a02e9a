//! Whether the client of an HTTP/2 stream takes what is sent to it.

use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use peristyle_core::{Control, End};
use tokio::{task_local, time::Instant};

use crate::deadline::Deadline;

task_local! {
    static TASK: Progress;
}

/// How far the body of a stream's response has come. The connection asks for a piece when the client's flow control has let
/// the piece before pass.
#[derive(Clone, Default)]
pub(crate) struct Progress(Arc<State>);

#[derive(Default)]
struct State {
    /// Counts up with each piece that is sent and each that is asked for; odd while a piece waits to be taken.
    steps: AtomicUsize,
    stalled: AtomicBool,
    control: OnceLock<Control>,
}

impl Progress {
    /// That of the stream whose task this is; `None` where a task is more than one stream.
    pub(crate) fn of_task(control: Option<Control>) -> Option<Self> {
        let progress = TASK.try_with(Self::clone).ok()?;
        if let Some(control) = control {
            // A stream has one response.
            let _second = progress.0.control.set(control);
        }
        Some(progress)
    }

    pub(crate) fn sent(&self) {
        self.0.steps.fetch_or(1, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) {
        let steps = &self.0.steps;
        if waits(steps.load(Ordering::Relaxed)) {
            steps.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn has_stalled(&self) -> bool {
        self.0.stalled.load(Ordering::Relaxed)
    }

    fn stall(&self) {
        self.0.stalled.store(true, Ordering::Relaxed);
        if let Some(control) = self.0.control.get() {
            control.cut(End::Stalled);
        }
    }
}

/// Whether a piece waits to be taken.
fn waits(steps: usize) -> bool {
    steps % 2 == 1
}

/// Polls the task of a stream to its end, or until its client has taken nothing for this long.
pub(crate) async fn within(limit: Duration, task: impl Future<Output = ()>) {
    let progress = Progress::default();
    let mut task = pin!(TASK.scope(progress.clone(), task));
    let mut stall = Stall::default();
    std::future::poll_fn(|cx| {
        if task.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        stall.poll(&progress, limit, cx)
    })
    .await;
}

#[derive(Default)]
struct Stall {
    steps: usize,
    deadline: Deadline,
}

impl Stall {
    fn poll(&mut self, progress: &Progress, limit: Duration, cx: &mut Context<'_>) -> Poll<()> {
        let steps = progress.0.steps.load(Ordering::Relaxed);
        if !waits(steps) {
            return Poll::Pending;
        }
        if steps != self.steps {
            self.steps = steps;
            self.deadline.set(Instant::now(), limit);
        }
        if self.deadline.poll(cx).is_pending() {
            return Poll::Pending;
        }
        tracing::debug!("the client takes nothing of a stream");
        progress.stall();
        Poll::Ready(())
    }
}
