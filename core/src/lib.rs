//! The interceptor chain of Peristyle.
//!
//! Before a request, a message or a job is answered it must be logged, authorised, timed and parsed; afterwards some of that
//! is undone, in reverse, and when something fails in between it must be done all the same. Here each such concern is an
//! **interceptor**, and the row of them is a [`Chain`]: plain data. An execution carries a value in a [`Context`] along the
//! chain. To the right it *enters* each, then it comes back and *leaves* them in reverse. When a stage fails, the walk turns
//! around there, and on the way back each interceptor's *error* stage is asked instead of its leave stage, until one has
//! handled the error.
//!
//! ```text
//!            log            auth           answer
//! value ──► enter ───────► enter ───────► enter ─┐
//! value ◄── leave ◄─────── leave ◄─────── leave ◄┘
//!
//! `auth` fails on the way in. Its own error stage is asked first and handles the error,
//! so `log` leaves as ever:
//!
//! value ──► enter ───────► enter ✗
//! value ◄── leave ◄─────── error ◄┘
//!
//! Nobody handles what `answer` raises, and whoever runs the chain gets it:
//!
//! value ──► enter ───────► enter ───────► enter ✗
//! error ◄── error ◄─────── error ◄─────── error ◄┘
//! ```
//!
//! No interceptor calls the next one. None can forget to, none loses an error on its way, and a thousand of them need the
//! stack of one. Each stage is a small function that a unit test can call alone.
//!
//! ```
//! use peristyle_core::{Chain, Context, Error, after, before, on_error};
//!
//! #[derive(Default)]
//! struct Order { items: u32, price: u32, log: Vec<&'static str> }
//!
//! async fn price(cx: &mut Context<Order>) -> Result<(), &'static str> {
//!     if cx.items == 0 {
//!         return Err("an order has items");
//!     }
//!     cx.price = cx.items * 3;
//!     Ok(())
//! }
//!
//! let chain = Chain::new([
//!     after(|cx: &mut Context<Order>| cx.log.push("done")),
//!     on_error(|cx: &mut Context<Order>, _: Error| cx.log.push("refused")),
//!     before(price),
//! ]);
//!
//! let mut order = Context::new(Order::default());
//! chain.run_now(&mut order)?;
//! assert_eq!(order.log, ["refused", "done"]);
//! # Ok::<(), Error>(())
//! ```
//!
//! Those who come from elsewhere find what they know, and what differs, in [`guide::from_tower`] and
//! [`guide::from_pedestal`].
//!
//! # Stages
//!
//! A stage function takes `&mut Context<T>`, which derefs to the value. It is a `fn`, an `async fn`, or a closure, and
//! returns `()` or a `Result` of any error, a text included.
//!
//! | made by | runs |
//! |---|---|
//! | [`before`] | on the way in |
//! | [`after`] | on the way back, unless an error is pending |
//! | [`around`] | both, one function for each |
//! | [`on_error`] | on the way back, while an error is pending |
//! | [`catch`] | the same, for errors of one type |
//! | [`always`] | on the way back, error or not; does not handle the error |
//! | [`handler`] | on the way in; what it returns is the [`Answer`] |
//! | a type that implements [`Interceptor`] | the stages that it names, and [`cancel`](Interceptor::cancel) |
//!
//! # The queue
//!
//! What is still to come is a queue, which enter stages may change: [`enqueue`](Context::enqueue) appends to it,
//! [`enqueue_next`](Context::enqueue_next) puts something at its front, and [`terminate`](Context::terminate) drops it, so
//! that the walk turns back after this stage. [`terminate_when`](Context::terminate_when) gives a condition that ends the way in once it
//! holds. A router is an interceptor that enqueues the chain of the route.
//!
//! ```
//! use peristyle_core::{Chain, Context, Error, NotEntering, before};
//!
//! fn route(cx: &mut Context<String>) -> Result<(), NotEntering> {
//!     if cx.is_empty() {
//!         cx.terminate();
//!         return Ok(());
//!     }
//!     cx.enqueue(before(|cx: &mut Context<String>| cx.make_ascii_uppercase()))
//! }
//!
//! let chain = Chain::from([before(route), before(|cx: &mut Context<String>| cx.push('!'))]);
//! for (text, expected) in [("hello", "HELLO!"), ("", "")] {
//!     let mut cx = Context::new(text.to_owned());
//!     chain.run_now(&mut cx)?;
//!     assert_eq!(*cx, expected);
//! }
//! # Ok::<(), Error>(())
//! ```
//!
//! # Errors
//!
//! A returned error, a panic, an interrupt and a channel that closes early all take the same path. The interceptor that
//! failed in enter is asked first, then those outside it; one that fails in leave or error is not asked about that itself.
//! An error stage answers one of three:
//!
//! - *handled*, `Ok`: the outer ones leave as ever, and [`recovered`](Context::recovered) tells them what happened;
//! - *declined*, the error that it was given: that goes on outward unchanged;
//! - *failed*, another error: this one goes on, and keeps the old one among its [`suppressed`](Error::suppressed).
//!
//! An [`Error`] knows the stage, the interceptor and the execution that raised it, and its original. What nobody handles is
//! returned to whoever runs the chain. Nothing is printed, and nothing is lost.
//!
//! ```
//! use std::num::ParseIntError;
//!
//! use peristyle_core::{Caught, Chain, Context, Error, Stage, before, catch, on_error};
//!
//! let zero = catch(|cx: &mut Context<String>, _: Caught<ParseIntError>| **cx = "0".to_owned());
//! let decline = on_error(|_: &mut Context<String>, error: Error| Err::<(), _>(error));
//! let fail = on_error(|_: &mut Context<String>, _: Error| Err::<(), _>("the disk is full"));
//! let parse = before(|cx: &mut Context<String>| cx.parse::<u8>().map(drop)).named("parse");
//!
//! let mut cx = Context::new("ten".to_owned());
//! Chain::new([zero, decline, parse.clone()]).run_now(&mut cx)?;
//! assert_eq!(*cx, "0");
//!
//! let mut cx = Context::new("ten".to_owned());
//! let error = Chain::new([fail.named("note"), parse]).run_now(&mut cx).unwrap_err();
//! assert_eq!((error.stage(), error.interceptor()), (Some(Stage::Error), Some("note")));
//! let suppressed: Vec<_> = error.suppressed().map(Error::to_string).collect();
//! assert_eq!(suppressed, ["enter of `parse` failed"]);
//! # Ok::<(), Error>(())
//! ```
//!
//! # Waiting
//!
//! A stage that is an `async fn` waits, and the walk with it; no thread is held. A stage can also hand the value to someone
//! else and return the receiver of a `oneshot` channel, which conveys a new value, **once**, or an error. With the feature
//! `rt` the handle of a spawned task and [`blocking`] do the same. Whether a stage waited changes nothing in the outcome.
//! [`Chain::run`] is a future for any executor; [`Chain::run_now`] needs none and refuses to wait.
//!
//! ```
//! use peristyle_core::{Chain, Context, Error, before};
//! use tokio::sync::oneshot;
//!
//! async fn greet(cx: &mut Context<String>) {
//!     tokio::task::yield_now().await;
//!     cx.insert_str(0, "hello, ");
//! }
//!
//! fn shout(cx: &mut Context<String>) -> oneshot::Receiver<String> {
//!     let (done, shouted) = oneshot::channel();
//!     let text = cx.take();
//!     std::thread::spawn(move || done.send(text.to_uppercase()));
//!     shouted
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let chain = Chain::new([before(greet), before(shout)]);
//! let mut cx = Context::new("Ada".to_owned());
//! chain.run(&mut cx).await?;
//! assert_eq!(*cx, "HELLO, ADA");
//!
//! let would_wait = chain.run_now(&mut cx).unwrap_err();
//! assert!(would_wait.would_wait());
//! # Ok(())
//! # }
//! ```
//!
//! # When nobody waits any longer
//!
//! [`interrupt_with`](Context::interrupt_with) takes a future, a deadline or a shutdown, whose error ends the stage that
//! waits and is raised in its place: a time-out is an error like any other.
//!
//! ```
//! use std::time::Duration;
//!
//! use peristyle_core::{Chain, Context, Error, before, on_error};
//! use tokio::time::sleep;
//!
//! fn deadline(cx: &mut Context<String>) {
//!     cx.interrupt_with(async {
//!         sleep(Duration::from_millis(5)).await;
//!         "took longer than 5 ms"
//!     });
//! }
//!
//! async fn ask(_: &mut Context<String>) {
//!     sleep(Duration::from_secs(3600)).await;
//! }
//!
//! fn explain(cx: &mut Context<String>, error: Error) {
//!     **cx = format!("{error}: {}", std::error::Error::source(&error).expect("an original"));
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Error> {
//! let chain = Chain::new([on_error(explain), before(deadline), before(ask).named("ask")]);
//! let mut cx = Context::new(String::new());
//! chain.run(&mut cx).await?;
//! assert_eq!(*cx, "enter of `ask` failed: took longer than 5 ms");
//! # Ok(())
//! # }
//! ```
//!
//! Dropping the future of a run cancels it: the stage that waits is dropped, then each interceptor that was entered is told
//! by [`cancel`](Interceptor::cancel), innermost first, which cannot wait. One that was entered is asked to leave, about an
//! error, or to cancel: exactly one of the three. Where work must be finished although the client has left, a stage calls
//! [`detach`](Context::detach), and the host of [`run_detachable`](Chain::run_detachable) goes on with the rest.
//!
//! # What stages tell each other
//!
//! The carried value is the first place. What only some stages know of is left in the context by its type:
//! [`insert`](Context::insert), and [`require`](Context::require) for what must be there. What functions far below a stage
//! need, without being given a context, is a [`binding!`].
//!
//! ```
//! use peristyle_core::{Chain, Context, Error, Missing, before};
//!
//! struct User(&'static str);
//!
//! fn identify(cx: &mut Context<String>) {
//!     cx.insert(User("Ada"));
//! }
//!
//! fn greet(cx: &mut Context<String>) -> Result<(), Missing> {
//!     **cx = format!("hello, {}", cx.require::<User>()?.0);
//!     Ok(())
//! }
//!
//! let mut cx = Context::new(String::new());
//! Chain::new([before(identify), before(greet)]).run_now(&mut cx)?;
//! assert_eq!(*cx, "hello, Ada");
//! assert!(Chain::from(before(greet)).run_now(&mut Context::new(String::new())).is_err());
//! # Ok::<(), Error>(())
//! ```
//!
//! # Watching
//!
//! An [`Observer`] is told of each stage: before it runs, after it has ended, how and after how long. It can change nothing.
//! One is ready made: [`debug::debug_observer`] writes what each stage changed.
//!
//! ```
//! use std::sync::Arc;
//!
//! use peristyle_core::{Chain, Context, Error, ExecutionId, Invocation, Observer, after, before};
//!
//! struct Print;
//!
//! impl Observer<u32> for Print {
//!     fn before(&self, cx: &Context<u32>, at: &Invocation<'_>) {
//!         println!("{}: {} of {} finds {}", at.execution, at.stage, at.interceptor, **cx);
//!     }
//! }
//!
//! let double = after(|cx: &mut Context<u32>| **cx *= 2).named("double");
//! let add = before(|cx: &mut Context<u32>| **cx += 1).named("add");
//! let mut cx = Context::with_id(20, ExecutionId::given("req-7"));
//! cx.observe(Arc::new(Print));
//! Chain::new([double, add]).run_now(&mut cx)?;
//! # Ok::<(), Error>(())
//! ```
//!
//! This prints
//!
//! ```text
//! req-7: enter of add finds 20
//! req-7: leave of double finds 21
//! ```
//!
//! Where spans of level DEBUG with a target that begins with `peristyle_core` are enabled there is one named `execution` for
//! each execution, with its `id`, and in it one named `stage` for each stage that waits, with its `stage` and its
//! `interceptor`. What a stage does is inside them, whatever it waits for and on whichever thread. The stages of a run inside
//! a stage are inside that stage. Where they are disabled nothing is formatted or allocated. What no caller can be told of,
//! such as a panic of an [`Observer`], is an event of level ERROR.
//!
//! # Many values
//!
//! A stage conveys one value at most. For many there is the bounded [`channel`](channel()), whose sender must say how it ends:
//! a producer that was merely dropped has failed.
//!
//! # Sockets that change hands
//!
//! What a host of streams and the streams tell each other is a [`Control`]. A stream that can write itself to the socket of its
//! connection says so with what is in [`handover`].
//!
//! # What it does not do
//!
//! The crate knows no HTTP, does no I/O, sets no timer and spawns nothing: a chain runs under any executor, or without one.
//! Nor does it limit how many executions run at once, try anything again, or run the stages of one execution side by side.
//! Panics are caught where they unwind; a program built with `panic = "abort"` ends at the first.

mod attended;
mod binding;
#[cfg(feature = "rt")]
mod blocking;
mod chain;
pub mod channel;
mod context;
mod control;
pub mod debug;
mod detachable;
mod error;
mod error_fn;
mod execution;
mod execution_id;
mod from_fn;
pub mod guide;
mod handler_fn;
pub mod handover;
mod interceptor;
mod name;
mod observer;
mod stage_fn;
mod step;
mod surroundings;
mod terminator;
mod values;
mod walk;

#[cfg(feature = "rt")]
pub use self::blocking::{Blocking, blocking};
pub use self::{
    binding::Binding,
    chain::Chain,
    channel::channel,
    context::{Context, NotEntering},
    control::{Control, Controlled, End},
    detachable::{Detachable, Host, NotDetachable, OnDetach, Rest},
    error::{BoxError, Closed, Error, Panicked, WouldWait},
    error_fn::{AsyncErrorFn, Caught, ErrorFn},
    execution_id::ExecutionId,
    from_fn::{after, always, around, before, catch, handler, on_error},
    handler_fn::{Answer, AsyncHandlerFn, HandlerFn},
    interceptor::{Interceptor, Link, Stage, Stages},
    name::{InvalidName, Name},
    observer::{Ending, Invocation, Observer},
    stage_fn::{Async, AsyncStageFn, AtOnce, StageFn},
    step::{BoxFuture, IntoOutcome, IntoStep, Later, Outcome, Step},
    values::Missing,
};
