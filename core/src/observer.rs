//! Those who watch an execution.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Context, Error, ExecutionId, Link, Name, Panicked, Stage};

/// Is told of each stage before it runs and after it has ended. It can change nothing.
///
/// A stage that an interceptor does not have is no invocation: observers hear nothing of it. A panic of an observer is
/// caught, and the first one in the process is reported through `tracing`.
pub trait Observer<T>: Send + Sync + 'static {
    /// A stage is about to run.
    fn before(&self, _cx: &Context<T>, _invocation: &Invocation<'_>) {}

    /// A stage has ended.
    fn after(&self, _cx: &Context<T>, _invocation: &Invocation<'_>, _ending: &Ending<'_>) {}
}

/// Which stage, whose, in which execution.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Invocation<'a> {
    /// The stage.
    pub stage: Stage,
    /// The interceptor that it belongs to.
    pub interceptor: &'a Name,
    /// The execution.
    pub execution: &'a ExecutionId,
}

impl<'a> Invocation<'a> {
    pub(crate) fn new<T>(link: &'a Link<T>, cx: &'a Context<T>, stage: Stage) -> Self {
        Self {
            stage,
            interceptor: link.name(),
            execution: cx.id(),
        }
    }
}

/// How a stage ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Ending<'a> {
    /// It answered at once.
    Done,
    /// It waited, then was done.
    Waited,
    /// An error goes on outward: raised here, or declined by this error stage.
    Failed(&'a Error),
}

/// Tells each observer, shielding the execution from it.
pub(crate) fn tell<T: 'static>(cx: &Context<T>, say: impl Fn(&dyn Observer<T>)) {
    for observer in cx.observers() {
        if let Err(panicked) = Panicked::catch(|| say(&**observer)) {
            report(&panicked);
        }
    }
}

/// Once, because an observer that panics does so at each stage of each execution.
fn report(panicked: &Panicked) {
    static REPORTED: AtomicBool = AtomicBool::new(false);
    if !REPORTED.swap(true, Ordering::Relaxed) {
        tracing::error!(%panicked, "an observer panicked; later panics of observers are not reported");
    }
}
