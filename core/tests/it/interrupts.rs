//! Interrupts: what ends a stage that waits.

use std::{
    future::{Future, pending, ready},
    sync::Mutex,
    task::{self, Poll},
    time::Duration,
};

use peristyle_core::{
    Chain, Context, Error, Interceptor, Link, Outcome, Stage, Stages, Step, before, on_error,
};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, assert_ready, task::spawn};

use crate::{
    probe::{
        KINDS, Kind, Log, Probe, chain, drive, mixes, panic_quietly, pending_once, probe, story,
    },
    watched::{Journal, WAITING, Watched, interrupted, late},
};

/// A sender, and an interrupt that yields what is sent. An interrupt that is dropped closes the sender.
fn alarm() -> (
    oneshot::Sender<&'static str>,
    impl Future<Output = &'static str> + Send,
) {
    let (sender, receiver) = oneshot::channel();
    (sender, async { receiver.await.unwrap() })
}

/// Sets an interrupt that is ready, in enter.
fn interrupts(name: &'static str, kind: Kind) -> Probe {
    probe(name, kind).enter(|cx| {
        cx.interrupt_with(late());
        Ok(())
    })
}

fn fails(name: &'static str, kind: Kind) -> Probe {
    probe(name, kind).enter(|_| Err("boom".into()))
}

/// Fails at once while an interrupt is ready.
fn fails_interrupted(name: &'static str) -> Probe {
    probe(name, Kind::AtOnce).enter(|cx| {
        cx.interrupt_with(late());
        Err("boom".into())
    })
}

fn held(name: &'static str, kind: Kind, stage: Stage) -> Watched {
    Watched::from(probe(name, kind)).held(stage)
}

#[test]
fn an_interrupt_in_enter_asks_the_interrupted_first_after_its_future_was_dropped() {
    for [a, c] in mixes() {
        for b in WAITING {
            let journal = Journal::default();
            let c = probe("c", c).into();
            let chain = journal.chain([probe("a", a).into(), held("b", b, Stage::Enter), c]);
            let (sender, interrupt) = alarm();
            let mut cx = Context::new(Log::default());
            cx.interrupt_with(interrupt);

            let mut run = spawn(chain.run(&mut cx));
            while run.poll().is_pending() && run.is_woken() {}
            assert_eq!(journal.read().last().unwrap(), "enter b");
            sender.send("late").unwrap();
            assert!(run.is_woken());
            let polled = drive(run);
            assert_eq!(journal.read(), ["dropped enter b", "error b", "error a"]);
            assert_eq!(story(&polled.unwrap_err()), ["enter b: late"]);
        }
    }
}

#[test]
fn an_interrupt_in_leave_asks_the_outer_ones_only() {
    for [a, c] in mixes() {
        for b in WAITING {
            let journal = Journal::default();
            let a = probe("a", a).handling().into();
            let chain = journal.chain([a, held("b", b, Stage::Leave), probe("c", c).into()]);
            let (sender, interrupt) = alarm();
            let mut cx = Context::new(Log::default());
            cx.interrupt_with(interrupt);

            let mut run = spawn(chain.run(&mut cx));
            while run.poll().is_pending() && run.is_woken() {}
            assert_eq!(journal.read().last().unwrap(), "leave b");
            sender.send("late").unwrap();
            assert!(run.is_woken());
            drive(run).unwrap();
            assert_eq!(journal.read(), ["dropped leave b", "error a"]);
            assert_eq!(cx.events.last().unwrap(), "error a");
        }
    }
}

#[test]
fn an_interrupt_stays_in_force_for_later_stages_until_it_yields() {
    for [a, b] in mixes() {
        for c in WAITING {
            let (sender, interrupt) = alarm();
            let interrupt = Mutex::new(Some(interrupt));
            let sets = probe("a", a).enter(move |cx| {
                cx.interrupt_with(interrupt.lock().unwrap().take().unwrap());
                Ok(())
            });
            let chain = Journal::default().chain([
                sets.into(),
                probe("b", b).into(),
                held("c", c, Stage::Leave),
                probe("d", b).into(),
            ]);
            let mut cx = Context::new(Log::default());
            let mut run = spawn(chain.run(&mut cx));
            while run.poll().is_pending() && run.is_woken() {}
            sender.send("late").unwrap();
            assert_eq!(story(&drive(run).unwrap_err()), ["leave c: late"]);
        }
    }
}

#[test]
fn an_interrupt_that_is_replaced_is_dropped_and_the_new_one_is_in_force() {
    for a in [Kind::AtOnce, Kind::Ready, Kind::Pending] {
        for b in WAITING {
            let (sender, first) = alarm();
            let chain =
                Journal::default().chain([interrupts("a", a).into(), held("b", b, Stage::Enter)]);
            let mut cx = Context::new(Log::default());
            cx.interrupt_with(first);
            assert_eq!(
                story(&drive(chain.run(&mut cx)).unwrap_err()),
                ["enter b: late"]
            );
            assert!(sender.is_closed());
        }
    }
}

#[test]
fn an_interrupt_that_is_removed_interrupts_nothing() {
    for [a, b] in mixes() {
        let removes = Probe::enter(probe("a", Kind::AtOnce), |cx| {
            cx.clear_interrupt();
            Ok(())
        });
        let chain = chain([removes, probe("b", b), probe("c", a)]);
        drive(chain.run(&mut interrupted())).unwrap();
    }
    let mut cx = interrupted();
    cx.clear_interrupt();
    drive(chain([probe("a", Kind::Pending)]).run(&mut cx)).unwrap();
}

#[test]
fn a_handler_is_not_interrupted_and_outer_leaves_are_again() {
    for [a, b] in mixes() {
        let journal = Journal::default();
        let outermost = probe("z", Kind::AtOnce).handling();
        let chain = journal.chain([
            outermost.only(Stages::LEAVE | Stages::ERROR).into(),
            probe("a", a).only(Stages::LEAVE).into(),
            probe("b", b).only(Stages::ERROR).handling().into(),
            fails_interrupted("c").into(),
        ]);
        drive(chain.run(&mut Context::new(Log::default()))).unwrap();
        let outermost: &[&str] = match a {
            Kind::AtOnce | Kind::Ready => &["leave z"],
            Kind::Pending | Kind::Conveying => &["dropped leave a", "error z"],
        };
        let until = ["enter c", "error c", "error b", "leave a"];
        assert_eq!(journal.read(), [&until, outermost].concat());
    }
}

#[test]
fn an_interrupt_set_by_a_handler_does_not_end_that_handler() {
    for b in KINDS {
        let b = probe("b", b).error(|cx, _| {
            cx.interrupt_with(late());
            Ok(())
        });
        let probes = [probe("a", Kind::Pending), b, fails("c", Kind::AtOnce)];
        let error = drive(chain(probes).run(&mut Context::new(Log::default()))).unwrap_err();
        assert_eq!(story(&error), ["leave a: late"]);
    }
}

#[test]
fn a_handler_that_waits_after_it_has_set_an_interrupt_is_not_ended_by_it() {
    async fn handles(cx: &mut Context<Log>, _: Error) {
        pending_once().await;
        cx.interrupt_with(late());
        pending_once().await;
        cx.note("handled");
    }
    let fails = Link::new(fails("c", Kind::AtOnce).only(Stages::ENTER));
    let mut cx = Context::new(Log::default());
    drive(Chain::new([on_error(handles), fails]).run(&mut cx)).unwrap();
    assert_eq!(cx.events, ["enter c", "handled"]);
}

#[test]
fn a_handler_that_declines_does_not_bring_the_interrupt_into_force() {
    for [a, b] in mixes() {
        let probes = [probe("a", a), probe("b", b), fails_interrupted("c")];
        let error = drive(chain(probes).run(&mut Context::new(Log::default()))).unwrap_err();
        assert_eq!(story(&error), ["enter c: boom"]);
    }
}

#[test]
fn an_interrupt_is_used_up_when_it_has_yielded() {
    for [a, b] in mixes() {
        for c in WAITING {
            let journal = Journal::default();
            let a = probe("a", a).only(Stages::LEAVE);
            let b = probe("b", b).only(Stages::ERROR).handling();
            let chain = journal.chain([a.into(), b.into(), held("c", c, Stage::Enter)]);
            let mut cx = interrupted();
            drive(chain.run(&mut cx)).unwrap();
            let expected = [
                "enter c",
                "dropped enter c",
                "error c",
                "error b",
                "leave a",
            ];
            assert_eq!(journal.read(), expected);
        }
    }
}

#[test]
fn a_stage_can_set_an_interrupt_for_itself() {
    async fn waits(cx: &mut Context<Log>) {
        pending_once().await;
        cx.interrupt_with(late());
        pending::<()>().await;
    }
    let conveys = |cx: &mut Context<Log>| {
        let (sender, receiver) = oneshot::channel::<Log>();
        cx.interrupt_with(async {
            let _never_conveys = sender;
            late().await
        });
        receiver
    };
    for stage in [before(waits), before(conveys)] {
        let chain = Chain::from(stage.named("a"));
        let error = drive(chain.run(&mut Context::new(Log::default()))).unwrap_err();
        assert_eq!(story(&error), ["enter a: late"]);
    }
}

#[test]
fn an_interrupt_ends_with_its_run() {
    for [a, b] in mixes() {
        let (sender, interrupt) = alarm();
        let mut cx = Context::new(Log::default());
        cx.interrupt_with(interrupt);
        drive(chain([probe("a", a)]).run(&mut cx)).unwrap();
        assert!(sender.is_closed());
        drive(chain([probe("b", b), probe("c", Kind::Pending)]).run(&mut cx)).unwrap();
    }
}

#[test]
fn stages_that_answer_at_once_or_whose_future_is_ready_are_never_interrupted() {
    let kinds = [Kind::AtOnce, Kind::Ready];
    for (a, b) in kinds.into_iter().flat_map(|a| kinds.map(|b| (a, b))) {
        let mut cx = interrupted();
        let probes = [
            probe("a", a),
            probe("b", b).handling(),
            interrupts("c", b),
            fails("d", a),
        ];
        drive(chain(probes).run(&mut cx)).unwrap();
        let expected = [
            "enter a", "enter b", "enter c", "enter d", "error d", "error c", "error b", "leave a",
        ];
        assert_eq!(cx.events, expected);
    }
}

#[test]
fn a_stage_that_is_done_at_the_same_poll_as_the_interrupt_wins() {
    for stage in [Stage::Enter, Stage::Leave] {
        let (done, stage_waits) = oneshot::channel::<Log>();
        let (sender, interrupt) = alarm();
        let gate = Mutex::new(Some(stage_waits));
        let convey = move |_: &mut Context<Log>| gate.lock().unwrap().take().unwrap();
        let link = match stage {
            Stage::Enter => before(convey),
            _ => peristyle_core::after(convey),
        };
        let chain = Chain::from(link);
        let mut cx = Context::new(Log::default());
        cx.interrupt_with(interrupt);
        let mut run = spawn(chain.run(&mut cx));
        assert_pending!(run.poll());
        sender.send("late").unwrap();
        done.send(Log::default()).unwrap();
        assert_ready!(run.poll()).unwrap();
    }
}

#[test]
fn an_interrupt_can_be_woken_many_times_before_it_yields() {
    let chain = Journal::default().chain([held("a", Kind::Pending, Stage::Enter)]);
    let mut cx = Context::new(Log::default());
    cx.interrupt_with(async {
        for _ in 0..10 {
            pending_once().await;
        }
        "late"
    });
    let mut run = spawn(chain.run(&mut cx));
    for _ in 0..10 {
        assert_pending!(run.poll());
        assert!(run.is_woken());
    }
    assert_eq!(story(&drive(run).unwrap_err()), ["enter a: late"]);
}

#[test]
fn an_interrupt_that_was_not_asked_while_a_handler_waited_wakes_the_stage_after_it() {
    let (sender, interrupt) = alarm();
    let interrupt = Mutex::new(Some(interrupt));
    let fails = probe("c", Kind::AtOnce).enter(move |cx| {
        cx.interrupt_with(interrupt.lock().unwrap().take().unwrap());
        Err("boom".into())
    });
    let b = probe("b", Kind::Pending).handling();
    let journal = Journal::default();
    let a = held("a", Kind::Pending, Stage::Leave);
    let chain = journal.chain([a, b.into(), fails.into()]);
    let mut cx = Context::new(Log::default());
    let mut run = spawn(chain.run(&mut cx));
    while run.poll().is_pending() && run.is_woken() {}
    assert_eq!(journal.read().last().unwrap(), "leave a");
    sender.send("late").unwrap();
    assert!(run.is_woken());
    assert_eq!(story(&drive(run).unwrap_err()), ["leave a: late"]);
}

#[test]
fn an_interrupt_that_panics_is_a_panic_of_the_stage_that_waits() {
    for [a] in mixes() {
        for b in WAITING {
            let journal = Journal::default();
            let a = probe("a", a).only(Stages::ERROR).into();
            let chain = journal.chain([a, held("b", b, Stage::Enter)]);
            let mut cx = Context::new(Log::default());
            cx.interrupt_with(async { panic_quietly::<&'static str>("bang") });
            let error = drive(chain.run(&mut cx)).unwrap_err();
            let expected = ["enter b", "dropped enter b", "error b", "error a"];
            assert_eq!(journal.read(), expected);
            assert_eq!(story(&error), ["enter b: panicked: bang"]);
        }
    }
}

/// Never yields, or at once; panics when it is dropped.
struct Bomb {
    yields: bool,
}

impl Future for Bomb {
    type Output = &'static str;

    fn poll(self: std::pin::Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<&'static str> {
        if self.yields {
            Poll::Ready("late")
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_quietly::<()>("on the way out");
    }
}

#[test]
fn a_panic_in_the_drop_of_an_interrupt_does_not_leave_the_run() {
    for a in KINDS {
        let mut cx = Context::new(Log::default());
        cx.interrupt_with(Bomb { yields: false });
        drive(chain([probe("a", a)]).run(&mut cx)).unwrap();
        assert_eq!(cx.events, ["enter a", "leave a"]);
    }
    let held = Journal::default().chain([held("a", Kind::Pending, Stage::Enter)]);
    let mut cx = Context::new(Log::default());
    cx.interrupt_with(Bomb { yields: false });
    assert_pending!(spawn(held.run(&mut cx)).poll());

    let mut cx = Context::new(Log::default());
    cx.interrupt_with(Bomb { yields: true });
    let error = drive(held.run(&mut cx)).unwrap_err();
    assert_eq!(story(&error), ["enter a: panicked: on the way out"]);
}

#[test]
fn a_panic_in_the_drop_of_an_interrupt_that_a_stage_replaces_is_an_error_of_that_stage() {
    for a in KINDS {
        let mut cx = Context::new(Log::default());
        cx.interrupt_with(Bomb { yields: false });
        let error = drive(chain([interrupts("a", a)]).run(&mut cx)).unwrap_err();
        assert_eq!(story(&error), ["enter a: panicked: on the way out"]);
    }
}

#[test]
fn a_panic_in_the_drop_of_the_interrupted_stage_suppresses_the_interrupt() {
    async fn waits(_: &mut Context<Log>) {
        let _bomb = Bomb { yields: false };
        pending::<()>().await;
    }
    let chain = Chain::from(before(waits).named("a"));
    let error = drive(chain.run(&mut interrupted())).unwrap_err();
    let expected = ["enter a: panicked: on the way out", "enter a: late"];
    assert_eq!(story(&error), expected);
}

/// Runs a chain in enter: on the context that it is given, or on one of its own. Notes how that ended.
struct Runs {
    inner: Chain<Log>,
    own: Option<fn() -> Context<Log>>,
    journal: Journal,
}

impl Interceptor<Log> for Runs {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn cancel(&self, _: &mut Context<Log>) {
        self.journal.note("cancel runs");
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        Step::later(async move {
            let result = match self.own {
                None => cx.run(&self.inner).await,
                Some(own) => self.inner.run(&mut own()).await,
            };
            self.journal
                .note(result.map_or_else(|error| story(&error).join(", "), |()| "well".to_owned()));
            Outcome::Ok(())
        })
    }
}

fn own() -> Context<Log> {
    Context::new(Log::default())
}

#[test]
fn an_interrupt_of_the_outer_run_ends_the_outer_stage_and_cancels_what_the_inner_had_entered() {
    for of_inner in [None, Some(own as fn() -> _)] {
        for [x] in mixes() {
            for y in WAITING {
                let journal = Journal::default();
                let inner = journal.chain([probe("x", x).into(), held("y", y, Stage::Enter)]);
                let runs = Runs {
                    inner,
                    own: of_inner,
                    journal: journal.clone(),
                };
                let a = probe("a", Kind::AtOnce).into();
                let chain = journal
                    .chain([a])
                    .then(&Link::new(runs).named("runs").into());
                let (sender, interrupt) = alarm();
                let mut cx = Context::new(Log::default());
                cx.interrupt_with(interrupt);
                let mut run = spawn(chain.run(&mut cx));
                while run.poll().is_pending() && run.is_woken() {}
                sender.send("late").unwrap();
                assert_eq!(story(&drive(run).unwrap_err()), ["enter runs: late"]);
                let expected = [
                    "enter a",
                    "enter x",
                    "enter y",
                    "dropped enter y",
                    "cancel y",
                    "cancel x",
                    "error a",
                ];
                assert_eq!(journal.read(), expected);
            }
        }
    }
}

#[test]
fn an_interrupt_of_the_inner_run_ends_the_inner_stage_only() {
    for of_inner in [None, Some(own as fn() -> _)] {
        for x in [Kind::AtOnce, Kind::Ready, Kind::Pending] {
            for y in WAITING {
                let journal = Journal::default();
                let inner = journal.chain([interrupts("x", x).into(), held("y", y, Stage::Enter)]);
                let runs = Runs {
                    inner,
                    own: of_inner,
                    journal: journal.clone(),
                };
                let chain = Chain::from(Link::new(runs));
                let (sender, interrupt) = alarm();
                let mut cx = Context::new(Log::default());
                cx.interrupt_with(interrupt);
                drive(chain.run(&mut cx)).unwrap();
                assert!(sender.is_closed(), "it ended with the outer run");
                let expected = [
                    "enter x",
                    "enter y",
                    "dropped enter y",
                    "error y",
                    "error x",
                    "enter y: late",
                ];
                assert_eq!(journal.read(), expected);
            }
        }
    }
}

#[test]
fn an_interrupt_of_the_outer_run_is_in_force_again_after_an_inner_run() {
    for of_inner in [None, Some(interrupted as fn() -> _)] {
        let journal = Journal::default();
        let inner = journal.chain([interrupts("x", Kind::Ready).into()]);
        let runs = Runs {
            inner,
            own: of_inner,
            journal: journal.clone(),
        };
        let last = journal.chain([held("b", Kind::Pending, Stage::Enter)]);
        let chain = Chain::from(Link::new(runs)).then(&last);
        let (sender, interrupt) = alarm();
        let mut cx = Context::new(Log::default());
        cx.interrupt_with(interrupt);
        let mut run = spawn(chain.run(&mut cx));
        assert_pending!(run.poll());
        assert_eq!(journal.read(), ["enter x", "leave x", "well", "enter b"]);
        assert!(!sender.is_closed());
        sender.send("late").unwrap();
        assert_eq!(story(&drive(run).unwrap_err()), ["enter b: late"]);
    }
}

#[test]
fn run_now_ends_with_an_interrupt_that_is_ready_and_otherwise_would_wait() {
    for a in WAITING {
        let chain = chain([probe("a", a).only(Stages::ENTER)]);
        let error = chain.run_now(&mut interrupted()).unwrap_err();
        assert_eq!(story(&error), ["enter a: late"]);
        let mut cx = Context::new(Log::default());
        cx.interrupt_with(pending::<&'static str>());
        let error = chain.run_now(&mut cx).unwrap_err();
        assert_eq!(story(&error), ["enter a: would wait"]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_an_interrupt() {
    async fn slow(_: &mut Context<Log>) {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let slow = before(slow).named("slow");
    let mut cx = Context::new(Log::default());
    cx.interrupt_with(async {
        tokio::time::sleep(Duration::from_secs(90)).await;
        "no time left"
    });
    let began = tokio::time::Instant::now();
    let error = Chain::new([slow.clone(), slow])
        .run(&mut cx)
        .await
        .unwrap_err();
    assert_eq!(story(&error), ["enter slow: no time left"]);
    assert_eq!(began.elapsed(), Duration::from_secs(90));
}

#[test]
fn the_error_of_an_interrupt_keeps_its_type() {
    let mut cx = Context::new(Log::default());
    cx.interrupt_with(ready(std::fmt::Error));
    let error = drive(chain([probe("a", Kind::Pending)]).run(&mut cx)).unwrap_err();
    assert!(error.is::<std::fmt::Error>());
}

/// Tokio lets a task do so much in one poll and no more. A stage that used all of it starved its own deadline.
#[cfg(feature = "rt")]
#[tokio::test]
async fn a_stage_that_is_always_busy_is_interrupted_all_the_same() {
    async fn busy(_: &mut Context<Log>) {
        for _ in 0..100_000 {
            tokio::task::consume_budget().await;
        }
    }
    let (sound, alarm) = alarm();
    let mut cx = Context::new(Log::default());
    cx.interrupt_with(alarm);
    sound.send("late").unwrap();
    let error = Chain::from(before(busy).named("busy")).run(&mut cx).await;
    assert_eq!(story(&error.unwrap_err()), ["enter busy: late"]);
}
