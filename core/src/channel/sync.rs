//! What the channel and [`Control`](crate::Control) synchronise with, in one place, so that a model can take its place.

#[cfg(not(all(test, loom)))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

#[cfg(not(all(test, loom)))]
pub(super) use tokio::sync::{Notify, Semaphore, SemaphorePermit};

#[cfg(all(test, loom))]
pub(crate) use loom::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicBool, Ordering},
};

#[cfg(all(test, loom))]
pub(super) use super::schedules::stepped::{Notify, Semaphore, SemaphorePermit};
