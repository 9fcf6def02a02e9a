//! The time since the load began.

#![expect(
    clippy::disallowed_types,
    reason = "what passes is measured, and no runtime is here whose time can be paused"
)]

use std::time::{Duration, Instant};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    pub(crate) fn now(self) -> Duration {
        self.0.elapsed()
    }

    /// What has passed since another moment.
    pub(crate) fn since(self, earlier: Duration) -> Duration {
        self.now().saturating_sub(earlier)
    }
}
