//! Functions as stages: one trait for those that answer at once and those that are `async`.
//!
//! The last type parameter of each trait tells the two kinds apart, so that both can have an implementation. It is
//! inferred; nobody writes it.

use std::{future::Future, marker::PhantomData};

use crate::{Context, IntoOutcome, IntoStep, Step};

/// Marks a function that answers at once with an `R`.
#[derive(Debug)]
pub struct AtOnce<R>(PhantomData<R>);

/// Marks an `async` function that ends with an `R`.
#[derive(Debug)]
pub struct Async<R>(PhantomData<R>);

/// A function that can be an enter or leave stage: `fn`, `async fn`, or a closure of either kind, that takes
/// `&mut Context<T>`; see [`before`](crate::before).
///
/// It may return `()`, a `Result<(), E>`, or, when not `async`, a single-value channel (see [`IntoStep`]). An `async`
/// closure cannot use what it captured; implement [`Interceptor`](crate::Interceptor) for a type that holds it. One that
/// borrows the context is written `async |cx: &mut Context<T>|`: the future of `|cx| async move { .. }` cannot borrow it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a stage function",
    label = "not a stage function",
    note = "write `fn(cx: &mut Context<T>)` or `async fn(cx: &mut Context<T>)`, where `T` is what the context carries; a closure names the type too: `|cx: &mut Context<T>|`",
    note = "it returns `()`, `Result<(), E>` where `E` is an error or a text, or, when it is not `async`, a `oneshot::Receiver` of a new `T`; `handler` takes those that return an answer",
    note = "it is `Send` and `Sync`, and the future of an `async` one is `Send`"
)]
pub trait StageFn<T, M>: Send + Sync + 'static {
    /// Calls the function.
    fn call<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T>;
}

impl<T, F, R> StageFn<T, AtOnce<R>> for F
where
    F: Fn(&mut Context<T>) -> R + Send + Sync + 'static,
    R: IntoStep<T>,
{
    fn call<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        self(cx).into_step()
    }
}

impl<T: 'static, F> StageFn<T, Async<()>> for F
where
    F: for<'a> AsyncStageFn<'a, T>,
{
    fn call<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        let future = self.call_async(cx);
        Step::later(async move { future.await.into_outcome() })
    }
}

/// An `async` function over a borrowed context: what [`StageFn`] asks of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an `async` stage function",
    note = "write `async fn(cx: &mut Context<T>)`, where `T` is what the context carries; it returns `()` or `Result<(), E>`, and its future is `Send`"
)]
pub trait AsyncStageFn<'a, T: 'a>: Send + Sync + 'static {
    /// What the function returns.
    type Future: Future<Output: IntoOutcome> + Send + 'a;

    /// Calls the function.
    fn call_async(&'a self, cx: &'a mut Context<T>) -> Self::Future;
}

impl<'a, T: 'a, F, Fut> AsyncStageFn<'a, T> for F
where
    F: Fn(&'a mut Context<T>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output: IntoOutcome> + Send + 'a,
{
    type Future = Fut;

    fn call_async(&'a self, cx: &'a mut Context<T>) -> Fut {
        self(cx)
    }
}
