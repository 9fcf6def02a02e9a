//! Coming from Pedestal.
//!
//! The idea is Pedestal's, and its words are kept: interceptor, enter, leave, error, queue, terminate, enqueue, observer. The
//! walk is the same walk. What is different comes from Rust (a context that is changed in place, types instead of keys,
//! futures instead of channels) or from what users of Pedestal ran into.
//!
//! ```clojure
//! (def audit
//!   {:name  ::audit
//!    :enter (fn [ctx] (assoc ctx ::began (now)))
//!    :leave (fn [ctx] (note "done" (::began ctx)) ctx)
//!    :error (fn [ctx ex] (note "failed" ex) (assoc ctx ::chain/error ex))})
//! ```
//!
//! is
//!
//! ```
//! use peristyle_core::{Chain, Context, Error, Interceptor, Link, Stages, Step, before};
//! use tokio::time::Instant;
//!
//! type Log = Vec<String>;
//!
//! struct Began(Instant);
//!
//! struct Audit;
//!
//! impl Interceptor<Log> for Audit {
//!     fn stages(&self) -> Stages {
//!         Stages::ENTER | Stages::LEAVE | Stages::ERROR
//!     }
//!
//!     fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
//!         cx.insert(Began(Instant::now()));
//!         Step::next()
//!     }
//!
//!     fn leave<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
//!         if let Some(Began(at)) = cx.remove() {
//!             cx.push(format!("done after {:?}", at.elapsed()));
//!         }
//!         Step::next()
//!     }
//!
//!     fn error<'a>(&'a self, cx: &'a mut Context<Log>, error: Error) -> Step<'a, Log> {
//!         cx.push(error.to_string());
//!         Step::raise(error) // declined: it goes on
//!     }
//! }
//!
//! let work = before(|_: &mut Context<Log>| Err::<(), _>("boom")).named("work");
//! let mut cx = Context::new(Log::new());
//! let chain = Chain::new([Link::new(Audit).named("audit"), work]);
//! assert!(chain.run_now(&mut cx).is_err());
//! assert_eq!(*cx, ["enter of `work` failed"]);
//! ```
//!
//! # Old to new
//!
//! | Pedestal | here | note |
//! |---|---|---|
//! | an interceptor map | a type that implements [`Interceptor`] | with the stages that it has, named in `stages` |
//! | `before`, `after`, `around`, `on-request`, `on-response`, `handler` | [`before`], [`after`], [`around`], [`handler`] | functions over the context; it has the request |
//! | `:name ::audit` | [`named("audit")`](crate::Link::named) | default is the path of the function or type |
//! | the context map | [`Context<T>`](crate::Context) | `T` holds what `:request` and `:response` did |
//! | a key in the context | [`insert`], [`get`], [`require`] by type | a type of one's own in the place of a namespaced key |
//! | returning the context | changing it | nothing is returned, so nothing else can be returned by mistake |
//! | `::chain/queue`, `::chain/stack` | [`queue`](crate::Context::queue), [`entered`](crate::Context::entered) | to be read; no stage can put something wrong there |
//! | `chain/enqueue`, `enqueue*` | [`enqueue`] | a link, an array of links or a chain; the compiler knows that they are interceptors |
//! | | [`enqueue_next`](crate::Context::enqueue_next) | puts right after the current one |
//! | `chain/terminate` | [`terminate`](crate::Context::terminate) | |
//! | `chain/terminate-when` | [`terminate_when`](crate::Context::terminate_when) | asked after each enter that ran, newest first |
//! | setting `:response` ends the way in | the same in `peristyle-server` | by a terminator of its own |
//! | `:bindings`, `chain/bind`, `chain/unbind`, `::chain/rebind` | [`binding!`], [`bind`], [`unbind`] | in force at once, not from the next interceptor on |
//! | a core.async channel in the place of the context | an `async fn`, or a `oneshot::Receiver<T>` | the channel conveys a new `T`; queue and stack stay |
//! | `chain/on-enter-async` | [`on_first_wait`](crate::Context::on_first_wait) | its failure is a failure of that stage |
//! | `:error` returns the context | `Ok` | handled |
//! | `(assoc ctx ::chain/error ex)`, or throwing `ex` again | the same error as `Err` | declined |
//! | throwing another | another error as `Err` | failed; the old one is in [`suppressed`](crate::Error::suppressed) |
//! | `error-dispatch` | [`catch`](crate::catch) by type, several in a row | |
//! | `:execution-id`, `:stage`, `:interceptor` of `ex-data` | methods of [`Error`](crate::Error) | the original cannot overwrite them |
//! | `chain/execute` | [`run`](crate::Chain::run), [`run_now`](crate::Chain::run_now) | a `Result`, in every case |
//! | `chain/execute` inside a stage | [`cx.run(&chain)`](crate::Context::run) | with a queue and a stack of its own |
//! | `chain/add-observer` | [`observe`](crate::Context::observe) | told before a stage too |
//! | `debug-observer` | [`debug_observer`](crate::debug::debug_observer) | the carried value says what it reports |
//! | a route, `["/orders/:id" :get [auth show] :route-name ::order]` | `Route::get("/orders/{id}", [auth, handler(show)]).named("order")` | in `peristyle-server` |
//! | default interceptors | `Routes::interceptors` | after the router, so that they know the route |
//! | `sse/start-event-stream` | `sse::produce`, `sse::channel` | in `peristyle-sse`; a handler returns the stream |
//! | a channel as `:body` | [`channel`](crate::channel()) and a crate that makes a body of it | its sender says how it ends |
//! | `response-for` | `TestClient` | in `peristyle-server`; streams included |
//!
//! [`Interceptor`]: crate::Interceptor
//! [`after`]: crate::after
//! [`around`]: crate::around
//! [`before`]: crate::before
//! [`bind`]: crate::Context::bind
//! [`binding!`]: crate::binding
//! [`enqueue`]: crate::Context::enqueue
//! [`get`]: crate::Context::get
//! [`handler`]: crate::handler
//! [`insert`]: crate::Context::insert
//! [`require`]: crate::Context::require
//! [`unbind`]: crate::Context::unbind
//!
//! # What behaves differently, and why
//!
//! ## The outcome is always known
//!
//! A channel that was closed or never written, an error that nobody handled after a wait, a stage that returned something
//! that is no context: in Pedestal each has been a request that ended silently or not at all. Here an execution is one
//! future with one `Result`. A channel that closes early raises [`Closed`](crate::Closed) in the stage that returned it,
//! from enter, leave and error alike, and the context holds what the stage had left in it.
//!
//! ```
//! use peristyle_core::{Chain, Context, before};
//! use tokio::sync::oneshot;
//!
//! fn forgets(_: &mut Context<u32>) -> oneshot::Receiver<u32> {
//!     let (_sender, receiver) = oneshot::channel();
//!     receiver
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let error = Chain::from(before(forgets)).run(&mut Context::new(7)).await.unwrap_err();
//! assert!(error.is_closed());
//! # }
//! ```
//!
//! ## An `async` stage raises its own errors
//!
//! What goes wrong on the far side of a channel had to be put into the context by hand. An `async fn` returns it; a channel
//! of `Result<T, E>` conveys it, and it is raised as if the stage had returned it.
//!
//! ## One rule says whose error stage is asked
//!
//! One that fails in enter is asked itself first, whether it returned an error, panicked, was interrupted, or its channel
//! closed. One that fails in leave or in error is not; the outer ones are. Each is asked once, so a handler that fails is
//! not given its own failure.
//!
//! ## Declining compares nothing
//!
//! Pedestal takes an exception of the same type as the pending one for the same exception. Here an error stage declines by
//! returning the very error that it was given. One that is merely equal is another, and the first is kept as suppressed.
//!
//! ## The queue is left alone on the way back
//!
//! Enqueuing in leave or error is an `Err` for the stage that tried it, and disturbs nothing.
//!
//! ```
//! use peristyle_core::{Chain, Context, Error, after, before};
//!
//! let late = after(|cx: &mut Context<u32>| {
//!     let more = before(|cx: &mut Context<u32>| **cx += 1);
//!     assert!(cx.enqueue(more).is_err());
//! });
//! let mut cx = Context::new(1);
//! Chain::from(late).run_now(&mut cx)?;
//! assert_eq!(*cx, 1);
//! # Ok::<(), Error>(())
//! ```
//!
//! ## A chain can run inside a stage
//!
//! It has its own queue, stack, terminators and pending error, and the outer walk goes on as if nothing had been. What the
//! inner chain does not handle comes back to the stage as an `Err`.
//!
//! ## Waiting changes nothing but the time
//!
//! A stage that waits is awaited in its place: no pool of threads takes over, terminators are asked after it as after any
//! other, bindings and spans are the same throughout. The chain does wait for it; for work beside the chain, start a task
//! and let a later stage await it.
//!
//! ## There is an end before the end
//!
//! A deadline, the client's leaving and a shutdown reach a waiting stage by [`interrupt_with`](crate::Context::interrupt_with)
//! as an error. An execution that is given up is cancelled, and each interceptor entered is told
//! ([`cancel`](crate::Interceptor::cancel)). Pedestal's interceptors hear of neither.
//!
//! ## Headers for every answer
//!
//! A leave stage does not run while an error is pending, there as here. [`always`](crate::always) runs on both ways out, and
//! does not handle the error; a CORS header belongs there.
//!
//! ```
//! use peristyle_core::{Chain, Context, Error, always, before, on_error};
//!
//! #[derive(Default)]
//! struct Exchange { status: u16, cors: bool }
//!
//! let chain = Chain::new([
//!     on_error(|cx: &mut Context<Exchange>, _: Error| cx.status = 500),
//!     always(|cx: &mut Context<Exchange>| cx.cors = true),
//!     before(|_: &mut Context<Exchange>| Err::<(), _>("boom")),
//! ]);
//! let mut cx = Context::new(Exchange::default());
//! chain.run_now(&mut cx)?;
//! assert_eq!((cx.status, cx.cors), (500, true));
//! # Ok::<(), Error>(())
//! ```
//!
//! ## Observers are harmless
//!
//! One that panics changes nothing for the execution, and is reported once.
//!
//! ## What is not here
//!
//! No data literal becomes an interceptor: a function does, by [`before`] and its siblings. No interceptor is changed while a
//! program runs, so there is no development mode that looks routes up anew for each request. The context is not persistent:
//! a stage that wants the former value keeps a clone.
