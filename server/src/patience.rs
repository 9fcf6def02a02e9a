//! How long the requests of an HTTP/1.1 connection are waited for.

use std::{
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Instant;

use crate::{activity::Activity, deadline::Deadline};

/// Watches what is read while no exchange is open: nothing yet of the next request, or a part of its head.
pub(crate) struct Patience {
    head_timeout: Duration,
    keep_alive_timeout: Duration,
    deadline: Deadline,
    waits_for: Option<Awaited>,
    /// How many requests have come; one more, and all that was read before is not of the next.
    requests: usize,
    /// Something of the next request has come.
    begun: bool,
}

/// What did not come in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Awaited {
    /// A request on a connection that is kept alive.
    Request,
    /// The rest of a head.
    Head,
}

impl Patience {
    /// The first request is waited for from `accepted` on.
    pub(crate) fn new(
        accepted: Instant,
        head_timeout: Duration,
        keep_alive_timeout: Duration,
    ) -> Self {
        let mut deadline = Deadline::new();
        deadline.set(accepted, head_timeout);
        Self {
            head_timeout,
            keep_alive_timeout,
            deadline,
            waits_for: Some(Awaited::Head),
            requests: 0,
            begun: true,
        }
    }

    /// The next request of a connection that was kept alive is waited for.
    pub(crate) fn kept_alive(head_timeout: Duration, keep_alive_timeout: Duration) -> Self {
        Self {
            head_timeout,
            keep_alive_timeout,
            deadline: Deadline::new(),
            waits_for: None,
            requests: 0,
            begun: false,
        }
    }

    /// Something was read.
    pub(crate) fn came(&mut self, activity: &Activity) {
        self.look(activity);
        self.begun |= !activity.is_busy();
    }

    /// Nothing is there to be read. Ready when it should be waited for no longer. `begun` tells that some of the next request
    /// came behind the one before.
    pub(crate) fn poll(
        &mut self,
        activity: &Activity,
        begun: bool,
        cx: &mut Context<'_>,
    ) -> Poll<Awaited> {
        if activity.is_busy() {
            return Poll::Pending;
        }
        self.look(activity);
        self.begun |= begun;
        let (awaited, limit) = if self.begun {
            (Awaited::Head, self.head_timeout)
        } else {
            (Awaited::Request, self.keep_alive_timeout)
        };
        if self.waits_for != Some(awaited) {
            self.waits_for = Some(awaited);
            self.deadline.set(Instant::now(), limit);
        }
        ready!(self.deadline.poll(cx));
        Poll::Ready(awaited)
    }

    fn look(&mut self, activity: &Activity) {
        let requests = activity.requests();
        if requests != self.requests {
            self.requests = requests;
            self.waits_for = None;
            self.begun = false;
        }
    }
}
