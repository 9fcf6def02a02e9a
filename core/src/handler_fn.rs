//! Functions as handlers: what they return is the answer.

use std::future::Future;

use crate::{Async, AtOnce, Context, Outcome, Step};

/// A carried value that can take an answer of type `A`, such as an HTTP exchange a response; see
/// [`handler`](crate::handler).
#[diagnostic::on_unimplemented(
    message = "`{A}` is no answer for a context that carries `{Self}`",
    label = "a handler returned `{A}`",
    note = "implement `Answer<{A}>` for `{Self}`, or return a type that it takes"
)]
pub trait Answer<A> {
    /// Takes the answer.
    ///
    /// # Errors
    ///
    /// When it cannot be taken, a body that does not serialise for instance. The handler's stage raises the error.
    fn answer(&mut self, answer: A) -> Outcome;
}

/// A function that can be a handler: `fn`, `async fn`, or a closure of either kind, that takes `&mut Context<T>` and
/// returns an [`Answer`] of `T`; see [`handler`](crate::handler).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "write `fn(cx: &mut Context<T>) -> A` or `async fn(cx: &mut Context<T>) -> A`, where `T` is what the context carries; a closure names the type too: `|cx: &mut Context<T>|`",
    note = "`T` must take what it returns as an answer: `T: Answer<A>`",
    note = "it is `Send` and `Sync`, and the future of an `async` one is `Send`"
)]
pub trait HandlerFn<T, M>: Send + Sync + 'static {
    /// Calls the function and hands its answer over.
    fn call<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T>;
}

impl<T, F, R> HandlerFn<T, AtOnce<R>> for F
where
    T: Answer<R>,
    F: Fn(&mut Context<T>) -> R + Send + Sync + 'static,
{
    fn call<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        let answer = self(cx);
        Step::Now(cx.answer(answer))
    }
}

impl<T, F, R> HandlerFn<T, Async<R>> for F
where
    T: Answer<R> + Send + 'static,
    R: Send,
    F: for<'a> AsyncHandlerFn<'a, T, Output = R>,
{
    fn call<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        Step::later(async move {
            let answer = self.call_async(cx).await;
            cx.answer(answer)
        })
    }
}

/// An `async` function over a borrowed context: what [`HandlerFn`] asks of one.
pub trait AsyncHandlerFn<'a, T: 'a>: Send + Sync + 'static {
    /// The answer.
    type Output;
    /// What the function returns.
    type Future: Future<Output = Self::Output> + Send + 'a;

    /// Calls the function.
    fn call_async(&'a self, cx: &'a mut Context<T>) -> Self::Future;
}

impl<'a, T: 'a, F, Fut> AsyncHandlerFn<'a, T> for F
where
    F: Fn(&'a mut Context<T>) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'a,
{
    type Output = Fut::Output;
    type Future = Fut;

    fn call_async(&'a self, cx: &'a mut Context<T>) -> Fut {
        self(cx)
    }
}
