//! Whether a client takes what is written to its connection.

use std::{
    io,
    task::{Context, Poll, ready},
    time::Duration,
};

use peristyle_core::End;

use crate::{
    Exit,
    activity::Activity,
    deadline::{Elapsed, Limit},
};

/// Runs from the first write that the system does not take to the next that it takes.
pub(crate) struct Stall(Limit);

impl Stall {
    pub(crate) fn new(limit: Duration) -> Self {
        Self(Limit::new(limit))
    }

    /// What was tried to be written, or the error that the client has taken nothing for too long.
    pub(crate) fn poll<T>(
        &mut self,
        written: Poll<io::Result<T>>,
        activity: &Activity,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        let limit = match ready!(self.0.poll(written, cx)) {
            Ok(written) => return Poll::Ready(written),
            Err(Elapsed(limit)) => limit,
        };
        tracing::debug!(?limit, "the client takes nothing of what is written");
        activity.give_up(Exit::Aborted, End::Stalled);
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}
