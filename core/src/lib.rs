//! The interceptor chain of Peristyle.
//!
//! An execution carries a value in a [`Context`] along a [`Chain`] of interceptors: to the right it *enters* each, then it
//! comes back and *leaves* them in reverse. When a stage fails, the walk turns around there, and on the way back each
//! interceptor's *error* stage is asked instead of its leave stage, until one has handled the error.
//!
//! ```text
//! enter a ─► enter b ─► enter c ┐
//! leave a ◄─ leave b ◄─ leave c ┘          all is well
//!
//! enter a ─► enter b ✗
//! leave a ◄─ error b ┘                     b's own error stage handles what b raised
//! ```
//!
//! Functions become interceptors by [`before`], [`after`], [`around`], [`on_error`], [`catch`], [`always`] and [`handler`];
//! a type by implementing [`Interceptor`]. A stage answers at once, or later: an `async fn`, or a `oneshot` channel that
//! conveys a new value for the context. Stages that answer at once allocate nothing.
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
//! The crate knows no HTTP, does no I/O, has no clock and spawns nothing: a chain runs under any executor, or without one.
//! Panics are caught where they unwind; a program built with `panic = "abort"` ends at the first.

mod binding;
#[cfg(feature = "rt")]
mod blocking;
mod chain;
pub mod channel;
mod context;
mod control;
mod detachable;
mod error;
mod error_fn;
mod execution;
mod execution_id;
mod from_fn;
mod handler_fn;
mod interceptor;
mod name;
mod observer;
mod stage_fn;
mod step;
mod surroundings;
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
    detachable::{Detachable, NotDetachable, Rest},
    error::{BoxError, Closed, Error, Panicked, WouldWait},
    error_fn::{AsyncErrorFn, Caught, ErrorFn},
    execution_id::ExecutionId,
    from_fn::{after, always, around, before, catch, handler, on_error},
    handler_fn::{Answer, AsyncHandlerFn, HandlerFn},
    interceptor::{Interceptor, Link, Stage, Stages},
    name::{InvalidName, Name},
    observer::{Ending, Invocation, Observer},
    stage_fn::{Async, AsyncStageFn, AtOnce, StageFn},
    step::{BoxFuture, Conveyance, IntoOutcome, IntoStep, Outcome, Step},
    values::Missing,
};
