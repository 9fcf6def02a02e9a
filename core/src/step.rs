//! What a stage answers.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{self, Poll, ready},
};

use pin_project_lite::pin_project;

use crate::{BoxError, Closed};

/// How a stage ended: `Ok`, or the error to raise. An [`Answer`](crate::Answer) is taken with one.
pub type Outcome = Result<(), BoxError>;

/// A boxed future that can move between threads: what [`Step::later`] makes.
pub type BoxFuture<'a, V> = Pin<Box<dyn Future<Output = V> + Send + 'a>>;

/// What a stage answers: nothing, an outcome now, an outcome later, or a new value later.
///
/// Functions given to [`before`](crate::before) and its siblings have theirs made from what they return; only a type that
/// implements [`Interceptor`](crate::Interceptor) writes it down.
///
/// In the error stage `Ok` means handled. Returning the error that was given means declined; any other error means failed.
///
/// ```
/// use peristyle_core::{Chain, Context, Interceptor, Link, Stages, Step};
///
/// /// Doubles what fits.
/// struct Double;
///
/// impl Interceptor<u32> for Double {
///     fn stages(&self) -> Stages {
///         Stages::ENTER
///     }
///
///     fn enter<'a>(&'a self, cx: &'a mut Context<u32>) -> Step<'a, u32> {
///         match cx.checked_mul(2) {
///             Some(doubled) => Step::convey(async move { Ok(doubled) }),
///             None => Step::raise("too large to be doubled"),
///         }
///     }
/// }
///
/// let chain = Chain::from(Link::new(Double));
/// let mut cx = Context::new(21);
/// chain.run_now(&mut cx)?;
/// assert_eq!(*cx, 42);
/// assert!(chain.run_now(&mut Context::new(u32::MAX)).is_err());
/// # Ok::<(), peristyle_core::Error>(())
/// ```
#[non_exhaustive]
#[must_use = "an error that it raises is lost with it"]
pub enum Step<'a, T> {
    /// The stage has nothing to do here, and no terminator is asked; observers hear that it was. In the error stage: declined.
    Absent,
    /// The stage is done.
    Now(Outcome),
    /// The stage is done later; see [`Step::later`] and [`Step::convey`].
    Later(Later<'a, T>),
}

impl<T> Step<'_, T> {
    /// The stage is done and all is well.
    pub const fn next() -> Self {
        Step::Now(Ok(()))
    }

    /// The stage is done and raises `error`.
    pub fn raise(error: impl Into<BoxError>) -> Self {
        Step::Now(Err(error.into()))
    }
}

impl<'a, T: 'a> Step<'a, T> {
    /// The stage is done when `future` is, which may borrow the context. Costs one allocation.
    pub fn later(future: impl Future<Output = Outcome> + Send + 'a) -> Self {
        Step::Later(Later(Box::pin(Done { future })))
    }

    /// The stage is done when `future` yields a new value for the context to carry, or an error to raise. Costs one allocation.
    pub fn convey(future: impl Future<Output = Result<T, BoxError>> + Send + 'a) -> Self
    where
        T: Send,
    {
        Step::Later(Later::new(async move {
            match future.await {
                Ok(value) => (Some(value), Ok(())),
                Err(error) => (None, Err(error)),
            }
        }))
    }

    /// The same step of an error stage, declining `error` where it would have ended well.
    pub(crate) fn then_raise(self, error: BoxError) -> Self
    where
        T: Send,
    {
        match self {
            Step::Absent | Step::Now(Ok(())) => Step::Absent,
            Step::Now(Err(own)) => Step::Now(Err(own)),
            Step::Later(later) => Step::Later(Later::new(async move {
                let (value, outcome) = later.answer().await;
                (value, outcome.and(Err(error)))
            })),
        }
    }
}

impl<T> fmt::Debug for Step<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Absent => f.write_str("Absent"),
            Step::Now(outcome) => f.debug_tuple("Now").field(outcome).finish(),
            Step::Later(_) => f.write_str("Later(..)"),
        }
    }
}

/// What a stage answers later. A future of how the stage ended; see [`answer`](Self::answer) for the value that it conveys.
#[must_use = "futures do nothing unless polled"]
pub struct Later<'a, T>(Pin<Box<dyn Answering<T> + Send + 'a>>);

impl<'a, T: Send + 'a> Later<'a, T> {
    /// For an interceptor that wraps another's step: the new value for the context, if there is one, and how the stage ended.
    /// [`Step::later`] and [`Step::convey`] are simpler. Costs one allocation.
    pub fn new(future: impl Future<Output = (Option<T>, Outcome)> + Send + 'a) -> Self {
        let value = None;
        Self(Box::pin(Conveying { future, value }))
    }
}

impl<T> Later<'_, T> {
    /// The new value for the context, if there is one, and how the stage ended.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops the stage where it waits.
    pub async fn answer(mut self) -> (Option<T>, Outcome) {
        let outcome = (&mut self).await;
        (self.conveyed(), outcome)
    }

    /// The new value for the context, once the stage has ended.
    pub(crate) fn conveyed(mut self) -> Option<T> {
        self.0.as_mut().conveyed()
    }
}

impl<T> Future for Later<'_, T> {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Outcome> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for Later<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Later").finish_non_exhaustive()
    }
}

/// A value can be large, and few stages convey one: it stays where the future is until it is asked for.
trait Answering<T>: Future<Output = Outcome> {
    fn conveyed(self: Pin<&mut Self>) -> Option<T>;
}

pin_project! {
    struct Done<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future<Output = Outcome>> Future for Done<F> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Outcome> {
        self.project().future.poll(cx)
    }
}

impl<T, F: Future<Output = Outcome>> Answering<T> for Done<F> {
    fn conveyed(self: Pin<&mut Self>) -> Option<T> {
        None
    }
}

pin_project! {
    struct Conveying<F, T> {
        #[pin]
        future: F,
        value: Option<T>,
    }
}

impl<T, F: Future<Output = (Option<T>, Outcome)>> Future for Conveying<F, T> {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Outcome> {
        let this = self.project();
        let (value, outcome) = ready!(this.future.poll(cx));
        *this.value = value;
        Poll::Ready(outcome)
    }
}

impl<T, F: Future<Output = (Option<T>, Outcome)>> Answering<T> for Conveying<F, T> {
    fn conveyed(self: Pin<&mut Self>) -> Option<T> {
        self.project().value.take()
    }
}

/// What a stage function may return when it does not wait: `()`, a `Result<(), E>`, or a single-value channel.
///
/// A `tokio::sync::oneshot::Receiver<T>` conveys the value that the context is to carry from then on; one of
/// `Result<T, E>` may convey an error to raise instead. Dropping the sender raises [`Closed`]. With the feature `rt`, the
/// handle of a spawned tokio task conveys what the task returns in the same way.
///
/// ```
/// use peristyle_core::{Chain, Context, before};
/// use tokio::sync::oneshot::{self, Receiver};
///
/// fn parse(cx: &mut Context<String>) -> Receiver<Result<String, std::num::ParseIntError>> {
///     let (done, parsed) = oneshot::channel();
///     let text = cx.take();
///     std::thread::spawn(move || done.send(text.parse().map(|number: u8| format!("{number:08b}"))));
///     parsed
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::Error> {
/// let chain = Chain::from(before(parse));
/// let mut cx = Context::new("10".to_owned());
/// chain.run(&mut cx).await?;
/// assert_eq!(*cx, "00001010");
///
/// let error = chain.run(&mut Context::new("ten".to_owned())).await.unwrap_err();
/// assert!(error.is::<std::num::ParseIntError>());
/// # Ok(())
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "a stage function cannot return `{Self}`",
    label = "returns `{Self}`",
    note = "return `()`, `Result<(), E>` with an error type `E`, or a `oneshot::Receiver` of the value that the context carries"
)]
pub trait IntoStep<T> {
    /// The step that this result stands for.
    fn into_step<'a>(self) -> Step<'a, T>;
}

impl<T> IntoStep<T> for () {
    fn into_step<'a>(self) -> Step<'a, T> {
        Step::next()
    }
}

impl<T, E: Into<BoxError>> IntoStep<T> for Result<(), E> {
    fn into_step<'a>(self) -> Step<'a, T> {
        Step::Now(self.map_err(Into::into))
    }
}

impl<T: Send + 'static> IntoStep<T> for tokio::sync::oneshot::Receiver<T> {
    fn into_step<'a>(self) -> Step<'a, T> {
        Step::convey(async move { self.await.map_err(|_| Closed.into()) })
    }
}

impl<T, E> IntoStep<T> for tokio::sync::oneshot::Receiver<Result<T, E>>
where
    T: Send + 'static,
    E: Into<BoxError> + Send + 'static,
{
    fn into_step<'a>(self) -> Step<'a, T> {
        Step::convey(async move { self.await.map_err(|_| Closed)?.map_err(Into::into) })
    }
}

/// The handle of a spawned task conveys what the task returns. Its panic is raised with its text, and an aborted task raises
/// [`Closed`]. Dropping the stage where it waits detaches the task, as dropping the handle does.
#[cfg(feature = "rt")]
impl<T: Send + 'static> IntoStep<T> for tokio::task::JoinHandle<T> {
    fn into_step<'a>(self) -> Step<'a, T> {
        Step::convey(async move { self.await.map_err(crate::blocking::ended_early) })
    }
}

/// As that of a task that returns the value; an error that it returns is raised.
#[cfg(feature = "rt")]
impl<T, E> IntoStep<T> for tokio::task::JoinHandle<Result<T, E>>
where
    T: Send + 'static,
    E: Into<BoxError> + Send + 'static,
{
    fn into_step<'a>(self) -> Step<'a, T> {
        Step::convey(async move {
            self.await
                .map_err(crate::blocking::ended_early)?
                .map_err(Into::into)
        })
    }
}

/// What an `async` stage function may return: `()` or a `Result<(), E>`; see [`before`](crate::before).
#[diagnostic::on_unimplemented(
    message = "an `async` stage function cannot return `{Self}`",
    label = "returns `{Self}`",
    note = "return `()`, or `Result<(), E>` with an error type `E`"
)]
pub trait IntoOutcome {
    /// The outcome that this result stands for.
    ///
    /// # Errors
    ///
    /// The error to raise, if the function returned one.
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Outcome {
        Ok(())
    }
}

impl<E: Into<BoxError>> IntoOutcome for Result<(), E> {
    fn into_outcome(self) -> Outcome {
        self.map_err(Into::into)
    }
}
