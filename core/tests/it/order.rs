//! The order of the walk, and chains as data.

use std::thread;

use peristyle_core::{Chain, Context, Error, Link, Stage, Stages, before};
use tokio_test::{assert_pending, assert_ready, task};

use crate::probe::{KINDS, Kind, Log, chain, drive, mixes, probe, run, run_on, story};

const ENTER: Stages = Stages::ENTER;
const LEAVE: Stages = Stages::LEAVE;
const ERROR: Stages = Stages::ERROR;

#[test]
fn three_are_entered_in_order_and_left_in_reverse() {
    for [a, b, c] in mixes() {
        let (events, result) = run([probe("a", a), probe("b", b), probe("c", c)]);
        let expected = [
            "enter a", "enter b", "enter c", "leave c", "leave b", "leave a",
        ];
        assert_eq!(events, expected, "{a:?} {b:?} {c:?}");
        result.unwrap();
    }
}

#[test]
fn a_missing_stage_is_skipped_and_the_others_of_its_interceptor_run() {
    for stages in [
        ENTER,
        LEAVE,
        ERROR,
        ENTER | LEAVE,
        ENTER | ERROR,
        LEAVE | ERROR,
    ] {
        for [a, b, c] in mixes() {
            let b = probe("b", b).only(stages);
            let (events, result) = run([probe("a", a), b, probe("c", c)]);
            let mut expected = vec![
                "enter a", "enter b", "enter c", "leave c", "leave b", "leave a",
            ];
            expected.retain(|event| match *event {
                "enter b" => stages.contains(Stage::Enter),
                "leave b" => stages.contains(Stage::Leave),
                _ => true,
            });
            assert_eq!(events, expected, "{stages:?}");
            result.unwrap();
        }
    }
}

#[test]
fn an_interceptor_without_enter_is_asked_about_the_errors_of_inner_ones() {
    for [a, b] in mixes() {
        let a = probe("a", a).only(ERROR).handling();
        let b = probe("b", b).enter(|_| Err("boom".into())).only(ENTER);
        let (events, result) = run([a, b]);
        assert_eq!(events, ["enter b", "error a"]);
        result.unwrap();
    }
}

#[test]
fn an_interceptor_without_an_error_stage_is_passed_by_while_an_error_is_pending() {
    for [a, b, c] in mixes() {
        let b = probe("b", b).only(ENTER | LEAVE);
        let c = probe("c", c).enter(|_| Err("boom".into()));
        let (events, result) = run([probe("a", a).handling(), b, c]);
        assert_eq!(
            events,
            ["enter a", "enter b", "enter c", "error c", "error a"]
        );
        result.unwrap();
    }
}

#[test]
fn the_same_interceptor_twice_is_entered_twice_and_left_twice() {
    for [a, b] in mixes() {
        let (a, b) = (Link::new(probe("a", a)), Link::new(probe("b", b)));
        let chain = Chain::new([a.clone(), b, a]);
        let (events, result) = run_on(Context::new(Log::default()), &chain);
        let expected = [
            "enter a", "enter b", "enter a", "leave a", "leave b", "leave a",
        ];
        assert_eq!(events, expected);
        result.unwrap();
    }
}

#[test]
fn an_empty_chain_returns_its_context_unchanged() {
    let mut cx = Context::new(7);
    let id = cx.id().clone();
    drive(Chain::new([]).run(&mut cx)).unwrap();
    Chain::new([]).run_now(&mut cx).unwrap();
    assert_eq!(cx.id(), &id);
    assert_eq!((cx.queue().count(), cx.entered().count()), (0, 0));
    assert_eq!(cx.into_inner(), 7);
}

#[test]
fn a_chain_lists_its_interceptors_in_order_with_their_stages() {
    let a = probe("a", Kind::AtOnce);
    let b = probe("b", Kind::Pending).only(ERROR);
    let chain = chain([a, b]);
    let names: Vec<_> = chain.names().map(ToString::to_string).collect();
    let stages: Vec<_> = chain
        .iter()
        .map(|link| link.stages().iter().collect::<Vec<_>>())
        .collect();
    assert_eq!(names, ["a", "b"]);
    let all = vec![Stage::Enter, Stage::Leave, Stage::Error];
    assert_eq!(stages, [all, vec![Stage::Error]]);
    assert_eq!((chain.len(), chain.is_empty()), (2, false));
    assert_eq!(format!("{chain:?}"), "[a {Enter, Leave, Error}, b {Error}]");
}

#[test]
fn joined_chains_run_one_after_the_other_and_stay_as_they_were() {
    for [a, b] in mixes() {
        let (left, right) = (chain([probe("a", a)]), chain([probe("b", b)]));
        let joined = left.then(&right);
        let (events, _) = run_on(Context::new(Log::default()), &joined);
        assert_eq!(events, ["enter a", "enter b", "leave b", "leave a"]);
        assert_eq!((left.len(), right.len()), (1, 1));
    }
}

#[test]
fn one_chain_carries_several_executions_at_once_without_mixing_them() {
    let chain = chain([probe("a", Kind::Pending), probe("b", Kind::Conveying)]);
    let (mut one, mut two) = (Context::new(Log::default()), Context::new(Log::default()));
    let (mut first, mut second) = (
        task::spawn(chain.run(&mut one)),
        task::spawn(chain.run(&mut two)),
    );
    for _ in 0..4 {
        assert_pending!(first.poll());
        assert_pending!(second.poll());
    }
    assert_ready!(first.poll()).unwrap();
    assert_ready!(second.poll()).unwrap();
    drop((first, second));
    assert_eq!(one.events, ["enter a", "enter b", "leave b", "leave a"]);
    assert_eq!(two.events, one.events);
}

#[test]
fn one_chain_runs_on_several_threads_at_once() {
    let chain = chain(KINDS.map(|kind| probe("a", kind)));
    thread::scope(|scope| {
        let run = || run_on(Context::new(Log::default()), &chain);
        let runs = [0, 1, 2, 3].map(|_| scope.spawn(run));
        for run in runs {
            let (events, result) = run.join().unwrap();
            assert_eq!(events, [["enter a"; 4], ["leave a"; 4]].concat());
            result.unwrap();
        }
    });
}

#[test]
fn one_context_can_be_run_again_after_success_and_after_failure() {
    for kind in KINDS {
        let fails = chain([probe("a", kind).enter(|_| Err("boom".into())).only(ENTER)]);
        let mut cx = Context::new(Log::default());
        let failed = drive(fails.run(&mut cx)).unwrap_err();
        drive(chain([probe("b", kind)]).run(&mut cx)).unwrap();
        assert_eq!(story(&failed), ["enter a: boom"]);
        assert_eq!(cx.events, ["enter a", "enter b", "leave b"]);
    }
}

#[test]
fn each_stage_can_be_called_alone() {
    for kind in KINDS {
        let link = Link::new(probe("a", kind));
        let mut cx = Context::new(Log::default());
        drive(link.enter(&mut cx)).unwrap();
        assert_eq!(cx.events, ["enter a"]);
        drive(link.leave(&mut cx)).unwrap();
        assert_eq!(cx.events, ["enter a", "leave a"]);
        let declined = drive(link.error(&mut cx, Error::new("boom"))).unwrap_err();
        assert_eq!(cx.events, ["enter a", "leave a", "error a"]);
        assert_eq!(story(&declined), ["not raised nobody: boom"]);
    }
}

#[test]
fn a_stage_called_alone_gives_back_what_it_raises() {
    for kind in KINDS {
        let a = probe("a", kind).enter(|_| Err("one".into()));
        let a = a
            .leave(|_| Err("two".into()))
            .error(|_, _| Err("three".into()));
        let (link, mut cx) = (Link::new(a), Context::new(Log::default()));
        let entered = drive(link.enter(&mut cx)).unwrap_err();
        let left = drive(link.leave(&mut cx)).unwrap_err();
        let failed = drive(link.error(&mut cx, Error::new("boom"))).unwrap_err();
        assert_eq!(story(&entered), ["enter a: one"]);
        assert_eq!(story(&left), ["leave a: two"]);
        assert_eq!(
            story(&failed),
            ["error a: three", "not raised nobody: boom"]
        );
        assert_eq!(cx.events, ["enter a", "leave a", "error a"]);
    }
}

#[test]
fn a_stage_called_alone_that_the_interceptor_does_not_have_does_nothing() {
    for kind in KINDS {
        let mut cx = Context::new(Log::default());
        let link = |stages| Link::new(probe("a", kind).only(stages));
        drive(link(LEAVE).enter(&mut cx)).unwrap();
        drive(link(ENTER).leave(&mut cx)).unwrap();
        let passed = drive(link(ENTER).error(&mut cx, Error::new("boom"))).unwrap_err();
        assert_eq!(story(&passed), ["not raised nobody: boom"]);
        assert_eq!(cx.events, [""; 0]);
    }
}

#[test]
fn an_enter_stage_called_alone_does_not_run_what_it_queues() {
    for [a, b] in mixes() {
        let queued = chain([probe("b", b)]);
        let a = probe("a", a).enter(move |cx| {
            cx.enqueue(&queued)?;
            Ok(())
        });
        let mut cx = Context::new(Log::default());
        drive(Link::new(a).enter(&mut cx)).unwrap();
        assert_eq!(cx.events, ["enter a"]);
    }
}

#[test]
fn a_context_derefs_to_what_it_carries_in_every_stage() {
    let add = before(|cx: &mut Context<Vec<u8>>| cx.push(1));
    let mut cx = Context::new(vec![0]);
    Chain::from(add).run_now(&mut cx).unwrap();
    assert_eq!(*cx, [0, 1]);
}
