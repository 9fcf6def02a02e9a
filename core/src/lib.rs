//! The interceptor chain of Peristyle.

mod chain;
pub mod channel;
mod context;
mod control;
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
mod walk;

pub use self::{
    chain::Chain,
    channel::channel,
    context::{Context, NotEntering},
    control::{Control, Controlled, End},
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
};
