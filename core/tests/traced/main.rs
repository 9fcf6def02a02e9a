//! What `tracing` is told. A process of its own: a subscriber changes what the spans cost in every thread.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail the test")]
#![expect(
    clippy::unnecessary_wraps,
    reason = "a stage function has the shape that it must have"
)]

mod debug_observer;
mod hops;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../it/probe.rs"]
mod probe;
mod recorder;
mod reported_once;
#[path = "../it/runs.rs"]
mod runs;
mod spans;
