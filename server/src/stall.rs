//! Whether a client takes what is written to its connection.

use std::{
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

use peristyle_core::End;
use tokio::time::Instant;

use crate::{Exit, activity::Activity, deadline::Deadline};

/// Runs from the first write that the system does not take to the next that it takes.
pub(crate) struct Stall {
    limit: Duration,
    deadline: Deadline,
    blocked: bool,
}

impl Stall {
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            deadline: Deadline::new(),
            blocked: false,
        }
    }

    /// What was tried to be written, or the error that the client has taken nothing for too long.
    pub(crate) fn poll<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        activity: &Activity,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.blocked = false;
            return written;
        }
        if !self.blocked {
            self.blocked = true;
            self.deadline.set(Instant::now(), self.limit);
        }
        ready!(self.deadline.poll(cx));
        tracing::debug!(limit = ?self.limit, "the client takes nothing of what is written");
        activity.give_up(Exit::Aborted, End::Stalled);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}
