//! Panics become errors of the stage in which they happened.

use std::{any::Any, panic::resume_unwind};

use peristyle_core::{Chain, Context, Interceptor, Link, Panicked, Stages, Step, before, handler};
use tokio_test::{assert_pending, assert_ready, task};

use crate::probe::{
    KINDS, Kind, Log, chain, drive, mixes, panic_quietly, pending_once, probe, run, story,
};

#[test]
fn a_panic_in_enter_is_an_error_of_that_enter() {
    for [a, b] in mixes() {
        let b = probe("b", b).enter(|_| panic_quietly("bang"));
        let (events, result) = run([probe("a", a), b, probe("c", a)]);
        assert_eq!(events, ["enter a", "enter b", "error b", "error a"]);
        let error = result.unwrap_err();
        assert_eq!(story(&error), ["enter b: panicked: bang"]);
        assert!(error.is_panic());
        assert_eq!(error.downcast_ref::<Panicked>().unwrap().message(), "bang");
    }
}

#[test]
fn a_panic_in_leave_is_an_error_of_that_leave() {
    for [a, b] in mixes() {
        let (events, result) = run([
            probe("a", a),
            probe("b", b).leave(|_| panic_quietly("bang")),
        ]);
        assert_eq!(events, ["enter a", "enter b", "leave b", "error a"]);
        assert_eq!(story(&result.unwrap_err()), ["leave b: panicked: bang"]);
    }
}

#[test]
fn a_panic_in_error_is_a_failure_of_that_handler() {
    for [a, b] in mixes() {
        let b = probe("b", b)
            .enter(|_| Err("boom".into()))
            .error(|_, _| panic_quietly("bang"));
        let (events, result) = run([probe("a", a), b]);
        assert_eq!(events, ["enter a", "enter b", "error b", "error a"]);
        assert_eq!(
            story(&result.unwrap_err()),
            ["error b: panicked: bang", "enter b: boom"]
        );
    }
}

#[test]
fn a_panic_can_be_handled_like_any_error() {
    for [a, b] in mixes() {
        let a = probe("a", a).handling();
        let (events, result) = run([
            probe("z", b),
            a,
            probe("b", b).enter(|_| panic_quietly("bang")),
        ]);
        assert_eq!(
            events,
            [
                "enter z", "enter a", "enter b", "error b", "error a", "leave z"
            ]
        );
        result.unwrap();
    }
}

#[test]
fn each_of_many_panics_in_one_run_is_caught() {
    for [a, b, c] in mixes() {
        let panics = |name, kind| probe(name, kind).error(|_, _| panic_quietly("again"));
        let c = probe("c", c).enter(|_| panic_quietly("first"));
        let (events, result) = run([panics("a", a), panics("b", b), c]);
        assert_eq!(
            events,
            [
                "enter a", "enter b", "enter c", "error c", "error b", "error a"
            ]
        );
        let expected = [
            "error a: panicked: again",
            "error b: panicked: again",
            "enter c: panicked: first",
        ];
        assert_eq!(story(&result.unwrap_err()), expected);
    }
}

#[test]
fn the_text_of_a_panic_is_kept_whether_it_was_formatted_or_not() {
    let said = |payload: fn() -> Box<dyn Any + Send>| {
        let stage = before(move |_: &mut Context<()>| -> () { resume_unwind(payload()) });
        let error = Chain::from(stage)
            .run_now(&mut Context::new(()))
            .unwrap_err();
        error
            .downcast_ref::<Panicked>()
            .unwrap()
            .message()
            .to_owned()
    };
    assert_eq!(said(|| Box::new("plain")), "plain");
    assert_eq!(said(|| Box::new(format!("{}", 7))), "7");
    assert_eq!(said(|| Box::new(7)), "a value that is not text");
}

#[test]
fn a_real_panic_message_arrives_whole() {
    fn index(_: &mut Context<()>) {
        let empty: Vec<u8> = Vec::with_capacity(1);
        let _ = empty[7];
    }
    let error = Chain::from(before(index))
        .run_now(&mut Context::new(()))
        .unwrap_err();
    let text = "index out of bounds: the len is 0 but the index is 7";
    assert_eq!(error.downcast_ref::<Panicked>().unwrap().message(), text);
}

#[test]
fn a_panic_while_a_stage_waits_is_an_error_of_that_stage() {
    async fn panics(_: &mut Context<()>) {
        pending_once().await;
        panic_quietly::<()>("bang");
    }
    let chain = Chain::from(before(panics).named("panics"));
    let mut cx = Context::new(());
    let mut run = task::spawn(chain.run(&mut cx));
    assert_pending!(run.poll());
    let error = assert_ready!(run.poll()).unwrap_err();
    assert_eq!(story(&error), ["enter panics: panicked: bang"]);
}

/// Conveys by a future that panics.
struct PanicsConveying;

impl Interceptor<()> for PanicsConveying {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn enter<'a>(&'a self, _: &'a mut Context<()>) -> Step<'a, ()> {
        Step::convey(async {
            pending_once().await;
            panic_quietly("bang")
        })
    }
}

#[test]
fn a_panic_of_what_conveys_a_value_is_an_error_of_the_stage() {
    let chain = Chain::from(Link::new(PanicsConveying).named("conveys"));
    let error = drive(chain.run(&mut Context::new(()))).unwrap_err();
    assert_eq!(story(&error), ["enter conveys: panicked: bang"]);
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_quietly::<()>("on the way out");
    }
}

#[test]
fn a_panic_in_the_drop_of_a_stage_is_an_error_of_that_stage() {
    async fn waits(_: &mut Context<()>) {
        let _bomb = Bomb;
        pending_once().await;
    }
    let at_once = before(|_: &mut Context<()>| drop(Bomb));
    for stage in [at_once, before(waits)] {
        let error = drive(Chain::from(stage.named("bomb")).run(&mut Context::new(()))).unwrap_err();
        assert_eq!(story(&error), ["enter bomb: panicked: on the way out"]);
    }
}

#[test]
fn a_panic_in_the_drop_of_the_value_that_another_replaces_is_an_error_of_the_stage() {
    struct Carried(Option<Bomb>);

    struct Replaces;
    impl Interceptor<Carried> for Replaces {
        fn stages(&self) -> Stages {
            Stages::ENTER
        }
        fn enter<'a>(&'a self, _: &'a mut Context<Carried>) -> Step<'a, Carried> {
            Step::convey(async { Ok(Carried(None)) })
        }
    }

    let mut cx = Context::new(Carried(Some(Bomb)));
    let replaces = Link::new(Replaces).named("replaces");
    let error = drive(Chain::from(replaces).run(&mut cx)).unwrap_err();
    assert_eq!(story(&error), ["enter replaces: panicked: on the way out"]);
    assert!(cx.0.is_none());
}

#[test]
fn a_panic_in_a_function_of_each_builder_is_caught() {
    use peristyle_core::{Caught, Error, after, always, around, catch, on_error};
    type Cx = Context<()>;
    let fails = || before(|_: &mut Cx| Err::<(), _>(std::fmt::Error)).named("fails");
    let bang = |_: &mut Cx| -> () { panic_quietly("bang") };
    let cases = [
        (vec![before(bang)], "enter"),
        (vec![after(bang)], "leave"),
        (vec![around(bang, bang)], "enter"),
        (vec![always(bang)], "leave"),
        (vec![always(bang), fails()], "error"),
        (
            vec![
                on_error(|_: &mut Cx, _: Error| -> () { panic_quietly("bang") }),
                fails(),
            ],
            "error",
        ),
        (
            vec![
                catch(|_: &mut Cx, _: Caught<std::fmt::Error>| -> () { panic_quietly("bang") }),
                fails(),
            ],
            "error",
        ),
    ];
    for (links, stage) in cases {
        let error = Chain::from(links)
            .run_now(&mut Context::new(()))
            .unwrap_err();
        assert_eq!(error.stage().unwrap().as_str(), stage);
        assert_eq!(error.downcast_ref::<Panicked>().unwrap().message(), "bang");
    }
}

#[test]
fn a_panic_in_the_answer_of_a_handler_is_an_error_of_the_handler() {
    struct Carried;
    impl peristyle_core::Answer<u8> for Carried {
        fn answer(&mut self, _: u8) -> peristyle_core::Outcome {
            panic_quietly("bang")
        }
    }
    async fn later(_: &mut Context<Carried>) -> u8 {
        pending_once().await;
        7
    }
    for link in [handler(|_: &mut Context<Carried>| 7), handler(later)] {
        let chain = Chain::from(link.named("seven"));
        let error = drive(chain.run(&mut Context::new(Carried))).unwrap_err();
        assert_eq!(story(&error), ["enter seven: panicked: bang"]);
    }
}

#[test]
fn a_panic_in_one_execution_does_not_touch_another_of_the_same_chain() {
    for kind in KINDS {
        let panics = probe("b", kind).enter(|cx| {
            if cx.events.len() == 2 {
                Ok(())
            } else {
                panic_quietly("bang")
            }
        });
        let chain = chain([probe("a", Kind::Pending), panics]);
        let mut cx = Context::new(Log::default());
        cx.note("longer");
        let mut other = Context::new(Log::default());
        let mut good = task::spawn(Box::pin(chain.run(&mut other)));
        assert_pending!(good.poll());
        drive(chain.run(&mut cx)).unwrap_err();
        drive(good.into_inner()).unwrap();
        drop(cx);
        assert_eq!(other.events, ["enter a", "enter b", "leave b", "leave a"]);
    }
}

#[test]
fn a_payload_whose_drop_panics_is_still_only_an_error() {
    let stage = before(|_: &mut Context<()>| -> () { resume_unwind(Box::new(Bomb)) });
    let chain = Chain::from(stage.named("bomb"));
    let error = chain.run_now(&mut Context::new(())).unwrap_err();
    assert_eq!(
        story(&error),
        ["enter bomb: panicked: a value that is not text"]
    );
}

#[test]
fn a_stage_that_replaces_the_context_is_an_error_and_not_a_silent_end() {
    let replaces = before(|cx: &mut Context<u8>| *cx = Context::new(1)).named("replaces");
    let then_panics = before(|cx: &mut Context<u8>| {
        *cx = Context::new(1);
        assert_eq!(**cx, 0, "lost");
    });
    for link in [replaces, then_panics.named("then_panics")] {
        let result = Chain::new([link]).run_now(&mut Context::new(0));
        let error = result.unwrap_err();
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            "a stage replaced the context"
        );
    }
}

/// An interceptor whose drop panics.
fn bomb() -> Link<Log> {
    struct Holds(Bomb);
    impl Interceptor<Log> for Holds {
        fn stages(&self) -> Stages {
            Stages::ENTER
        }
    }
    Link::new(Holds(Bomb))
}

#[test]
fn panics_in_the_drop_of_what_was_queued_are_errors_of_the_stage_that_failed() {
    for [a] in mixes() {
        let b = probe("b", a).enter(|cx| {
            cx.enqueue(bomb())?;
            cx.enqueue(bomb())?;
            panic_quietly("bang")
        });
        let (events, result) = run([probe("a", a), b]);
        assert_eq!(events, ["enter a", "enter b", "error b", "error a"]);
        let expected = [
            "enter b: panicked: on the way out",
            "enter b: panicked: on the way out",
            "enter b: panicked: bang",
        ];
        assert_eq!(story(&result.unwrap_err()), expected);
    }
}

#[test]
fn a_panic_in_the_drop_of_the_error_handled_before_is_a_failure_of_the_handler() {
    #[derive(Debug)]
    struct Fails(Option<&'static str>);
    impl std::fmt::Display for Fails {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("fails")
        }
    }
    impl std::error::Error for Fails {}
    impl Drop for Fails {
        fn drop(&mut self) {
            if let Some(text) = self.0 {
                panic_quietly::<()>(text);
            }
        }
    }
    for [a, b] in mixes() {
        let (_, result) = run([
            probe("a", a).error(|_, _| Ok(())),
            probe("b", b).leave(|_| Err(Fails(None).into())),
            probe("c", b).error(|_, _| Ok(())),
            probe("d", a).enter(|_| Err(Fails(Some("on the way out")).into())),
        ]);
        let expected = ["error a: panicked: on the way out", "leave b: fails"];
        assert_eq!(story(&result.unwrap_err()), expected);
    }
}
