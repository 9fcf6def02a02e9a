//! A deadline that is moved often and seldom reached.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{
    task::coop,
    time::{Instant, Sleep, sleep_until},
};

/// Moving it is no more than a store: its timer is moved when it rings too early, or would ring too late. Nor is it polled before
/// it rings, once it knows whom to wake.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    at: Option<Instant>,
    timer: Option<Pin<Box<Timer>>>,
}

pin_project! {
    #[derive(Debug)]
    // `waker` is of whom it wakes when it rings.
    struct Timer {
        #[pin]
        sleep: Sleep,
        waker: Option<Waker>,
    }
}

impl Deadline {
    /// A deadline that is never reached until it is set.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Moves it. Farther away than the clock goes is never.
    pub(crate) fn set(&mut self, from: Instant, after: Duration) {
        self.at = from.checked_add(after);
    }

    /// Whether it has passed; if not, the task is woken when it has.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(at) = self.at else {
            return Poll::Pending;
        };
        let timer = self.timer.get_or_insert_with(|| Timer::new(at));
        if timer.sleep.deadline() > at {
            timer.as_mut().set(at);
        }
        if timer.will_wake(cx.waker()) {
            return Poll::Pending;
        }
        while timer.as_mut().poll(cx).is_ready() {
            if timer.sleep.deadline() >= at {
                return Poll::Ready(());
            }
            timer.as_mut().set(at);
        }
        Poll::Pending
    }
}

impl Timer {
    fn new(at: Instant) -> Pin<Box<Self>> {
        Box::pin(Self {
            sleep: sleep_until(at),
            waker: None,
        })
    }

    fn set(self: Pin<&mut Self>, at: Instant) {
        let this = self.project();
        this.sleep.reset(at);
        *this.waker = None;
    }

    /// Whether it has not rung, and will wake this one when it does.
    fn will_wake(&self, waker: &Waker) -> bool {
        let woken = self.waker.as_ref();
        woken.is_some_and(|woken| woken.will_wake(waker)) && !self.sleep.is_elapsed()
    }

    /// A task that has used up its turn is woken for another, and not by the timer.
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let waits = coop::has_budget_remaining();
        let polled = this.sleep.poll(cx);
        *this.waker = (waits && polled.is_pending()).then(|| cx.waker().clone());
        polled
    }
}

/// How long something may be tried without success.
#[derive(Debug)]
pub(crate) struct Limit {
    after: Duration,
    deadline: Deadline,
    waits: bool,
}

/// It took longer than this.
#[derive(Debug)]
pub(crate) struct Elapsed(pub(crate) Duration);

impl Limit {
    pub(crate) fn new(after: Duration) -> Self {
        Self {
            after,
            deadline: Deadline::new(),
            waits: false,
        }
    }

    /// What was tried, or that it has been tried for too long. The time begins with the first try that is pending.
    pub(crate) fn poll<T>(
        &mut self,
        tried: Poll<T>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, Elapsed>> {
        if let Poll::Ready(done) = tried {
            // Mostly it is not: a store would take the memory of each connection that is written to.
            if self.waits {
                self.waits = false;
            }
            return Poll::Ready(Ok(done));
        }
        if !self.waits {
            self.waits = true;
            self.deadline.set(Instant::now(), self.after);
        }
        self.deadline.poll(cx).map(|()| Err(Elapsed(self.after)))
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    /// When a deadline rings that was set to these seconds, one after the other, each one polled.
    async fn rings_after(seconds: &[u64]) -> u64 {
        let start = Instant::now();
        let mut deadline = Deadline::new();
        for &seconds in seconds {
            deadline.set(start, Duration::from_secs(seconds));
            let polled = poll_fn(|cx| Poll::Ready(deadline.poll(cx))).await;
            assert_eq!(polled, Poll::Pending);
        }
        poll_fn(|cx| deadline.poll(cx)).await;
        start.elapsed().as_secs()
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_where_it_was_moved_to_last() {
        assert_eq!(rings_after(&[10]).await, 10);
        assert_eq!(rings_after(&[10, 60]).await, 60);
        assert_eq!(rings_after(&[60, 10]).await, 10);
        assert_eq!(rings_after(&[10, 20, 5, 30, 15]).await, 15);
    }

    #[tokio::test(start_paused = true)]
    async fn it_rings_though_it_was_first_asked_when_the_turn_of_its_task_was_over() {
        let start = Instant::now();
        let mut deadline = Deadline::new();
        deadline.set(start, Duration::from_secs(10));
        let polled = poll_fn(|cx| {
            while coop::has_budget_remaining() {
                if let Poll::Ready(turn) = coop::poll_proceed(cx) {
                    turn.made_progress();
                }
            }
            Poll::Ready(deadline.poll(cx))
        });
        assert_eq!(polled.await, Poll::Pending);
        poll_fn(|cx| deadline.poll(cx)).await;
        assert_eq!(start.elapsed().as_secs(), 10);
    }

    #[tokio::test(start_paused = true)]
    async fn it_wakes_the_one_that_asked_last() {
        let start = Instant::now();
        let mut deadline = Deadline::new();
        deadline.set(start, Duration::from_secs(10));
        let mut first = tokio_test::task::spawn(poll_fn(|cx| deadline.poll(cx)));
        assert!(first.poll().is_pending());
        drop(first);
        let mut second = tokio_test::task::spawn(poll_fn(|cx| deadline.poll(cx)));
        assert!(second.poll().is_pending());
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(second.is_woken());
        assert!(second.poll().is_ready());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_too_far_away_never_rings() {
        let mut deadline = Deadline::new();
        deadline.set(Instant::now(), Duration::MAX);
        let ring = poll_fn(|cx| deadline.poll(cx));
        let day = Duration::from_secs(24 * 60 * 60);
        assert!(tokio::time::timeout(day, ring).await.is_err());
    }
}
