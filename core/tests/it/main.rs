//! What the chain and the channels promise. `PROMISES.md` says which test holds which promise.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]
#![expect(
    clippy::needless_pass_by_value,
    clippy::unnecessary_wraps,
    reason = "a stage function has the shape that it must have"
)]

mod bindings;
#[cfg(feature = "rt")]
mod blocking;
mod cancel;
mod channel;
mod compile_errors;
mod construction;
mod control;
mod cost;
mod debug_observer;
mod detach;
mod errors;
mod facts;
mod first_wait;
mod flat;
mod interrupts;
mod model;
mod nested;
mod observers;
mod order;
mod panics;
mod probe;
mod produced;
mod queue;
mod runs;
mod runtime;
mod stack;
mod values;
mod waiting;
mod watched;
