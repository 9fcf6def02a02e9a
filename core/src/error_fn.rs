//! Functions as error stages.

use std::{error, fmt, future::Future, marker::PhantomData, ops::Deref};

use crate::{Async, AtOnce, BoxError, Context, Error, IntoOutcome, IntoStep, Step};

/// A function that can be an error stage: `fn`, `async fn`, or a closure of either kind, that takes `&mut Context<T>` and
/// an [`Error`] (for [`on_error`](crate::on_error)) or a [`Caught<E>`] (for [`catch`](crate::catch)).
///
/// `Ok` or `()` means handled. Returning the error that was given means declined, another one means failed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an error stage function that takes `{A}`",
    label = "not an error stage function",
    note = "for `on_error` write `fn(cx: &mut Context<T>, error: Error)`, for `catch` write `fn(cx: &mut Context<T>, error: Caught<E>)`, where `T` is what the context carries; either may be an `async fn`, or a closure that names the types of its arguments",
    note = "it returns `()` or `Ok(())` when it has handled the error, the same error to decline it, another error when it failed",
    note = "it is `Send` and `Sync`, and the future of an `async` one is `Send`"
)]
pub trait ErrorFn<T, A, M>: Send + Sync + 'static {
    /// Calls the function.
    fn call<'a>(&'a self, cx: &'a mut Context<T>, error: A) -> Step<'a, T>;
}

impl<T, A, F, R> ErrorFn<T, A, AtOnce<R>> for F
where
    F: Fn(&mut Context<T>, A) -> R + Send + Sync + 'static,
    R: IntoStep<T>,
{
    fn call<'a>(&'a self, cx: &'a mut Context<T>, error: A) -> Step<'a, T> {
        self(cx, error).into_step()
    }
}

impl<T: 'static, A, F> ErrorFn<T, A, Async<()>> for F
where
    F: for<'a> AsyncErrorFn<'a, T, A>,
{
    fn call<'a>(&'a self, cx: &'a mut Context<T>, error: A) -> Step<'a, T> {
        let future = self.call_async(cx, error);
        Step::later(async move { future.await.into_outcome() })
    }
}

/// An `async` function over a borrowed context and an error: what [`ErrorFn`] asks of one.
pub trait AsyncErrorFn<'a, T: 'a, A>: Send + Sync + 'static {
    /// What the function returns.
    type Future: Future<Output: IntoOutcome> + Send + 'a;

    /// Calls the function.
    fn call_async(&'a self, cx: &'a mut Context<T>, error: A) -> Self::Future;
}

impl<'a, T: 'a, A, F, Fut> AsyncErrorFn<'a, T, A> for F
where
    F: Fn(&'a mut Context<T>, A) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoOutcome> + Send + 'a,
{
    type Future = Fut;

    fn call_async(&'a self, cx: &'a mut Context<T>, error: A) -> Fut {
        self(cx, error)
    }
}

/// An error whose original is known to be an `E`. It derefs to the original.
pub struct Caught<E> {
    error: Error,
    original: PhantomData<fn() -> E>,
}

impl<E: error::Error + 'static> Caught<E> {
    /// `None` when the original is something else.
    pub(crate) fn new(error: &Error) -> Option<Self> {
        error.is::<E>().then(|| Self {
            error: error.clone(),
            original: PhantomData,
        })
    }

    /// The error as it was raised: return it to decline.
    pub fn into_error(self) -> Error {
        self.error
    }
}

impl<E: error::Error + 'static> Deref for Caught<E> {
    type Target = E;

    fn deref(&self) -> &E {
        let original = self.error.downcast_ref();
        original.expect("`new` has seen that the original is an `E`")
    }
}

/// Declines: the error goes on as it was.
impl<E> From<Caught<E>> for BoxError {
    fn from(caught: Caught<E>) -> Self {
        caught.error.into()
    }
}

impl<E> fmt::Debug for Caught<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Caught").field(&self.error).finish()
    }
}
