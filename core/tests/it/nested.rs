//! Runs inside a stage, on the same context.

use peristyle_core::{Chain, Context, Interceptor, Link, Name, Outcome, Stages, Step};
use tokio_test::{assert_pending, assert_ready, task};

use crate::probe::{Kind, Log, chain, drive, mixes, pending_once, probe, run, story};

/// Runs a chain in enter or in leave, and notes how that ended.
struct Runs {
    inner: Chain<Log>,
    stages: Stages,
    raises: bool,
}

impl Runs {
    fn in_enter(inner: impl Into<Chain<Log>>) -> Self {
        let inner = inner.into();
        Self {
            inner,
            stages: Stages::ENTER,
            raises: false,
        }
    }

    fn in_leave(inner: impl Into<Chain<Log>>) -> Self {
        Self {
            stages: Stages::LEAVE,
            ..Self::in_enter(inner)
        }
    }

    fn in_error(inner: impl Into<Chain<Log>>) -> Self {
        Self {
            stages: Stages::ERROR,
            ..Self::in_enter(inner)
        }
    }

    async fn run(&self, cx: &mut Context<Log>) -> Outcome {
        cx.note("inner {");
        let result = self.inner.run(cx).await;
        let told = result
            .as_ref()
            .err()
            .map_or_else(|| vec!["well".to_owned()], story);
        cx.note(format!("}} {}", told.join(", ")));
        let names = |names: &mut dyn Iterator<Item = &Name>| {
            names.map(Name::as_str).collect::<Vec<_>>().join(" ")
        };
        let walk = format!(
            "[{}] [{}]",
            names(&mut cx.entered()),
            names(&mut cx.queue())
        );
        cx.note(walk);
        if self.raises { Ok(result?) } else { Ok(()) }
    }
}

impl Interceptor<Log> for Runs {
    fn stages(&self) -> Stages {
        self.stages
    }

    fn name(&self) -> Name {
        Name::new("runs").unwrap()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        Step::later(self.run(cx))
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        Step::later(self.run(cx))
    }

    fn error<'a>(
        &'a self,
        cx: &'a mut Context<Log>,
        error: peristyle_core::Error,
    ) -> Step<'a, Log> {
        Step::later(async move {
            self.run(cx).await?;
            Err(error.into())
        })
    }
}

fn events(chain: &Chain<Log>) -> Vec<String> {
    let mut cx = Context::new(Log::default());
    let _ = drive(chain.run(&mut cx));
    cx.into_inner().events
}

#[test]
fn a_run_in_a_stage_is_whole_and_the_outer_walk_goes_on_as_if_it_had_not_been() {
    for [a, b] in mixes() {
        let inner = chain([probe("x", b), probe("y", a)]);
        let outer = Chain::new([
            Link::new(probe("a", a)),
            Link::new(Runs::in_enter(inner)),
            Link::new(probe("b", b)),
        ]);
        let expected = [
            "enter a",
            "inner {",
            "enter x",
            "enter y",
            "leave y",
            "leave x",
            "} well",
            "[a runs] [b]",
            "enter b",
            "leave b",
            "leave a",
        ];
        assert_eq!(events(&outer), expected);
    }
}

#[test]
fn a_run_can_be_inside_a_stage_on_the_way_back() {
    for [a, b] in mixes() {
        let inner = chain([probe("x", b)]);
        let outer = Chain::new([Link::new(probe("a", a)), Link::new(Runs::in_leave(inner))]);
        let expected = [
            "enter a", "inner {", "enter x", "leave x", "} well", "[a] []", "leave a",
        ];
        assert_eq!(events(&outer), expected);
    }
}

#[test]
fn a_run_inside_an_error_stage_does_not_see_the_pending_error_or_end_it() {
    for [a, b] in mixes() {
        let inner = chain([probe("x", b).handling()]);
        let outer = Chain::new([
            Link::new(probe("a", a).handling()),
            Link::new(Runs::in_error(inner)),
            Link::new(
                probe("b", b)
                    .enter(|_| Err("boom".into()))
                    .only(Stages::ENTER),
            ),
        ]);
        let expected = [
            "enter a", "enter b", "inner {", "enter x", "leave x", "} well", "[a] []", "error a",
        ];
        assert_eq!(events(&outer), expected);
    }
}

#[test]
fn an_inner_unhandled_error_comes_back_to_the_stage_that_ran_it() {
    for [a, b] in mixes() {
        let inner = chain([probe("x", a), probe("y", b).enter(|_| Err("boom".into()))]);
        let outer = Chain::new([Link::new(probe("a", a)), Link::new(Runs::in_enter(inner))]);
        let expected = [
            "enter a",
            "inner {",
            "enter x",
            "enter y",
            "error y",
            "error x",
            "} enter y: boom",
            "[a runs] []",
            "leave a",
        ];
        assert_eq!(events(&outer), expected);
    }
}

#[test]
fn an_inner_error_that_is_raised_again_keeps_its_origin_as_source() {
    for [a, b] in mixes() {
        let inner = chain([probe("x", b).enter(|_| Err(std::fmt::Error.into()))]);
        let runs = Runs {
            raises: true,
            ..Runs::in_enter(inner)
        };
        let mut cx = Context::new(Log::default());
        let outer = Chain::new([Link::new(probe("a", a)), Link::new(runs)]);
        let error = drive(outer.run(&mut cx)).unwrap_err();
        assert_eq!(story(&error), ["enter runs: enter of `x` failed"]);
        assert!(error.is::<std::fmt::Error>());
    }
}

#[test]
fn an_inner_error_that_was_handled_is_not_recovered_in_the_outer_run() {
    for [a, b] in mixes() {
        let inner = chain([probe("x", b).enter(|_| Err("boom".into())).handling()]);
        let a = probe("a", a).leave(|cx| {
            let recovered = cx.recovered().is_some();
            cx.note(format!("recovered {recovered}"));
            Ok(())
        });
        let outer = Chain::new([Link::new(a), Link::new(Runs::in_enter(inner))]);
        assert_eq!(events(&outer).last().unwrap(), "recovered false");
    }
}

#[test]
fn what_an_inner_stage_queues_runs_in_the_inner_run_only() {
    for [a, b] in mixes() {
        let (next, last) = (chain([probe("n", a)]), chain([probe("z", b)]));
        let x = probe("x", a).only(Stages::ENTER).enter(move |cx| {
            cx.enqueue(&last)?;
            Ok(cx.enqueue_next(&next)?)
        });
        let inner = chain([x, probe("y", b).only(Stages::ENTER)]);
        let outer = Chain::new([Link::new(Runs::in_enter(inner)), Link::new(probe("b", b))]);
        let expected = [
            "inner {",
            "enter x",
            "enter n",
            "enter y",
            "enter z",
            "leave z",
            "leave n",
            "} well",
            "[runs] [b]",
            "enter b",
            "leave b",
        ];
        assert_eq!(events(&outer), expected);
    }
}

#[test]
fn an_inner_terminate_ends_the_inner_run_only() {
    for [a, b] in mixes() {
        let x = probe("x", a).enter(|cx| {
            cx.terminate();
            Ok(())
        });
        let inner = chain([x, probe("never", b)]);
        let outer = Chain::new([Link::new(Runs::in_enter(inner)), Link::new(probe("b", b))]);
        let expected = [
            "inner {",
            "enter x",
            "leave x",
            "} well",
            "[runs] [b]",
            "enter b",
            "leave b",
        ];
        assert_eq!(events(&outer), expected);
    }
}

#[test]
fn terminators_of_the_outer_run_are_not_asked_inside_nor_those_of_the_inner_outside() {
    for [a, b] in mixes() {
        let x = probe("x", a).enter(|cx| {
            cx.terminate_when(|cx| {
                let last = cx.events.last().unwrap();
                assert!(
                    last.starts_with("enter x") || last.starts_with("enter y"),
                    "{last}"
                );
                last == "enter y"
            });
            Ok(())
        });
        let inner = chain([x, probe("y", b), probe("never", b)]);
        let outer = Chain::new([
            Link::new(Runs::in_enter(inner)),
            Link::new(probe("b", b)),
            Link::new(probe("c", a)),
        ]);
        let mut cx = Context::new(Log::default());
        cx.terminate_when(|cx| {
            cx.events
                .iter()
                .any(|event| event == "enter x" || event == "enter b")
        });
        drive(outer.run(&mut cx)).unwrap();
        let expected = [
            "inner {",
            "enter x",
            "enter y",
            "leave y",
            "leave x",
            "} well",
            "[runs] [b c]",
        ];
        assert_eq!(cx.events, expected);
    }
}

#[test]
fn a_run_inside_a_run_inside_a_stage_is_whole_and_so_are_those_around_it() {
    for [a, b] in mixes() {
        let innermost = chain([probe("y", b)
            .enter(|_| Err("boom".into()))
            .only(Stages::ENTER)]);
        let inner = Chain::new([
            Link::new(probe("x", a)),
            Link::new(Runs::in_enter(innermost)),
        ]);
        let outer = Chain::new([Link::new(probe("a", a)), Link::new(Runs::in_leave(inner))]);
        let expected = [
            "enter a",
            "inner {",
            "enter x",
            "inner {",
            "enter y",
            "} enter y: boom",
            "[x runs] []",
            "leave x",
            "} well",
            "[a] []",
            "leave a",
        ];
        assert_eq!(events(&outer), expected);
    }
}

#[test]
fn several_runs_in_one_stage_follow_each_other() {
    let twice = Link::new(Runs::in_enter([
        Link::new(Runs::in_enter(chain([probe("x", Kind::Pending)]))),
        Link::new(Runs::in_enter(chain([probe("y", Kind::AtOnce)]))),
    ]));
    let expected = [
        "inner {",
        "inner {",
        "enter x",
        "leave x",
        "} well",
        "[runs] [runs]",
        "inner {",
        "enter y",
        "leave y",
        "} well",
        "[runs runs] []",
        "} well",
        "[runs] []",
    ];
    assert_eq!(events(&twice.into()), expected);
}

#[test]
fn at_once_stages_can_run_a_chain_that_answers_at_once() {
    let inner = chain([probe("x", Kind::AtOnce)]);
    let a = probe("a", Kind::AtOnce).enter(move |cx| Ok(inner.run_now(cx)?));
    let outer = chain([a, probe("b", Kind::AtOnce)]);
    let expected = [
        "enter a", "enter x", "leave x", "enter b", "leave b", "leave a",
    ];
    assert_eq!(events(&outer), expected);
}

/// Runs a chain for as long as it takes to be polled once, then gives it up.
struct GivesUp(Chain<Log>);

impl Interceptor<Log> for GivesUp {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        Step::later(async move {
            assert_pending!(task::spawn(self.0.run(cx)).poll());
            pending_once().await;
            cx.note("gave up");
            Ok(())
        })
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        cx.note("leave");
        Step::next()
    }
}

#[test]
fn a_run_that_is_given_up_half_way_leaves_the_outer_walk_as_it_was() {
    let waits = chain([
        probe("x", Kind::AtOnce),
        probe("y", Kind::Pending),
        probe("z", Kind::AtOnce),
    ]);
    let outer = Chain::new([
        Link::new(GivesUp(waits)),
        Link::new(probe("b", Kind::AtOnce)),
    ]);
    let expected = [
        "enter x", "enter y", "gave up", "enter b", "leave b", "leave",
    ];
    assert_eq!(events(&outer), expected);
}

#[test]
fn a_context_whose_run_was_given_up_can_be_run_again() {
    let (waits, again) = (
        chain([probe("a", Kind::Pending)]),
        chain([probe("b", Kind::AtOnce)]),
    );
    let mut cx = Context::new(Log::default());
    assert_pending!(task::spawn(waits.run(&mut cx)).poll());
    assert_eq!((cx.entered().count(), cx.queue().count()), (0, 0));
    assert_ready!(task::spawn(again.run(&mut cx)).poll()).unwrap();
    assert_eq!(cx.events, ["enter a", "enter b", "leave b"]);
}

#[test]
#[expect(clippy::mem_forget, reason = "it is what the stage must not do")]
fn a_run_that_a_stage_forgets_is_an_error_and_not_a_silent_end() {
    for [a, b] in mixes() {
        let forgets = probe("b", b).enter(|cx| {
            let inner = chain([probe("c", Kind::Pending)]);
            let mut forgotten = task::spawn(Box::pin(inner.run(cx)));
            assert_pending!(forgotten.poll());
            std::mem::forget(forgotten);
            Ok(())
        });
        let (_, result) = run([probe("a", a), forgets]);
        assert_eq!(
            story(&result.unwrap_err()),
            ["not raised nobody: a stage forgot a run that it began"]
        );
    }
}
