//! Executions that may outlive the one who waits for them.

use std::{
    error, fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{self, Poll},
};

use crate::{BoxFuture, Chain, Context, Error, execution::Run, walk::Heading};

/// An execution with its context, and how it ended.
pub type Rest<T> = BoxFuture<'static, (Box<Context<T>>, Result<(), Error>)>;

/// Who goes on with an execution that was detached: any function that takes its rest, or a type of the host's own.
pub trait Host<T> {
    /// Runs `rest` to its end, on a task for instance. Dropping it cancels the execution.
    fn spawn(self, rest: Rest<T>);
}

impl<T, F: FnOnce(Rest<T>)> Host<T> for F {
    fn spawn(self, rest: Rest<T>) {
        self(rest);
    }
}

/// A run of a chain that owns its context; see [`Chain::run_detachable`].
///
/// # Cancel safety
///
/// Dropping it before a stage has called [`Context::detach`] drops the stage where it waits and cancels what was entered.
/// Dropping it later hands the rest of the run to the host.
///
/// # Panics
///
/// When it is polled after it has ended. A panic of the host leaves the drop that calls it.
#[must_use = "futures do nothing unless polled"]
pub struct Detachable<T, H: Host<T>> {
    /// `None` once it has ended.
    rest: Option<Rest<T>>,
    detached: Arc<AtomicBool>,
    host: Option<H>,
}

impl<T: Send + 'static, H: Host<T>> Detachable<T, H> {
    pub(crate) fn new(chain: &Chain<T>, mut cx: Box<Context<T>>, host: H) -> Self {
        let detached = Arc::new(AtomicBool::new(false));
        cx.on_detach(Arc::clone(&detached) as Arc<dyn OnDetach>);
        let chain = chain.clone();
        let rest = Box::pin(async move {
            let result = Run::new(&mut cx, chain, Heading::In, None).whole().await;
            cx.forbid_detaching();
            (cx, result)
        });
        Self {
            rest: Some(rest),
            detached,
            host: Some(host),
        }
    }
}

/// Nothing of it is pinned but the rest, which is boxed.
impl<T, H: Host<T>> Unpin for Detachable<T, H> {}

impl<T, H: Host<T>> Future for Detachable<T, H> {
    type Output = (Box<Context<T>>, Result<(), Error>);

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let rest = self.rest.as_mut().expect("polled after it has ended");
        let polled = rest.as_mut().poll(task);
        if polled.is_ready() {
            self.rest = None;
        }
        polled
    }
}

impl<T, H: Host<T>> Drop for Detachable<T, H> {
    fn drop(&mut self) {
        if !self.detached.load(Ordering::Relaxed) {
            return;
        }
        if let (Some(rest), Some(host)) = (self.rest.take(), self.host.take()) {
            host.spawn(rest);
        }
    }
}

impl<T, H: Host<T>> fmt::Debug for Detachable<T, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Detachable")
            .field("ended", &self.rest.is_none())
            .field("detached", &self.detached)
            .finish_non_exhaustive()
    }
}

/// Who is told that a stage has detached an execution; see [`Context::on_detach`].
pub trait OnDetach: Send + Sync {
    /// It is to run to its end, although nobody may wait for it any more. Called by the stage, once or more often.
    fn detached(&self);
}

/// It becomes true.
impl OnDetach for AtomicBool {
    fn detached(&self) {
        self.store(true, Ordering::Relaxed);
    }
}

/// An execution was to be detached whose host cannot run it further; see [`Context::detach`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotDetachable(pub(crate) ());

impl fmt::Display for NotDetachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host of this execution cannot run it further when nobody waits for it")
    }
}

impl error::Error for NotDetachable {}
