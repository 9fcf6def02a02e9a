//! Coming from middleware of tower and axum.
//!
//! A tower layer wraps a service in a service: the request goes through calls within calls, and the types say how they
//! nest. Here nothing wraps anything. A chain is a list, an engine walks along it, and a stage is called, returns, and is
//! over before the next one begins.
//!
//! A function of axum's `from_fn`, which has everything outside of it and inside of it in one body,
//!
//! ```text
//! async fn stamp(request: Request, next: Next) -> Response {
//!     let began = Instant::now();
//!     let mut response = next.run(request).await;
//!     response.headers_mut().insert("x-time", millis(began.elapsed()));
//!     response
//! }
//! ```
//!
//! is here what stood before `next.run` and what stood after it, as two stages. What the second needs of the first is left
//! in the context by its type:
//!
//! ```
//! use peristyle_core::{Answer, Chain, Context, Error, Missing, Outcome, around, handler};
//! use tokio::time::Instant;
//!
//! #[derive(Default)]
//! struct Exchange { headers: Vec<(&'static str, String)>, body: String }
//!
//! impl Answer<&str> for Exchange {
//!     fn answer(&mut self, body: &str) -> Outcome {
//!         self.body = body.to_owned();
//!         Ok(())
//!     }
//! }
//!
//! struct Began(Instant);
//!
//! fn begin(cx: &mut Context<Exchange>) {
//!     cx.insert(Began(Instant::now()));
//! }
//!
//! fn stamp(cx: &mut Context<Exchange>) -> Result<(), Missing> {
//!     let took = cx.require::<Began>()?.0.elapsed();
//!     cx.headers.push(("x-time", took.as_millis().to_string()));
//!     Ok(())
//! }
//!
//! async fn hello(_: &mut Context<Exchange>) -> &'static str {
//!     "hello"
//! }
//!
//! let chain = Chain::new([around(begin, stamp), handler(hello)]);
//! let mut cx = Context::new(Exchange::default());
//! chain.run_now(&mut cx)?;
//! assert_eq!((&*cx.body, cx.headers[0].0), ("hello", "x-time"));
//! # Ok::<(), Error>(())
//! ```
//!
//! # Old to new
//!
//! | tower, axum | here | note |
//! |---|---|---|
//! | `Service<Request>` | a [`Chain`] and a [`Context`] | [`chain.run(&mut cx)`](crate::Chain::run) is the call; the answer is in the context |
//! | `Layer` | a [`Link`] in the chain | it wraps nothing, so it changes no type |
//! | `middleware::from_fn` | [`before`], [`after`], [`around`] | without `next` |
//! | `next.run(request).await` | nothing | what stood before it is enter, what stood after it is leave |
//! | returning early, without `next` | [`terminate`](crate::Context::terminate) | the interceptors entered so far still leave |
//! | `ServiceBuilder::new().layer(a).layer(b)` | `Chain::new([a, b])` | `a` is entered first and left last in both |
//! | `router.layer(a).layer(b)` | `Chain::new([b, a])` | axum calls the last one first; here the list is the order |
//! | `option_layer`, `Either` | leave the link out of the `Vec` | a chain is made from any iterator of links |
//! | `map_request`, `MapRequestLayer` | [`before`] | |
//! | `map_response`, `MapResponseLayer` | [`after`], or [`always`] where errors must pass too | see [below](#an-error-is-no-response) |
//! | `Extension`, request extensions | [`insert`](crate::Context::insert), [`require`](crate::Context::require) | a missing one is an error that names the type and who asked |
//! | `State` | what a closure has captured, or a field of a type that implements [`Interceptor`] | shared, never cloned for a request |
//! | `task_local!` | [`binding!`] | unbound by itself when the run ends |
//! | `HandleErrorLayer`, `map_err`, `or_else` | [`on_error`], [`catch`] | one error type, in no signature |
//! | an extractor's rejection | `?` in the stage | the error is raised like any other |
//! | `TimeoutLayer` | [`interrupt_with`](crate::Context::interrupt_with) | ends the stage that waits, and holds for those after it |
//! | `CatchPanicLayer` | always there | [`Error::is_panic`] |
//! | `TraceLayer` | spans of the chain itself; [`Observer`] | they cost nothing where they are disabled |
//! | `RetryLayer` | [`cx.run(&inner)`](crate::Context::run) in a loop | see [below](#there-is-no-next) |
//! | `ConcurrencyLimit`, `LoadShed`, `poll_ready` | an interceptor that waits for room, or raises | see [below](#nobody-is-asked-whether-they-are-ready) |
//! | `BoxCloneService`, a boxed layer | every [`Link`] | chains of the same `T` have the same type |
//! | `Clone` on services | not needed | stages take `&self`; clones of a chain share its interceptors |
//! | `ServiceExt::oneshot` in a test | [`run_now`](crate::Chain::run_now), [`Link::enter`] | a test needs no runtime when no stage waits |
//! | `nest_service`, `route_service` | `mount`, `from_tower` of the server | with its feature `tower`, by which a router is a service too |
//! | a spawned task, so that work survives the client | [`detach`](crate::Context::detach) | leave and error stages run as ever |
//!
//! [`Chain`]: crate::Chain
//! [`Chain::run`]: crate::Chain::run
//! [`Context`]: crate::Context
//! [`Error::is_panic`]: crate::Error::is_panic
//! [`Interceptor`]: crate::Interceptor
//! [`Link`]: crate::Link
//! [`Link::enter`]: crate::Link::enter
//! [`Observer`]: crate::Observer
//! [`after`]: crate::after
//! [`always`]: crate::always
//! [`around`]: crate::around
//! [`before`]: crate::before
//! [`binding!`]: crate::binding
//! [`cancel`]: crate::Interceptor::cancel
//! [`catch`]: crate::catch
//! [`on_error`]: crate::on_error
//!
//! # What behaves differently, and why
//!
//! ## An error is no response
//!
//! In axum a handler's error is turned into a response on the spot, and all the layers outside see a response. Here it stays
//! an error, with its type, until an error stage has handled it. So [`after`] is passed over while one is pending: a header
//! that must be on every answer belongs to [`always`], or outside of the interceptor that renders errors. In exchange no
//! signature names an error type, and who handles an error can ask what it was.
//!
//! ```
//! use peristyle_core::{Caught, Chain, Context, Error, always, before, catch};
//!
//! #[derive(Default)]
//! struct Exchange { status: u16, cors: bool }
//!
//! #[derive(Debug)]
//! struct NotFound;
//! # impl std::fmt::Display for NotFound {
//! #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("not found") }
//! # }
//! impl std::error::Error for NotFound {}
//!
//! async fn find(_: &mut Context<Exchange>) -> Result<(), NotFound> {
//!     Err(NotFound)
//! }
//!
//! let chain = Chain::new([
//!     catch(|cx: &mut Context<Exchange>, _: Caught<NotFound>| cx.status = 404),
//!     always(|cx: &mut Context<Exchange>| cx.cors = true),
//!     before(find),
//! ]);
//! let mut cx = Context::new(Exchange::default());
//! chain.run_now(&mut cx)?;
//! assert_eq!((cx.status, cx.cors), (404, true));
//! # Ok::<(), Error>(())
//! ```
//!
//! ## There is no `next`
//!
//! A stage cannot hold a borrow, a guard or a span across the rest of the chain, cannot race the rest against something
//! else, and cannot run the rest twice. What is lost is small: a guard is left in the context, a race is an interrupt, and
//! what is to be run twice is a chain of its own, which a stage runs on the context that it was given. What is gained:
//! the walk costs the same at any depth, needs no more stack, and no interceptor can drop an answer on its way out.
//!
//! ```
//! use peristyle_core::{Chain, Context, Error, Interceptor, Link, Stages, Step, before};
//!
//! /// Runs its chain again when it fails, up to three times in all.
//! struct Retry<T>(Chain<T>);
//!
//! impl<T: Send + 'static> Interceptor<T> for Retry<T> {
//!     fn stages(&self) -> Stages {
//!         Stages::ENTER
//!     }
//!
//!     fn enter<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
//!         Step::later(async move {
//!             let mut tries = 1;
//!             while let Err(error) = cx.run(&self.0).await {
//!                 if tries == 3 {
//!                     return Err(error.into());
//!                 }
//!                 tries += 1;
//!             }
//!             Ok(())
//!         })
//!     }
//! }
//!
//! fn third_time(cx: &mut Context<u32>) -> Result<(), &'static str> {
//!     **cx += 1;
//!     if **cx < 3 { Err("not yet") } else { Ok(()) }
//! }
//!
//! let mut cx = Context::new(0);
//! Chain::from(Link::new(Retry(before(third_time).into()))).run_now(&mut cx)?;
//! assert_eq!(*cx, 3);
//! # Ok::<(), Error>(())
//! ```
//!
//! ## Nobody is asked whether they are ready
//!
//! There is no `poll_ready` and no back-pressure between interceptors. How much runs at once is the host's affair, by the
//! connections that it accepts; where one part of the work needs its own bound, an interceptor waits for a permit and leaves
//! it in the context, which gives it back when it is dropped.
//!
//! ```
//! use std::sync::Arc;
//!
//! use peristyle_core::{Chain, Context, Error, Interceptor, Link, Stages, Step};
//! use tokio::sync::{OwnedSemaphorePermit, Semaphore};
//!
//! struct AtMost(Arc<Semaphore>);
//!
//! impl<T: Send + 'static> Interceptor<T> for AtMost {
//!     fn stages(&self) -> Stages {
//!         Stages::ENTER
//!     }
//!
//!     fn enter<'a>(&'a self, cx: &'a mut Context<T>) -> Step<'a, T> {
//!         Step::later(async move {
//!             let permit = Arc::clone(&self.0).acquire_owned().await?;
//!             cx.insert::<OwnedSemaphorePermit>(permit);
//!             Ok(())
//!         })
//!     }
//! }
//!
//! let room = Arc::new(Semaphore::new(2));
//! let mut cx = Context::new("work");
//! Chain::from(Link::new(AtMost(room.clone()))).run_now(&mut cx)?;
//! assert_eq!(room.available_permits(), 1);
//! drop(cx);
//! assert_eq!(room.available_permits(), 2);
//! # Ok::<(), Error>(())
//! ```
//!
//! ## One type is carried
//!
//! A layer may turn a request of one type into one of another. All stages of a chain carry the same `T`, so a step from bytes
//! to a parsed form puts the form beside them, as a field or as a typed value. What the compiler no longer checks, that the
//! form was put there, [`require`](crate::Context::require) tells at run time. In exchange the chain's length is in no type:
//! what the compiler has to work on is what was written, not routes times layers, and what it complains about is one function.
//!
//! ## Each stage is called through a pointer
//!
//! That is one indirect call for each stage, which the optimiser cannot look through, and one allocation for each stage that
//! waits. A stage that answers at once allocates nothing.
//!
//! ## Leaving early is told
//!
//! When a client has gone, tower drops the future, and what a layer must undo has to be in somebody's `Drop`. Here the future
//! is dropped as well, and then each interceptor that was entered is told by [`cancel`], with the context in its hand.
//!
//! ## An `async` closure uses no captured state
//!
//! The future of a stage may borrow the context, and nothing of the closure that made it. State of an `async` stage lives in a
//! type that implements [`Interceptor`], as `Retry` and `AtMost` above, or is cloned by a plain closure into a future that
//! leaves the context alone: `move |_: &mut Context<T>| ask(bank.clone())`.
//!
//! # When an interceptor is the wrong thing
//!
//! - *One handler needs it.* Call a function.
//! - *It needs the rest inside of it*: a transaction that is a closure's argument, a span that must be entered by hand, two
//!   attempts that race. Write an `async fn` around the calls, and make that one stage.
//! - *It works on each piece of a body* rather than on the exchange: compression, counting bytes. Wrap the body.
//! - *It works on the connection*: TLS, upgrades, limits of accepting. That is the server's.
//! - *The carried type changes on the way.* Compose functions; the compiler then checks each step.
//! - *It exists as a tower layer and you use axum.* Keep it. A chain runs no layers, and the event streams and streamed bodies
//!   of Peristyle are plain responses that axum can return. A router of the server can stand in axum, behind its layers, and a
//!   service in its layers can be mounted in a router: neither has to move at once.
//!
//! [`require`]: crate::Context::require
