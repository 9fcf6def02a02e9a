//! One timer for whatever a stream waits for next.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

pin_project! {
    /// Costs nothing until it is polled, and is not touched when what it waits for is put off.
    #[derive(Debug, Default)]
    pub(crate) struct Alarm {
        #[pin]
        sleep: Option<Sleep>,
    }
}

impl Alarm {
    /// Ready at `at`, which may differ from call to call.
    pub(crate) fn poll(self: Pin<&mut Self>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let mut sleep = self.project().sleep;
        if sleep.is_none() {
            sleep.set(Some(sleep_until(at)));
        }
        let mut sleep = sleep.as_pin_mut().expect("it was set above");
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() == at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}
