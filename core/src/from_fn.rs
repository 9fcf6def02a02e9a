//! Interceptors from functions.

use std::{error, marker::PhantomData};

use crate::{
    Caught, Context, Error, ErrorFn, HandlerFn, Interceptor, Link, Name, StageFn, Stages, Step,
};

/// An interceptor that runs `f` on the way in.
///
/// ```
/// use peristyle_core::{Chain, Context, before};
///
/// async fn greet(cx: &mut Context<String>) {
///     cx.push_str("hello");
/// }
///
/// let chain = Chain::new([before(greet), before(|cx: &mut Context<String>| cx.push('!'))]);
/// let mut cx = Context::new(String::new());
/// chain.run_now(&mut cx)?;
/// assert_eq!(*cx, "hello!");
/// # Ok::<(), peristyle_core::Error>(())
/// ```
pub fn before<T: 'static, M: 'static, F: StageFn<T, M>>(f: F) -> Link<T> {
    Link::new(Before(f, PhantomData::<fn() -> M>))
}

/// An interceptor that runs `f` on the way back, unless an error is pending.
///
/// ```
/// use peristyle_core::{Chain, Context, after, before};
///
/// async fn sign(cx: &mut Context<String>) {
///     cx.push_str(" (signed)");
/// }
///
/// let write = before(|cx: &mut Context<String>| cx.push_str("a letter"));
/// let mut cx = Context::new(String::new());
/// Chain::new([after(sign), write]).run_now(&mut cx)?;
/// assert_eq!(*cx, "a letter (signed)");
/// # Ok::<(), peristyle_core::Error>(())
/// ```
pub fn after<T: 'static, M: 'static, F: StageFn<T, M>>(f: F) -> Link<T> {
    Link::new(After(f, PhantomData::<fn() -> M>))
}

/// An interceptor that runs `enter` on the way in and `leave` on the way back. It is named after `enter`.
///
/// ```
/// use peristyle_core::{Chain, Context, around, before};
///
/// fn open(cx: &mut Context<String>) { cx.push('(') }
/// fn close(cx: &mut Context<String>) { cx.push(')') }
///
/// let mut cx = Context::new(String::new());
/// let chain = Chain::new([around(open, close), before(|cx: &mut Context<String>| cx.push('1'))]);
/// chain.run_now(&mut cx)?;
/// assert_eq!(*cx, "(1)");
/// # Ok::<(), peristyle_core::Error>(())
/// ```
pub fn around<T, L, M, F, G>(enter: F, leave: G) -> Link<T>
where
    T: 'static,
    L: 'static,
    M: 'static,
    F: StageFn<T, L>,
    G: StageFn<T, M>,
{
    Link::new(Around(enter, leave, PhantomData::<fn() -> (L, M)>))
}

/// An interceptor that asks `f` about a pending error: `Ok` is handled, the same error is declined, another is failed.
///
/// ```
/// use peristyle_core::{Chain, Context, Error, before, on_error};
///
/// fn retry_later(cx: &mut Context<String>, error: Error) -> Result<(), Error> {
///     if error.is::<std::num::ParseIntError>() {
///         cx.push_str(" is not a number");
///         return Ok(());
///     }
///     Err(error)
/// }
///
/// let parse = before(|cx: &mut Context<String>| cx.parse::<u8>().map(drop));
/// let chain = Chain::new([on_error(retry_later), parse]);
/// let mut cx = Context::new("ten".to_owned());
/// chain.run_now(&mut cx)?;
/// assert_eq!(*cx, "ten is not a number");
/// # Ok::<(), peristyle_core::Error>(())
/// ```
pub fn on_error<T: 'static, M: 'static, F: ErrorFn<T, Error, M>>(f: F) -> Link<T> {
    Link::new(OnError(f, PhantomData::<fn() -> M>))
}

/// An interceptor that asks `f` only about errors whose original is an `E`; others pass it by. `E` is inferred from the
/// function's argument.
///
/// Several in a row match like the arms of a `match`: list the most general first, since the last one is asked first.
///
/// The original is what the stage returned, not what that was made of. An `anyhow::Error` hides what it holds as soon as it is
/// returned, so that no `catch` and no [`downcast_ref`](crate::Error::downcast_ref) finds it: where the type matters, take it
/// out before, with its `downcast`, or with its `reallocate_into_boxed_dyn_error_without_backtrace` if it was given no context.
///
/// ```
/// use std::num::ParseIntError;
///
/// use peristyle_core::{Caught, Chain, Context, before, catch};
///
/// let fall_back = catch(|cx: &mut Context<String>, error: Caught<ParseIntError>| {
///     **cx = format!("{}", *error);
/// });
/// let parse = before(|cx: &mut Context<String>| cx.parse::<u8>().map(drop));
/// let mut cx = Context::new("ten".to_owned());
/// Chain::new([fall_back, parse]).run_now(&mut cx)?;
/// assert_eq!(*cx, "invalid digit found in string");
/// # Ok::<(), peristyle_core::Error>(())
/// ```
pub fn catch<T, E, M, F>(f: F) -> Link<T>
where
    T: 'static,
    E: error::Error + 'static,
    M: 'static,
    F: ErrorFn<T, Caught<E>, M>,
{
    Link::new(Catch(f, PhantomData::<fn() -> (E, M)>))
}

/// An interceptor that runs `f` on the way back whether or not an error is pending, and does not handle the error: for
/// what must happen on every exit.
///
/// When `f` fails while an error is pending, its own error goes on and the pending one is kept as suppressed.
///
/// ```
/// use peristyle_core::{Chain, Context, Error, always, before, on_error};
///
/// #[derive(Default)]
/// struct Exchange { status: u16, headers: Vec<&'static str> }
///
/// let chain = Chain::new([
///     on_error(|cx: &mut Context<Exchange>, _: Error| cx.status = 500),
///     always(|cx: &mut Context<Exchange>| cx.headers.push("access-control-allow-origin: *")),
///     before(|_: &mut Context<Exchange>| Err::<(), _>("boom")),
/// ]);
/// let mut cx = Context::new(Exchange::default());
/// chain.run_now(&mut cx)?;
/// assert_eq!((cx.status, cx.headers.len()), (500, 1));
/// # Ok::<(), Error>(())
/// ```
pub fn always<T: Send + 'static, M: 'static, F: StageFn<T, M>>(f: F) -> Link<T> {
    Link::new(Always(f, PhantomData::<fn() -> M>))
}

/// An interceptor that answers: `f` runs on the way in and what it returns is given to the carried value.
///
/// ```
/// use peristyle_core::{Answer, Chain, Context, Outcome, handler};
///
/// #[derive(Default)]
/// struct Sum { terms: Vec<u32>, total: Option<u32> }
///
/// impl Answer<u32> for Sum {
///     fn answer(&mut self, total: u32) -> Outcome {
///         self.total = Some(total);
///         Ok(())
///     }
/// }
///
/// let chain = Chain::from(handler(async |cx: &mut Context<Sum>| cx.terms.iter().sum::<u32>()));
/// let mut cx = Context::new(Sum { terms: vec![1, 2, 3], total: None });
/// chain.run_now(&mut cx)?;
/// assert_eq!(cx.total, Some(6));
/// # Ok::<(), peristyle_core::Error>(())
/// ```
pub fn handler<T: 'static, M: 'static, F: HandlerFn<T, M>>(f: F) -> Link<T> {
    Link::new(Handler(f, PhantomData::<fn() -> M>))
}

struct Before<F, M>(F, PhantomData<fn() -> M>);

impl<T: 'static, M: 'static, F: StageFn<T, M>> Interceptor<T> for Before<F, M> {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::of::<F>()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        self.0.call(cx)
    }
}

struct After<F, M>(F, PhantomData<fn() -> M>);

impl<T: 'static, M: 'static, F: StageFn<T, M>> Interceptor<T> for After<F, M> {
    fn stages(&self) -> Stages {
        Stages::LEAVE
    }

    fn name(&self) -> Name {
        Name::of::<F>()
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        self.0.call(cx)
    }
}

struct Around<F, G, M>(F, G, PhantomData<fn() -> M>);

impl<T, L, M, F, G> Interceptor<T> for Around<F, G, (L, M)>
where
    T: 'static,
    L: 'static,
    M: 'static,
    F: StageFn<T, L>,
    G: StageFn<T, M>,
{
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE
    }

    fn name(&self) -> Name {
        Name::of::<F>()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        self.0.call(cx)
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        self.1.call(cx)
    }
}

struct OnError<F, M>(F, PhantomData<fn() -> M>);

impl<T: 'static, M: 'static, F: ErrorFn<T, Error, M>> Interceptor<T> for OnError<F, M> {
    fn stages(&self) -> Stages {
        Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::of::<F>()
    }

    fn error<'a>(&'a self, cx: &'a mut Context<T>, error: Error) -> Step<'a, T> {
        self.0.call(cx, error)
    }
}

struct Catch<F, M>(F, PhantomData<fn() -> M>);

impl<T, E, M, F> Interceptor<T> for Catch<F, (E, M)>
where
    T: 'static,
    E: error::Error + 'static,
    M: 'static,
    F: ErrorFn<T, Caught<E>, M>,
{
    fn stages(&self) -> Stages {
        Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::of::<F>()
    }

    fn error<'a>(&'a self, cx: &'a mut Context<T>, error: Error) -> Step<'a, T> {
        match Caught::new(&error) {
            Some(caught) => self.0.call(cx, caught),
            None => Step::Absent,
        }
    }
}

struct Always<F, M>(F, PhantomData<fn() -> M>);

impl<T: Send + 'static, M: 'static, F: StageFn<T, M>> Interceptor<T> for Always<F, M> {
    fn stages(&self) -> Stages {
        Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::of::<F>()
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        self.0.call(cx)
    }

    fn error<'a>(&'a self, cx: &'a mut Context<T>, error: Error) -> Step<'a, T> {
        self.0.call(cx).then_raise(error.into())
    }
}

struct Handler<F, M>(F, PhantomData<fn() -> M>);

impl<T: 'static, M: 'static, F: HandlerFn<T, M>> Interceptor<T> for Handler<F, M> {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::of::<F>()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
        self.0.call(cx)
    }
}
