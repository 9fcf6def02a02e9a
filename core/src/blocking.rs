//! Long computations and blocking calls, off the threads that serve.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{self, Poll},
};

use tokio::task::{JoinError, JoinHandle};

use crate::{BoxError, Closed, IntoStep, Panicked, Step, binding::Bindings};

/// Runs `f` on the tokio runtime's pool of blocking threads. A stage function returns what this returns to convey the
/// result; an `async` one can await it.
///
/// Bindings are visible in `f`. Dropping the [`Blocking`] drops `f` if it has not been started, and otherwise lets it run to
/// its end unheard: a thread cannot be stopped.
///
/// ```
/// use peristyle_core::{Chain, Context, before, blocking};
///
/// fn factorise(cx: &mut Context<Vec<u64>>) -> peristyle_core::Blocking<Vec<u64>> {
///     let mut numbers = cx.take();
///     blocking(move || {
///         let last = numbers.last().copied().unwrap_or(1);
///         numbers.extend((2..last).filter(|n| last % n == 0));
///         numbers
///     })
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut cx = Context::new(vec![15]);
/// Chain::from(before(factorise)).run(&mut cx).await?;
/// assert_eq!(*cx, [15, 3, 5]);
/// # Ok::<(), peristyle_core::Error>(())
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// Outside of a tokio runtime. In a stage that is an error of the stage, as every panic is.
#[track_caller]
pub fn blocking<R, F>(f: F) -> Blocking<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    let bindings = Bindings::here();
    let work = move || bindings.hold(|| Panicked::catch(f));
    Blocking(tokio::task::spawn_blocking(work))
}

/// See [`blocking`].
#[must_use = "dropping it gives the work up"]
pub struct Blocking<R>(JoinHandle<Result<R, Panicked>>);

impl<R> Future for Blocking<R> {
    type Output = Result<R, BoxError>;

    /// What the function returned; [`Panicked`], or [`Closed`] when the runtime shut down before the function could run.
    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let joined = std::task::ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(joined.map_err(ended_early).and_then(|result| Ok(result?)))
    }
}

impl<R> Drop for Blocking<R> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<T: Send + 'static> IntoStep<T> for Blocking<T> {
    fn into_step<'a>(self) -> Step<'a, T> {
        Step::convey(self)
    }
}

/// An error that the function returns is raised.
impl<T, E> IntoStep<T> for Blocking<Result<T, E>>
where
    T: Send + 'static,
    E: Into<BoxError> + Send + 'static,
{
    fn into_step<'a>(self) -> Step<'a, T> {
        Step::convey(async move { self.await?.map_err(Into::into) })
    }
}

impl<R> fmt::Debug for Blocking<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").finish_non_exhaustive()
    }
}

/// The error of a task that returned nothing: its panic, or that it was aborted.
pub(crate) fn ended_early(ended: JoinError) -> BoxError {
    match ended.try_into_panic() {
        Ok(payload) => Panicked::new(payload).into(),
        Err(_) => Closed.into(),
    }
}
