//! What a stream does when its host shuts down.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use peristyle_core::{Controlled, End};
use tokio::time::{Sleep, sleep};

/// What a stream does when its host asks it to end.
///
/// Nothing but the format of a body says whether a part of it is of use, so a stream that is cut short is aborted unless
/// [`EndWith`](Self::EndWith) says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum DrainPolicy {
    /// It goes on to its own end, and the producer learns nothing. The default: the host has a deadline for all anyway.
    #[default]
    Finish,
    /// It goes on for as long, then is aborted with [`End::Deadline`].
    ///
    /// The time is counted by tokio's clock, which the runtime must have enabled; without it the body panics.
    Within(Duration),
    /// It is aborted at once, with [`End::Drained`].
    Abort,
    /// It ends well at once, after these bytes, with [`End::Drained`]: for formats whose last value says that the rest is
    /// missing or where to go on. Without any bytes it just ends: for formats of which every part is a whole, such as logs.
    ///
    /// What the producer has sent and the host not yet taken is dropped. A body of declared length is aborted instead.
    EndWith(Bytes),
}

pub(crate) struct Drain {
    policy: DrainPolicy,
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Drain {
    pub(crate) fn new(policy: DrainPolicy) -> Self {
        Self {
            policy,
            deadline: None,
        }
    }

    /// Ready when the stream has to end now.
    pub(crate) fn poll(&mut self, controlled: &mut Controlled, cx: &mut Context<'_>) -> Poll<End> {
        let DrainPolicy::Within(time) = self.policy else {
            return self.poll_now(controlled, cx);
        };
        if self.deadline.is_none() {
            ready!(controlled.poll_drain(cx));
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(time)));
        deadline.as_mut().poll(cx).map(|()| End::Deadline)
    }

    fn poll_now(&self, controlled: &mut Controlled, cx: &mut Context<'_>) -> Poll<End> {
        if self.policy == DrainPolicy::Finish {
            return Poll::Pending;
        }
        controlled.poll_drain(cx).map(|()| End::Drained)
    }

    /// The bytes after which the stream ends well.
    pub(crate) fn last(&self) -> Option<Bytes> {
        match &self.policy {
            DrainPolicy::EndWith(last) => Some(last.clone()),
            _ => None,
        }
    }
}

impl fmt::Debug for Drain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.policy.fmt(f)
    }
}
