//! What happens to the interceptors entered when their execution is dropped.

use std::sync::{Arc, Mutex};

use peristyle_core::{
    Chain, Context, Ending, Interceptor, Invocation, Link, Name, Observer, Stage, Stages, Step,
    before, binding,
};
use tokio_test::{assert_pending, task::spawn};

use crate::{
    probe::{Kind, Log, chain, drive, mixes, panic_quietly, pending_once, probe, story},
    watched::{Journal, WAITING, Watched},
};

fn held(name: &'static str, kind: Kind, stage: Stage) -> Watched {
    Watched::from(probe(name, kind)).held(stage)
}

/// Runs the chain until it can go no further, and drops the run. Returns what that did.
fn dropped(journal: &Journal, chain: &Chain<Log>) -> Vec<String> {
    let mut cx = Context::new(Log::default());
    let mut run = spawn(chain.run(&mut cx));
    while run.poll().is_pending() && run.is_woken() {}
    journal.read();
    drop(run);
    journal.read()
}

#[test]
fn the_waiting_stage_is_dropped_first_then_each_entered_is_cancelled_innermost_first() {
    for [a, b, d] in mixes() {
        for c in WAITING {
            let journal = Journal::default();
            let chain = journal.chain([
                probe("a", a).into(),
                probe("b", b).into(),
                held("c", c, Stage::Enter),
                probe("d", d).into(),
            ]);
            let expected = ["dropped enter c", "cancel c", "cancel b", "cancel a"];
            assert_eq!(dropped(&journal, &chain), expected);
        }
    }
}

#[test]
fn one_whose_leave_was_running_is_not_cancelled() {
    for [a, b, d] in mixes() {
        for c in WAITING {
            let journal = Journal::default();
            let chain = journal.chain([
                probe("a", a).into(),
                probe("b", b).into(),
                held("c", c, Stage::Leave),
                probe("d", d).into(),
            ]);
            let expected = ["dropped leave c", "cancel b", "cancel a"];
            assert_eq!(dropped(&journal, &chain), expected);
        }
    }
}

#[test]
fn one_whose_error_was_running_is_not_cancelled() {
    for [a, b, d] in mixes() {
        for c in WAITING {
            let journal = Journal::default();
            let fails = probe("d", d).enter(|_| Err("boom".into()));
            let chain = journal.chain([
                probe("a", a).into(),
                probe("b", b).into(),
                held("c", c, Stage::Error),
                fails.into(),
            ]);
            let expected = ["dropped error c", "cancel b", "cancel a"];
            assert_eq!(dropped(&journal, &chain), expected);
        }
    }
}

#[test]
fn one_that_has_no_enter_stage_was_entered_all_the_same() {
    for a in [Stages::ENTER, Stages::LEAVE, Stages::ERROR] {
        let journal = Journal::default();
        let a = probe("a", Kind::AtOnce).only(a).into();
        let chain = journal.chain([a, held("b", Kind::Pending, Stage::Enter)]);
        assert_eq!(
            dropped(&journal, &chain),
            ["dropped enter b", "cancel b", "cancel a"]
        );
    }
}

#[test]
fn what_was_queued_on_the_way_is_cancelled_in_its_order() {
    for [a, b] in mixes() {
        let journal = Journal::default();
        let [next, last] =
            [probe("next", b), probe("last", a)].map(|probe| journal.chain([probe.into()]));
        let queues = probe("a", a).enter(move |cx| {
            cx.enqueue(&last)?;
            Ok(cx.enqueue_next(&next)?)
        });
        let chain = journal.chain([queues.into(), probe("b", b).into()]);
        let last = journal.chain([held("c", Kind::Pending, Stage::Enter), probe("d", a).into()]);
        let chain = chain
            .then(&journal.chain([probe("e", a).enter(move |cx| Ok(cx.enqueue(&last)?)).into()]));
        let expected = [
            "dropped enter c",
            "cancel c",
            "cancel last",
            "cancel e",
            "cancel b",
            "cancel next",
            "cancel a",
        ];
        assert_eq!(dropped(&journal, &chain), expected);
    }
}

/// What the chain of three does beside waiting.
#[derive(Debug, Clone, Copy)]
enum Course {
    Well,
    Handled,
    Unhandled,
    FailsInLeave,
    FailsInError,
}

fn course(course: Course, [a, b, c]: [Kind; 3], journal: &Journal) -> Chain<Log> {
    let (a, mut b, mut c) = (probe("a", a), probe("b", b), probe("c", c));
    match course {
        Course::Well => {}
        Course::Handled => {
            b = b.handling();
            c = c.enter(|_| Err("boom".into()));
        }
        Course::Unhandled => c = c.enter(|_| Err("boom".into())),
        Course::FailsInLeave => b = b.leave(|_| Err("boom".into())),
        Course::FailsInError => {
            b = b.error(|_, _| Err("bang".into()));
            c = c.enter(|_| panic_quietly("boom"));
        }
    }
    journal.chain([a.into(), b.into(), c.into()])
}

#[test]
fn entered_implies_exactly_one_of_leave_error_and_cancel_wherever_the_run_is_dropped() {
    let courses = [
        Course::Well,
        Course::Handled,
        Course::Unhandled,
        Course::FailsInLeave,
        Course::FailsInError,
    ];
    for (kinds, which) in mixes().flat_map(|kinds| courses.map(|course| (kinds, course))) {
        let journal = Journal::default();
        let chain = course(which, kinds, &journal);
        for polls in 0.. {
            let mut cx = Context::new(Log::default());
            let mut run = spawn(chain.run(&mut cx));
            let has_ended = (0..polls).any(|_| run.poll().is_ready());
            let before = journal.read();
            drop(run);
            let mut after = journal.read();

            let waiting = before.last().map(|stage| format!("dropped {stage}"));
            if polls > 0 && !has_ended {
                assert_eq!(after.remove(0), waiting.unwrap());
            }
            let to_cancel: Vec<_> = ["c", "b", "a"]
                .into_iter()
                .filter(|name| {
                    let began = |stage| before.contains(&format!("{stage} {name}"));
                    let asked = u8::from(began("leave")) + u8::from(began("error"));
                    assert!(asked <= u8::from(began("enter")), "{before:?}");
                    began("enter") && asked == 0
                })
                .map(|name| format!("cancel {name}"))
                .collect();
            assert_eq!(
                after, to_cancel,
                "{which:?} {kinds:?}, {polls} polls, after {before:?}"
            );
            if has_ended {
                assert!(after.is_empty());
                break;
            }
        }
    }
}

#[test]
fn a_run_that_is_never_polled_cancels_nothing() {
    for [a, b] in mixes() {
        let journal = Journal::default();
        let chain = journal.chain([probe("a", a).into(), probe("b", b).into()]);
        let mut cx = Context::new(Log::default());
        drop(chain.run(&mut cx));
        assert!(journal.read().is_empty());
    }
}

#[test]
fn a_panic_in_cancel_is_caught_and_the_others_are_told() {
    for [a] in mixes() {
        let journal = Journal::default();
        let panics =
            |name, kind| Watched::from(probe(name, kind)).cancel(|_| panic_quietly("bang"));
        let chain = journal.chain([
            panics("a", a),
            probe("b", a).into(),
            panics("c", a),
            held("d", Kind::Pending, Stage::Enter).cancel(|_| panic_quietly("bang")),
        ]);
        let expected = [
            "dropped enter d",
            "cancel d",
            "cancel c",
            "cancel b",
            "cancel a",
        ];
        assert_eq!(dropped(&journal, &chain), expected);
    }
}

#[test]
fn a_panic_in_the_drop_of_the_waiting_stage_is_caught_and_all_are_cancelled() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_quietly::<()>("on the way out");
        }
    }
    async fn waits(_: &mut Context<Log>) {
        let _bomb = Bomb;
        pending_once().await;
    }
    for [a] in mixes() {
        let journal = Journal::default();
        let chain = journal
            .chain([probe("a", a).into()])
            .then(&before(waits).into());
        let mut cx = Context::new(Log::default());
        let mut run = spawn(chain.run(&mut cx));
        // The last poll before the end is the one in which `waits` waits.
        let polls = if WAITING.contains(&a) { 2 } else { 1 };
        for _ in 0..polls {
            assert_pending!(run.poll());
        }
        drop(run);
        assert_eq!(journal.read(), ["enter a", "cancel a"]);
    }
}

#[test]
fn run_now_cancels_where_it_would_wait() {
    for b in WAITING {
        let journal = Journal::default();
        let chain = journal.chain([probe("a", Kind::Ready).into(), probe("b", b).into()]);
        let error = chain
            .run_now(&mut Context::new(Log::default()))
            .unwrap_err();
        assert_eq!(story(&error), ["enter b: would wait"]);
        let expected = [
            "enter a",
            "enter b",
            "dropped enter b",
            "cancel b",
            "cancel a",
        ];
        assert_eq!(journal.read(), expected);
    }
}

#[test]
fn the_context_can_be_used_again_and_nothing_of_the_dropped_run_is_left() {
    for [a] in mixes() {
        let journal = Journal::default();
        let adds = probe("a", a).enter(|cx| {
            cx.terminate_when(|_| true);
            cx.terminate();
            cx.enqueue(chain([
                probe("never", Kind::Pending).leave(|_| panic_quietly("never"))
            ]))?;
            cx.bind(&ROOM, 7);
            Ok(())
        });
        let waits = held("b", Kind::Pending, Stage::Enter);
        let dropped_chain = journal.chain([adds.into()]).then(&journal.chain([waits]));
        let mut cx = Context::new(Log::default());
        let mut run = spawn(dropped_chain.run(&mut cx));
        while run.poll().is_pending() && run.is_woken() {}
        drop(run);
        assert_eq!(
            (
                cx.entered().count(),
                cx.queue().count(),
                cx.bindings().count()
            ),
            (0, 0, 0)
        );

        journal.read();
        let again = journal.chain([probe("x", a).into(), probe("y", a).into()]);
        drive(again.run(&mut cx)).unwrap();
        assert_eq!(journal.read(), ["enter x", "enter y", "leave y", "leave x"]);
    }
}

binding! {
    static ROOM: u8;
}

#[test]
fn cancel_sees_the_bindings_and_what_the_stages_left_and_cannot_change_the_queue() {
    for [a] in mixes() {
        let journal = Journal::default();
        let sees = journal.clone();
        let a = Watched::from(probe("a", a).enter(|cx| {
            cx.bind(&ROOM, 7);
            cx.insert("left");
            Ok(())
        }));
        let a = a.cancel(move |cx| {
            let refused = cx.enqueue(Chain::new([])).unwrap_err();
            assert_eq!(cx.enqueue_next(Chain::new([])), Err(refused.clone()));
            cx.terminate();
            let entered: Vec<_> = cx.entered().map(Name::as_str).collect();
            let left = cx.get::<&str>().unwrap();
            sees.note(format!(
                "room {} {left} {entered:?} {}",
                ROOM.get().unwrap(),
                refused
            ));
        });
        let outer = probe("outer", Kind::AtOnce).into();
        let chain = journal.chain([outer, a, held("b", Kind::Pending, Stage::Enter)]);
        let expected = [
            "dropped enter b",
            "cancel b",
            "cancel a",
            "room 7 left [\"outer\"] the queue can be changed only on the way in",
            "cancel outer",
        ];
        assert_eq!(dropped(&journal, &chain), expected);
        assert_eq!(ROOM.get(), None);
    }
}

/// Runs a chain in enter; may drop that run where it first waits.
struct Runs {
    inner: Chain<Log>,
    gives_up: bool,
    journal: Journal,
}

impl Interceptor<Log> for Runs {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        Step::later(async move {
            if self.gives_up {
                assert_pending!(spawn(cx.run(&self.inner)).poll());
            } else {
                cx.run(&self.inner).await?;
            }
            self.journal.note("goes on");
            Ok(())
        })
    }

    fn cancel(&self, _: &mut Context<Log>) {
        self.journal.note("cancel runs");
    }
}

#[test]
fn the_entered_of_an_inner_run_are_cancelled_before_those_of_the_outer() {
    for [a, x] in mixes() {
        for y in WAITING {
            let journal = Journal::default();
            let inner = journal.chain([probe("x", x).into(), held("y", y, Stage::Enter)]);
            let runs = Runs {
                inner,
                gives_up: false,
                journal: journal.clone(),
            };
            let chain = journal
                .chain([probe("a", a).into()])
                .then(&Link::new(runs).into());
            let expected = [
                "dropped enter y",
                "cancel y",
                "cancel x",
                "cancel runs",
                "cancel a",
            ];
            assert_eq!(dropped(&journal, &chain), expected);
        }
    }
}

#[test]
fn a_run_that_a_stage_gives_up_is_cancelled_and_the_outer_goes_on() {
    let journal = Journal::default();
    let x = probe("x", Kind::Ready).into();
    let inner = journal.chain([x, held("y", Kind::Pending, Stage::Enter)]);
    let runs = Runs {
        inner,
        gives_up: true,
        journal: journal.clone(),
    };
    let last = journal.chain([probe("b", Kind::Pending).into()]);
    let chain = Chain::from(Link::new(runs)).then(&last);
    drive(chain.run(&mut Context::new(Log::default()))).unwrap();
    let expected = [
        "enter x",
        "enter y",
        "dropped enter y",
        "cancel y",
        "cancel x",
        "goes on",
        "enter b",
        "leave b",
    ];
    assert_eq!(journal.read(), expected);
}

struct Endings(Journal);

impl Observer<Log> for Endings {
    fn after(&self, _: &Context<Log>, at: &Invocation<'_>, ending: &Ending<'_>) {
        let ending = match ending {
            Ending::Failed(_) => "failed",
            Ending::Cancelled => "cancelled",
            _ => "well",
        };
        self.0
            .note(format!("{} {}: {ending}", at.stage, at.interceptor));
    }
}

#[test]
fn observers_are_told_of_the_waiting_stage_that_was_cancelled_and_of_no_other() {
    for [a, d] in mixes() {
        for (c, stage) in WAITING
            .into_iter()
            .flat_map(|c| [Stage::Enter, Stage::Leave, Stage::Error].map(|s| (c, s)))
        {
            let (journal, endings) = (Journal::default(), Journal::default());
            let fails = stage == Stage::Error;
            let d = probe("d", d).enter(move |_| if fails { Err("boom".into()) } else { Ok(()) });
            let chain = journal.chain([probe("a", a).into(), held("c", c, stage), d.into()]);
            let mut cx = Context::new(Log::default());
            cx.observe(Arc::new(Endings(endings.clone())));
            let mut run = spawn(chain.run(&mut cx));
            while run.poll().is_pending() && run.is_woken() {}
            endings.read();
            drop(run);
            assert_eq!(endings.read(), [format!("{stage} c: cancelled")]);
        }
    }
}

#[test]
fn a_run_can_be_dropped_on_another_thread_than_it_was_polled_on() {
    let journal = Journal::default();
    let seen = Arc::new(Mutex::new(None));
    let a = Watched::from(probe("a", Kind::AtOnce).enter(|cx| {
        cx.bind(&ROOM, 7);
        Ok(())
    }));
    let room = Arc::clone(&seen);
    let a = a.cancel(move |_| *room.lock().unwrap() = ROOM.get());
    let chain = journal.chain([a, held("b", Kind::Pending, Stage::Enter)]);
    let mut cx = Context::new(Log::default());
    let mut run = Box::pin(chain.run(&mut cx));
    assert_pending!(spawn(&mut run).poll());
    std::thread::scope(|scope| {
        scope.spawn(move || drop(run));
    });
    assert_eq!(seen.lock().unwrap().as_deref(), Some(&7));
}

#[test]
fn a_panic_in_the_drop_of_what_was_queued_is_caught_and_all_are_cancelled() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_quietly::<()>("on the way out");
        }
    }
    let journal = Journal::default();
    let held = held("b", Kind::Pending, Stage::Enter);
    let queues = Watched::from(probe("a", Kind::AtOnce).enter(|cx| {
        for bomb in [Bomb, Bomb] {
            cx.enqueue(before(move |_: &mut Context<Log>| _ = &bomb))?;
        }
        Ok(())
    }));
    let chain = journal.chain([queues, held]);
    let expected = ["dropped enter b", "cancel b", "cancel a"];
    assert_eq!(dropped(&journal, &chain), expected);
}
