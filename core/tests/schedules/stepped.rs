//! tokio's semaphore and notification, each of whose uses is one step that loom can put before or after any other.
//!
//! tokio explores their insides itself. To loom they would be nothing at all: it would not try the orders that differ only
//! in which thread came to the semaphore first.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll},
};

use loom::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tokio::sync::{AcquireError, TryAcquireError, futures};

/// What every step writes to, so that loom sees that they depend on each other.
#[derive(Default)]
struct Steps(AtomicUsize);

impl Steps {
    fn step(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A step when dropped, before what was declared earlier is.
struct StepOnDrop<'a>(&'a Steps);

impl Drop for StepOnDrop<'_> {
    fn drop(&mut self) {
        self.0.step();
    }
}

pub(in crate::channel) struct Semaphore {
    real: tokio::sync::Semaphore,
    steps: Steps,
}

impl Semaphore {
    pub(in crate::channel) const MAX_PERMITS: usize = tokio::sync::Semaphore::MAX_PERMITS;

    pub(in crate::channel) fn new(permits: usize) -> Self {
        Self {
            real: tokio::sync::Semaphore::new(permits),
            steps: Steps::default(),
        }
    }

    pub(in crate::channel) fn close(&self) {
        self.steps.step();
        self.real.close();
    }

    pub(in crate::channel) fn add_permits(&self, n: usize) {
        self.steps.step();
        self.real.add_permits(n);
    }

    pub(in crate::channel) async fn acquire(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.acquire_many(1).await
    }

    pub(in crate::channel) async fn acquire_many(
        &self,
        n: u32,
    ) -> Result<SemaphorePermit<'_>, AcquireError> {
        let mut acquire = pin!(self.real.acquire_many(n));
        let given_up = StepOnDrop(&self.steps);
        let acquired = poll_fn(|cx| {
            self.steps.step();
            acquire.as_mut().poll(cx)
        })
        .await;
        drop(given_up);
        acquired.map(|real| self.permit(real))
    }

    pub(in crate::channel) fn try_acquire(&self) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.try_acquire_many(1)
    }

    pub(in crate::channel) fn try_acquire_many(
        &self,
        n: u32,
    ) -> Result<SemaphorePermit<'_>, TryAcquireError> {
        self.steps.step();
        self.real.try_acquire_many(n).map(|real| self.permit(real))
    }

    fn permit<'a>(&'a self, real: tokio::sync::SemaphorePermit<'a>) -> SemaphorePermit<'a> {
        SemaphorePermit {
            steps: &self.steps,
            real: Some(real),
        }
    }
}

pub(in crate::channel) struct SemaphorePermit<'a> {
    steps: &'a Steps,
    /// `None` once forgotten.
    real: Option<tokio::sync::SemaphorePermit<'a>>,
}

impl SemaphorePermit<'_> {
    pub(in crate::channel) fn forget(mut self) {
        if let Some(real) = self.real.take() {
            real.forget();
        }
    }

    pub(in crate::channel) fn split(&mut self, n: usize) -> Option<Self> {
        let real = self.real.as_mut()?.split(n)?;
        Some(Self {
            steps: self.steps,
            real: Some(real),
        })
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        if let Some(real) = self.real.take() {
            self.steps.step();
            drop(real);
        }
    }
}

pub(in crate::channel) struct Notify {
    real: tokio::sync::Notify,
    steps: Steps,
}

impl Notify {
    pub(in crate::channel) fn new() -> Self {
        Self {
            real: tokio::sync::Notify::new(),
            steps: Steps::default(),
        }
    }

    pub(in crate::channel) fn notify_waiters(&self) {
        self.steps.step();
        self.real.notify_waiters();
    }

    pub(in crate::channel) fn notified(&self) -> Notified<'_> {
        self.steps.step();
        Notified {
            steps: &self.steps,
            real: Box::pin(self.real.notified()),
        }
    }
}

pub(in crate::channel) struct Notified<'a> {
    steps: &'a Steps,
    real: Pin<Box<futures::Notified<'a>>>,
}

impl Notified<'_> {
    pub(in crate::channel) fn enable(mut self: Pin<&mut Self>) -> bool {
        self.steps.step();
        self.real.as_mut().enable()
    }
}

impl Future for Notified<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.steps.step();
        self.real.as_mut().poll(cx)
    }
}

impl Drop for Notified<'_> {
    fn drop(&mut self) {
        self.steps.step();
    }
}
