//! One timer for whatever a stream waits for next.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::waker::Identity;

pin_project! {
    /// Costs nothing until it is polled, and is not touched when what it waits for is put off.
    #[derive(Debug, Default)]
    pub(crate) struct Alarm {
        #[pin]
        sleep: Option<Sleep>,
        // Whom it wakes, while it has not rung.
        wakes: Option<Identity>,
    }
}

impl Alarm {
    /// Ready at `at`, which may differ from call to call.
    pub(crate) fn poll(self: Pin<&mut Self>, at: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let mut sleep = this.sleep;
        if sleep.is_none() {
            sleep.set(Some(sleep_until(at)));
        }
        let mut sleep = sleep.as_pin_mut().expect("it was set above");
        let wakes = Some(Identity::of(cx.waker()));
        if sleep.deadline() > at {
            sleep.as_mut().reset(at);
        } else if *this.wakes == wakes && !sleep.is_elapsed() {
            return Poll::Pending;
        }
        *this.wakes = wakes;
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() == at {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(at);
        }
    }
}
