//! Functions as handlers: of the context, or of what is extracted from it.

use std::{fmt, future::Future, marker::PhantomData};

use peristyle_core::{Async, AtOnce, BoxError, HandlerFn, Interceptor, Link, Name, Stages, Step};

use crate::{Context, Exchange, FromExchange, IntoResponse, Rejection};

/// An interceptor that answers with what `f` returns.
///
/// `f` is a `fn`, an `async fn`, or a closure of either kind, and returns an [`IntoResponse`]. It takes the
/// [`Context`](crate::Context), as core's [`handler`](peristyle_core::handler) has it, or up to twelve arguments that are
/// made from the exchange; see [`FromExchange`].
///
/// ```
/// use peristyle_core::{Chain, before};
/// use peristyle_server::{Context, Json, Path, Query, Routes, State, handler};
/// use serde::{Deserialize, Serialize};
///
/// struct Prices { book: u32 }
///
/// #[derive(Deserialize)]
/// struct Wanted { count: u32 }
///
/// #[derive(Serialize)]
/// struct Offer { title: String, price: u32 }
///
/// fn log(cx: &mut Context) {
///     println!("{} {}", cx.method(), cx.uri());
/// }
///
/// async fn offer(
///     prices: State<Prices>,
///     Path(title): Path<String>,
///     Query(wanted): Query<Wanted>,
/// ) -> Json<Offer> {
///     let price = prices.book.saturating_mul(wanted.count);
///     Json(Offer { title, price })
/// }
///
/// async fn whole_context(cx: &mut Context) -> String {
///     cx.uri().path().to_owned()
/// }
///
/// let routes = Routes::new()
///     .state(Prices { book: 12 })
///     .get("/", handler(|| "hello"))
///     .get("/offers/{title}", Chain::new([before(log), handler(offer)]))
///     .get("/path/{*rest}", handler(whole_context));
/// # routes.build().map(drop)
/// # .map_err(|error| error.to_string()).unwrap();
/// ```
///
/// What takes a type that cannot be extracted does not compile:
///
/// ```compile_fail,E0277
/// # use peristyle_server::handler;
/// let handler = handler(async |id: u64| id.to_string());
/// ```
pub fn handler<M: 'static, F: Handler<M>>(f: F) -> Link<Exchange> {
    Link::new(Answers(f, PhantomData::<fn() -> M>))
}

/// A function that can be a [`handler`].
///
/// `M` tells its shapes apart, so that each can have an implementation. It is inferred; nobody writes it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "write a `fn` or `async fn` of `cx: &mut Context` alone, or of 0 to 12 arguments that each are `FromExchange`: `Path<T>`, `Query<T>`, `Json<T>`, `Form<T>`, `Multipart`, `State<T>`, `Headers`, `Accept`, `Uri`, `Cookies`, `Bytes`, `String`, `RequestBody`, or a type of yours",
    note = "`T` is `serde::de::DeserializeOwned`, and of `State<T>` it is `Send + Sync`",
    note = "it returns what is `IntoResponse`: `()`, text, bytes, a `StatusCode`, `Json`, a `Result` of these, ...",
    note = "it is `Send` and `Sync`, and the future of an `async` one is `Send`: nothing that is not may be held across an `.await`"
)]
pub trait Handler<M>: Send + Sync + 'static {
    /// Calls the function and answers with what it returns.
    fn call<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange>;
}

/// Marks a function of the context.
pub struct OfContext<M>(PhantomData<fn() -> M>);

impl<M> fmt::Debug for OfContext<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfContext")
    }
}

impl<M, F: HandlerFn<Exchange, M>> Handler<OfContext<M>> for F {
    fn call<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        HandlerFn::call(self, cx)
    }
}

/// Without arguments there is nothing to wait for.
impl<F, R> Handler<AtOnce<fn() -> R>> for F
where
    F: Fn() -> R + Send + Sync + 'static,
    R: IntoResponse,
{
    fn call<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        Step::Now(cx.respond(self()))
    }
}

impl<F, U, R> Handler<Async<fn() -> R>> for F
where
    F: Fn() -> U + Send + Sync + 'static,
    U: Future<Output = R> + Send + 'static,
    R: IntoResponse,
{
    fn call<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let answer = self();
        Step::later(async move { cx.respond(answer.await) })
    }
}

macro_rules! of_arguments {
    ($($argument:ident $at:literal)+) => {
        impl<F, R, $($argument,)+> Handler<AtOnce<fn($($argument),+) -> R>> for F
        where
            F: Fn($($argument),+) -> R + Send + Sync + 'static,
            R: IntoResponse,
            $($argument: FromExchange,)+
        {
            #[expect(non_snake_case, reason = "an argument is named as its type is")]
            fn call<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
                Step::later(async move {
                    $(let $argument = argument::<$argument>(cx, $at).await?;)+
                    cx.respond(self($($argument),+))
                })
            }
        }

        impl<F, U, R, $($argument,)+> Handler<Async<fn($($argument),+) -> R>> for F
        where
            F: Fn($($argument),+) -> U + Send + Sync + 'static,
            U: Future<Output = R> + Send + 'static,
            R: IntoResponse,
            $($argument: FromExchange,)+
        {
            #[expect(non_snake_case, reason = "an argument is named as its type is")]
            fn call<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
                Step::later(async move {
                    $(let $argument = argument::<$argument>(cx, $at).await?;)+
                    let answer = self($($argument),+).await;
                    cx.respond(answer)
                })
            }
        }
    };
}

of_arguments!(A 1);
of_arguments!(A 1 B 2);
of_arguments!(A 1 B 2 C 3);
of_arguments!(A 1 B 2 C 3 D 4);
of_arguments!(A 1 B 2 C 3 D 4 E 5);
of_arguments!(A 1 B 2 C 3 D 4 E 5 G 6);
of_arguments!(A 1 B 2 C 3 D 4 E 5 G 6 H 7);
of_arguments!(A 1 B 2 C 3 D 4 E 5 G 6 H 7 I 8);
of_arguments!(A 1 B 2 C 3 D 4 E 5 G 6 H 7 I 8 J 9);
of_arguments!(A 1 B 2 C 3 D 4 E 5 G 6 H 7 I 8 J 9 K 10);
of_arguments!(A 1 B 2 C 3 D 4 E 5 G 6 H 7 I 8 J 9 K 10 L 11);
of_arguments!(A 1 B 2 C 3 D 4 E 5 G 6 H 7 I 8 J 9 K 10 L 11 N 12);

async fn argument<A: FromExchange>(cx: &mut Context, at: usize) -> Result<A, BoxError> {
    let extracted = A::from_exchange(cx).await;
    extracted.map_err(|error| Rejection::of_argument(error, at))
}

struct Answers<F, M>(F, PhantomData<fn() -> M>);

impl<M: 'static, F: Handler<M>> Interceptor<Exchange> for Answers<F, M> {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::of::<F>()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        self.0.call(cx)
    }
}
