//! The engine's side: a case as interceptors, and a host with a clock.
//!
//! The clock ticks between polls. What waits is woken by it when its time has come, and the host polls when it was woken
//! and never else.

mod scripted;
mod seen;
mod watcher;

use std::{
    future::{Future, poll_fn},
    mem,
    panic::resume_unwind,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    task::{Poll, Waker},
};

use peristyle_core::{Chain, Context, ExecutionId, Link};

use self::{
    scripted::Scripted,
    seen::{FIRST, SECOND, bound, saw, told},
    watcher::Watcher,
};
use super::{
    event::{Event, Refusal},
    plan::{Callback, Case, Condition, Deed, End, Host, Interrupt, Part, Plan},
};

/// What happens when the engine walks a case.
pub(in crate::model) fn walk(case: &Case) -> Vec<Event> {
    let world = World(Arc::new(Shared::default()));
    let mut cx = Context::with_id(0, ExecutionId::given("model"));
    for trip in &case.trips {
        for deed in &trip.before {
            world.steer(deed, &mut cx);
        }
        let chain = world.chain(&trip.plan);
        let result = match trip.host {
            Host::Polls => world.drive(chain.run(&mut cx), None),
            Host::Drops { after } => world.drive(chain.run(&mut cx), Some(after)),
            Host::DropsUnpolled => {
                drop(chain.run(&mut cx));
                None
            }
            Host::CannotWait => Some(chain.run_now(&mut cx)),
        };
        let ended = result.map(|result| result.map_err(|error| told(&error)));
        world.note(Event::Ended(ended, saw(&cx, None)));
    }
    mem::take(&mut *world.0.events.lock().unwrap())
}

/// What the interceptors share.
#[derive(Clone)]
struct World(Arc<Shared>);

#[derive(Default)]
struct Shared {
    events: Mutex<Vec<Event>>,
    clock: AtomicU32,
    alarms: Mutex<Vec<(u32, Alarm)>>,
}

enum Alarm {
    Wake(Waker),
    Do(Box<dyn FnOnce() + Send>),
}

impl World {
    fn note(&self, event: Event) {
        self.0.events.lock().unwrap().push(event);
    }

    fn now(&self) -> u32 {
        self.0.clock.load(Ordering::Relaxed)
    }

    fn tick(&self) {
        let now = self.0.clock.fetch_add(1, Ordering::Relaxed) + 1;
        let alarms = mem::take(&mut *self.0.alarms.lock().unwrap());
        assert!(!alarms.is_empty(), "pending, and nothing will wake it");
        let (due, later) = alarms.into_iter().partition(|(at, _)| *at <= now);
        *self.0.alarms.lock().unwrap() = later;
        let due: Vec<_> = due;
        for (_, alarm) in due {
            match alarm {
                Alarm::Wake(waker) => waker.wake(),
                Alarm::Do(act) => act(),
            }
        }
    }

    fn alarm(&self, at: u32, alarm: Alarm) {
        self.0.alarms.lock().unwrap().push((at, alarm));
    }

    async fn until(self, at: u32) {
        poll_fn(|task| {
            if at <= self.now() {
                return Poll::Ready(());
            }
            self.alarm(at, Alarm::Wake(task.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// `None` when it was dropped.
    fn drive<F: Future>(&self, run: F, dropped_after: Option<u32>) -> Option<F::Output> {
        let end = dropped_after.map(|ticks| self.now() + ticks);
        let mut run = tokio_test::task::spawn(run);
        loop {
            if let Poll::Ready(output) = run.poll() {
                return Some(output);
            }
            loop {
                if end.is_some_and(|end| end <= self.now()) {
                    return None;
                }
                self.tick();
                if run.is_woken() {
                    break;
                }
            }
        }
    }

    fn chain(&self, plan: &Plan) -> Chain<u32> {
        let link = |part: &Arc<Part>| Link::new(Scripted::new(Arc::clone(part), self.clone()));
        plan.iter().map(link).collect()
    }

    fn steer(&self, deed: &Deed, cx: &mut Context<u32>) {
        match deed {
            Deed::Add(more) => **cx += more,
            Deed::Enqueue(plan) => {
                let queued = cx.enqueue(self.chain(plan)).is_ok();
                self.note(Event::Enqueued(queued));
            }
            Deed::EnqueueNext(plan) => {
                let queued = cx.enqueue_next(self.chain(plan)).is_ok();
                self.note(Event::EnqueuedNext(queued));
            }
            Deed::Terminate => cx.terminate(),
            Deed::TerminateWhen(condition) => self.terminate_when(*condition, cx),
            Deed::Bind(0, value) => cx.bind(&FIRST, *value),
            Deed::Bind(_, value) => cx.bind(&SECOND, *value),
            Deed::Unbind(0) => cx.unbind(&FIRST),
            Deed::Unbind(_) => cx.unbind(&SECOND),
            Deed::Interrupt(interrupt) => self.interrupt(*interrupt, cx),
            Deed::Uninterrupt => cx.clear_interrupt(),
            Deed::OnFirstWait(callback) => self.on_first_wait(*callback, cx),
            Deed::Observe(watch) => cx.observe(Arc::new(Watcher::new(*watch, self.clone()))),
            Deed::Run { .. } => unreachable!("`act` and `act_now` run chains"),
        }
    }

    fn terminate_when(&self, condition: Condition, cx: &mut Context<u32>) {
        let world = self.clone();
        cx.terminate_when(move |cx| {
            world.note(Event::Asked {
                terminator: condition.id,
                value: **cx,
                bound: bound(),
            });
            let yes = **cx >= condition.at_least;
            if yes && condition.panics {
                panic_as(Refusal::Terminator(condition.id));
            }
            yes
        });
    }

    fn interrupt(&self, interrupt: Interrupt, cx: &mut Context<u32>) {
        let due = self.clone().until(self.now() + interrupt.after);
        cx.interrupt_with(async move {
            due.await;
            if interrupt.panics {
                panic_as(Refusal::Interrupt(interrupt.id));
            }
            Refusal::Interrupt(interrupt.id)
        });
    }

    fn on_first_wait(&self, callback: Callback, cx: &mut Context<u32>) {
        let world = self.clone();
        cx.on_first_wait(move || {
            world.note(Event::Called {
                callback: callback.id,
                bound: bound(),
            });
            let refusal = Refusal::Callback(callback.id);
            match callback.end {
                End::Fails => Err(refusal),
                End::Panics => panic_as(refusal),
                _ => Ok(()),
            }
        });
    }
}

fn panic_as(refusal: Refusal) -> ! {
    resume_unwind(Box::new(refusal.to_string()))
}
