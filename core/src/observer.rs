//! Those who watch an execution.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::Instant;

use crate::{Context, Error, ExecutionId, Link, Name, Panicked, Stage};

/// Is told of each stage before it runs and after it has ended. It can change nothing.
///
/// A stage that an interceptor does not have is no invocation: observers hear nothing of it. A panic of an observer is
/// caught, and the first one in the process is reported through `tracing`.
///
/// An observer is called by the thread that runs the stage, which goes on when the observer returns. The stages of a run
/// inside a stage begin and end between the beginning and the end of that stage.
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicUsize, Ordering}};
///
/// use peristyle_core::{Chain, Context, Ending, Invocation, Observer, after, before};
///
/// #[derive(Default)]
/// struct Failures(AtomicUsize);
///
/// impl<T> Observer<T> for Failures {
///     fn after(&self, _: &Context<T>, at: &Invocation<'_>, ending: &Ending<'_>) {
///         if let Ending::Failed(error) = ending {
///             eprintln!("{} of {}: {error}", at.stage, at.interceptor);
///             self.0.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// let fail = before(|_: &mut Context<u32>| Err::<(), _>("out of stock"));
/// let failures = Arc::new(Failures::default());
/// let mut cx = Context::new(7);
/// cx.observe(failures.clone());
/// assert!(Chain::new([after(|_: &mut Context<u32>| ()), fail]).run_now(&mut cx).is_err());
/// assert_eq!(failures.0.load(Ordering::Relaxed), 1);
/// ```
pub trait Observer<T>: Send + Sync + 'static {
    /// A stage is about to run.
    fn before(&self, _cx: &Context<T>, _invocation: &Invocation<'_>) {}

    /// A stage has ended.
    fn after(&self, _cx: &Context<T>, _invocation: &Invocation<'_>, _ending: &Ending<'_>) {}

    /// The error stage that has just ended handled this error.
    fn handled(&self, _cx: &Context<T>, _invocation: &Invocation<'_>, _error: &Error) {}
}

/// Which stage, whose, in which execution; see [`Observer`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Invocation<'a> {
    /// The stage.
    pub stage: Stage,
    /// The interceptor that it belongs to.
    pub interceptor: &'a Name,
    /// The execution.
    pub execution: &'a ExecutionId,
    /// How long it took. `None` before it has ended, and when nobody was watching as it began.
    pub elapsed: Option<Duration>,
}

/// How a stage ended; see [`Observer`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum Ending<'a> {
    /// It answered at once.
    Done,
    /// It waited, then was done.
    Waited,
    /// An error goes on outward: raised here, or declined by this error stage.
    Failed(&'a Error),
    /// It was dropped where it waited, because of an interrupt whose error goes on outward.
    Interrupted(&'a Error),
    /// It was dropped where it waited, and the execution with it.
    Cancelled,
}

#[cold]
pub(crate) fn tell_before<T: 'static>(link: &Link<T>, cx: &mut Context<T>, stage: Stage) {
    cx.begin(Some(Instant::now()));
    let invocation = invocation(link, cx, stage, None);
    tell(cx, |observer| observer.before(cx, &invocation));
}

#[cold]
pub(crate) fn tell_after<T: 'static>(
    link: &Link<T>,
    cx: &Context<T>,
    stage: Stage,
    ending: &Ending<'_>,
) {
    let elapsed = cx.began().map(|began| began.elapsed());
    let invocation = invocation(link, cx, stage, elapsed);
    tell(cx, |observer| observer.after(cx, &invocation, ending));
    let well = matches!(ending, Ending::Done | Ending::Waited);
    if let (Stage::Error, true, Some(error)) = (stage, well, cx.recovered()) {
        tell(cx, |observer| observer.handled(cx, &invocation, error));
    }
}

fn invocation<'a, T>(
    link: &'a Link<T>,
    cx: &'a Context<T>,
    stage: Stage,
    elapsed: Option<Duration>,
) -> Invocation<'a> {
    Invocation {
        stage,
        interceptor: link.name(),
        execution: cx.id(),
        elapsed,
    }
}

/// Tells each observer, shielding the execution from it.
fn tell<T: 'static>(cx: &Context<T>, say: impl Fn(&dyn Observer<T>)) {
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
