//! The end of a server, told to all that it serves.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker, ready},
};

use pin_project_lite::pin_project;
use tokio::sync::{Notify, futures::OwnedNotified};

/// How far the end of the server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    Draining,
    /// Little is left of the grace: what can be interrupted is.
    Ending,
    Forced,
}

/// A handle to watch for the server's shutdown. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(Option<Arc<Course>>);

/// Tells the [`Phase`]s to all who watch. They learn of one in an order that depends only on how they came, so that a server
/// does the same again from the same seed: who waits on a `tokio::sync::watch` is woken in a random one.
#[derive(Debug)]
pub(crate) struct Announcer(Arc<Course>);

#[derive(Debug)]
struct Course {
    /// A [`Phase`].
    phase: AtomicU8,
    /// Which of the waiting rooms is the next one's.
    next: AtomicUsize,
    /// Several, since each connection that is polled takes the lock of one.
    waiting: [Arc<Notify>; 8],
}

impl Announcer {
    pub(crate) fn announce(&self, phase: Phase) {
        self.0.phase.store(phase as u8, Ordering::Release);
        for room in &self.0.waiting {
            room.notify_waiters();
        }
    }
}

impl Shutdown {
    pub(crate) fn channel() -> (Announcer, Self) {
        let course = Arc::new(Course {
            phase: AtomicU8::new(Phase::Serving as u8),
            next: AtomicUsize::new(0),
            waiting: Default::default(),
        });
        (Announcer(Arc::clone(&course)), Self(Some(course)))
    }

    /// The shutdown of an exchange that no server serves.
    pub(crate) const fn never() -> Self {
        Self(None)
    }

    /// Whether the server is shutting down.
    pub fn is_requested(&self) -> bool {
        self.has_reached(Phase::Draining)
    }

    /// Resolves when the server begins to shut down. Pending for ever where there is no server.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn requested(&self) {
        self.reached(Phase::Draining).await;
    }

    pub(crate) fn has_reached(&self, phase: Phase) -> bool {
        let course = self.0.as_ref();
        course.is_some_and(|course| course.has_reached(phase))
    }

    pub(crate) fn reached(&self, phase: Phase) -> Reached {
        Reached {
            course: self.0.clone(),
            phase,
            waiting: None,
            announced: None,
        }
    }
}

impl Course {
    fn has_reached(&self, phase: Phase) -> bool {
        self.phase.load(Ordering::Acquire) >= phase as u8
    }

    /// The next announcement is not missed from here on.
    fn announced(&self) -> OwnedNotified {
        let room = self.next.fetch_add(1, Ordering::Relaxed) % self.waiting.len();
        Arc::clone(&self.waiting[room]).notified_owned()
    }
}

pin_project! {
    /// Resolves when a phase is reached. A connection polls this at each turn. Before the first announcement it takes the lock of a
    /// waiting room only when it is polled first, or by another task. After it, always: one that is polled while another thread
    /// announces knows the phase before it is woken for it.
    pub(crate) struct Reached {
        course: Option<Arc<Course>>,
        phase: Phase,
        // Who is known to wait, before the first announcement.
        waiting: Option<Waker>,
        #[pin]
        announced: Option<OwnedNotified>,
    }
}

impl Future for Reached {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(course) = this.course else {
            return Poll::Pending;
        };
        let known = this.waiting.as_ref();
        let serving = !course.has_reached(Phase::Draining);
        if serving && known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            return Poll::Pending;
        }
        *this.waiting = serving.then(|| cx.waker().clone());
        loop {
            if this.announced.is_none() {
                this.announced.set(Some(course.announced()));
                // An announcement is not missed any more, so that it can be looked for.
                if course.has_reached(*this.phase) {
                    return Poll::Ready(());
                }
            }
            if let Some(announced) = this.announced.as_mut().as_pin_mut() {
                ready!(announced.poll(cx));
            }
            this.announced.set(None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::poll_fn, rc::Rc};

    use tokio_test::{assert_pending, assert_ready, task};

    use super::*;

    #[test]
    fn a_phase_is_learned_by_who_waits_and_by_who_comes_later() {
        let (announcer, shutdown) = Shutdown::channel();
        let mut requested: Vec<_> = (0..20).map(|_| task::spawn(shutdown.requested())).collect();
        let mut forced = task::spawn(shutdown.reached(Phase::Forced));
        assert_pending!(forced.poll());
        for waits in &mut requested {
            assert_pending!(waits.poll());
        }
        assert!(!shutdown.is_requested());
        announcer.announce(Phase::Ending);
        assert!(shutdown.is_requested());
        for waits in &mut requested {
            assert!(waits.is_woken());
            assert_ready!(waits.poll());
        }
        assert_ready!(task::spawn(shutdown.requested()).poll());
        assert_pending!(forced.poll());
        announcer.announce(Phase::Forced);
        assert_ready!(forced.poll());
    }

    #[test]
    fn who_is_polled_for_other_reasons_learns_every_phase_and_by_its_last_task() {
        let (announcer, shutdown) = Shutdown::channel();
        let forced = Rc::new(RefCell::new(Box::pin(shutdown.reached(Phase::Forced))));
        let polling = || {
            let forced = Rc::clone(&forced);
            task::spawn(poll_fn(move |cx| forced.borrow_mut().as_mut().poll(cx)))
        };
        let (mut first, mut last) = (polling(), polling());
        for _ in 0..3 {
            assert_pending!(first.poll());
        }
        announcer.announce(Phase::Draining);
        assert!(first.is_woken());
        assert_pending!(first.poll());
        assert_pending!(first.poll());
        assert_pending!(last.poll());
        announcer.announce(Phase::Forced);
        assert!(last.is_woken());
        assert_ready!(last.poll());
    }

    /// It saw the phase, was not told of it yet, and took the word that came for one that it knew: it waited for ever.
    #[test]
    fn who_is_polled_in_the_middle_of_an_announcement_is_not_forgotten() {
        for waits_for in [Phase::Draining, Phase::Forced] {
            let (announcer, shutdown) = Shutdown::channel();
            let mut waits = task::spawn(shutdown.reached(waits_for));
            assert_pending!(waits.poll());
            announcer
                .0
                .phase
                .store(Phase::Draining as u8, Ordering::Release);
            assert_pending!(waits.poll());
            announcer.announce(Phase::Draining);
            assert!(waits.is_woken());
            if waits_for == Phase::Forced {
                assert_pending!(waits.poll());
                announcer.announce(Phase::Forced);
                assert!(waits.is_woken());
            }
            assert_ready!(waits.poll());
        }
    }

    #[test]
    fn nobody_shuts_down_where_there_is_no_server() {
        let never = Shutdown::never();
        assert_pending!(task::spawn(never.requested()).poll());
        let (announcer, orphaned) = Shutdown::channel();
        drop(announcer);
        assert_pending!(task::spawn(orphaned.requested()).poll());
        assert!(!never.is_requested() && !orphaned.is_requested());
    }
}
