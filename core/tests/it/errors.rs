//! What is raised, who is asked about it, and what the caller gets.

use std::{error::Error as _, fmt, num::ParseIntError};

use peristyle_core::{
    BoxError, Caught, Chain, Context, Error, ExecutionId, Link, Outcome, Stage, Stages, after,
    before, catch, on_error,
};

use crate::probe::{
    KINDS, Kind, Log, chain, drive, mixes, panic_quietly, pending_once, probe, run, run_on, story,
};

fn boom(_: &mut Context<Log>) -> Outcome {
    Err("boom".into())
}

/// The ways in which any stage can fail at what it does.
const FAILURES: [(fn() -> Outcome, &str); 2] = [
    (|| Err("boom".into()), "boom"),
    (|| panic_quietly("bang"), "panicked: bang"),
];

#[test]
fn an_error_turns_the_walk_around_and_each_entered_is_asked_once_innermost_first() {
    for [a, b, c] in mixes() {
        let c = probe("c", c).enter(boom);
        let (events, result) = run([probe("a", a), probe("b", b), c, probe("d", a)]);
        let expected = [
            "enter a", "enter b", "enter c", "error c", "error b", "error a",
        ];
        assert_eq!(events, expected);
        assert_eq!(story(&result.unwrap_err()), ["enter c: boom"]);
    }
}

#[test]
fn one_that_fails_in_enter_is_asked_first_itself() {
    for (fails, text) in FAILURES {
        for [a, b] in mixes() {
            let (events, result) = run([probe("a", a), probe("b", b).enter(move |_| fails())]);
            assert_eq!(events, ["enter a", "enter b", "error b", "error a"]);
            assert_eq!(story(&result.unwrap_err()), [format!("enter b: {text}")]);
        }
    }
}

#[test]
fn one_that_fails_in_leave_is_not_asked_itself() {
    for (fails, text) in FAILURES {
        for [a, b, c] in mixes() {
            let b = probe("b", b).leave(move |_| fails());
            let (events, result) = run([probe("a", a), b, probe("c", c)]);
            let expected = [
                "enter a", "enter b", "enter c", "leave c", "leave b", "error a",
            ];
            assert_eq!(events, expected);
            assert_eq!(story(&result.unwrap_err()), [format!("leave b: {text}")]);
        }
    }
}

#[test]
fn one_that_fails_in_error_is_not_asked_again() {
    for (fails, text) in FAILURES {
        for [a, b] in mixes() {
            let b = probe("b", b).enter(boom).error(move |_, _| fails());
            let (events, result) = run([probe("a", a), b]);
            assert_eq!(events, ["enter a", "enter b", "error b", "error a"]);
            let expected = [format!("error b: {text}"), "enter b: boom".to_owned()];
            assert_eq!(story(&result.unwrap_err()), expected);
        }
    }
}

#[test]
fn what_was_not_entered_is_asked_nothing() {
    for (fails, _) in FAILURES {
        for [a, b] in mixes() {
            let (events, _) = run([probe("a", a).enter(move |_| fails()), probe("b", b)]);
            assert_eq!(events, ["enter a", "error a"]);
        }
    }
}

#[test]
fn a_handled_error_ends_there_and_the_outer_ones_leave() {
    for [a, b, c] in mixes() {
        let c = probe("c", c).enter(boom);
        let (events, result) = run([probe("a", a), probe("b", b).handling(), c]);
        assert_eq!(
            events,
            [
                "enter a", "enter b", "enter c", "error c", "error b", "leave a"
            ]
        );
        result.unwrap();
    }
}

#[test]
fn one_that_handles_its_own_failure_does_not_leave() {
    for [a, b] in mixes() {
        let (events, result) = run([probe("a", a), probe("b", b).enter(boom).handling()]);
        assert_eq!(events, ["enter a", "enter b", "error b", "leave a"]);
        result.unwrap();
    }
}

#[test]
fn an_error_after_a_handled_one_goes_further_out_and_suppresses_nothing() {
    for [a, b, c] in mixes() {
        let c = probe("c", c).enter(boom).handling();
        let b = probe("b", b).leave(|_| Err("later".into()));
        let (events, result) = run([probe("a", a), b, c]);
        assert_eq!(
            events,
            [
                "enter a", "enter b", "enter c", "error c", "leave b", "error a"
            ]
        );
        assert_eq!(story(&result.unwrap_err()), ["leave b: later"]);
    }
}

#[test]
fn a_declined_error_goes_on_unchanged() {
    for [a, b, c] in mixes() {
        let keep = |cx: &mut Context<Log>, error: Error| {
            cx.note(story(&error).join(", "));
            Err(error.into())
        };
        let (a, b) = (probe("a", a).error(keep), probe("b", b).error(keep));
        let (events, result) = run([a, b, probe("c", c).leave(boom)]);
        let said = "leave c: boom";
        let expected = [
            "enter a", "enter b", "enter c", "leave c", "error b", said, "error a", said,
        ];
        assert_eq!(events, expected);
        assert_eq!(story(&result.unwrap_err()), [said]);
    }
}

#[test]
fn declining_hands_on_the_very_same_original() {
    #[derive(Debug)]
    struct Unique(Box<u8>);
    impl fmt::Display for Unique {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("unique")
        }
    }
    impl std::error::Error for Unique {}

    let address =
        |error: &Error| std::ptr::from_ref(&*error.downcast_ref::<Unique>().unwrap().0).addr();
    for [a, b] in mixes() {
        let a = probe("a", a).error(move |cx, error| {
            cx.note(address(&error).to_string());
            Err(error.into())
        });
        let b = probe("b", b).enter(|_| Err(Unique(Box::new(0)).into()));
        let (events, result) = run([a, b]);
        assert_eq!(
            events.last(),
            Some(&address(&result.unwrap_err()).to_string())
        );
    }
}

#[test]
fn a_failing_handler_raises_its_own_and_the_old_one_is_suppressed_newest_first() {
    for [a, b, c] in mixes() {
        let a = probe("a", a).error(|_, _| Err("third".into()));
        let b = probe("b", b).error(|_, _| Err("second".into()));
        let (_, result) = run([a, b, probe("c", c).enter(|_| Err("first".into()))]);
        let expected = ["error a: third", "error b: second", "enter c: first"];
        assert_eq!(story(&result.unwrap_err()), expected);
    }
}

#[test]
fn the_next_handler_is_given_the_new_error_with_the_old_one_suppressed() {
    for [a, b] in mixes() {
        let a = probe("a", a).error(|cx, error| {
            cx.note(story(&error).join(", "));
            Ok(())
        });
        let b = probe("b", b).enter(boom).error(|_, _| Err("worse".into()));
        let (events, result) = run([a, b]);
        let expected = [
            "enter a",
            "enter b",
            "error b",
            "error a",
            "error b: worse, enter b: boom",
        ];
        assert_eq!(events, expected);
        result.unwrap();
    }
}

#[test]
fn raising_an_equal_error_is_failing_and_not_declining() {
    for [a, b] in mixes() {
        let a = probe("a", a).error(|_, _| Err("boom".into()));
        let (_, result) = run([a, probe("b", b).enter(boom)]);
        assert_eq!(
            story(&result.unwrap_err()),
            ["error a: boom", "enter b: boom"]
        );
    }
}

#[test]
fn raising_an_error_that_reads_alike_is_failing_and_not_declining() {
    for [a, b] in mixes() {
        let alike = run([probe("b", b).enter(boom)]).1.unwrap_err();
        let a = probe("a", a).error(move |_, _| Err(alike.clone().into()));
        let (_, result) = run([a, probe("b", b).enter(boom)]);
        let expected = ["error a: enter of `b` failed", "enter b: boom"];
        assert_eq!(story(&result.unwrap_err()), expected);
    }
}

#[test]
fn raising_a_suppressed_error_again_is_failing() {
    for [a, b] in mixes() {
        let a =
            probe("a", a).error(|_, error| Err(error.suppressed().next().unwrap().clone().into()));
        let b = probe("b", b).enter(boom).error(|_, _| Err("worse".into()));
        let (_, result) = run([a, b]);
        let expected = [
            "error a: enter of `b` failed",
            "error b: worse",
            "enter b: boom",
        ];
        assert_eq!(story(&result.unwrap_err()), expected);
    }
}

#[test]
fn wrapping_the_given_error_is_failing_with_it_as_the_source_of_the_source() {
    #[derive(Debug)]
    struct Wrapped(Error);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl std::error::Error for Wrapped {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }

    let wraps = |name, kind| probe(name, kind).error(|_, error| Err(Wrapped(error).into()));
    let fails = probe("b", Kind::AtOnce).enter(boom);
    let many = (0..100).map(|_| wraps("a", Kind::AtOnce)).chain([fails]);
    let written = format!("{:?}", run(many).1.unwrap_err());
    assert!(
        written.len() < 1_000_000,
        "each error is written once per wrapper"
    );

    for [a, b] in mixes() {
        let a = wraps("a", a);
        let (_, result) = run([a, probe("b", b).enter(boom)]);
        let error = result.unwrap_err();
        assert_eq!(story(&error), ["error a: wrapped", "enter b: boom"]);
        let wrapped = error.downcast_ref::<Wrapped>().unwrap();
        assert_eq!(wrapped.0.to_string(), "enter of `b` failed");
    }
}

#[test]
fn an_error_says_where_it_was_raised_by_whom_in_which_execution_and_why() {
    for stage in [Stage::Enter, Stage::Leave, Stage::Error] {
        for [a, b] in mixes() {
            let fails = |raised: Stage| {
                move || {
                    if raised == stage {
                        Err("7.5".parse::<u8>().unwrap_err())
                    } else {
                        Ok(())
                    }
                }
            };
            let (enter, leave, error) = (
                fails(Stage::Enter),
                fails(Stage::Leave),
                fails(Stage::Error),
            );
            let b = probe("b", b)
                .enter(move |_| {
                    if stage == Stage::Error {
                        Err("first".into())
                    } else {
                        Ok(enter()?)
                    }
                })
                .leave(move |_| Ok(leave()?))
                .error(move |_, given| {
                    if stage == Stage::Error {
                        Ok(error()?)
                    } else {
                        Err(given.into())
                    }
                });
            let cx = Context::with_id(Log::default(), ExecutionId::given("req-7"));
            let (_, result) = run_on(cx, &chain([probe("a", a), b]));
            let raised = result.unwrap_err();
            assert_eq!(raised.stage(), Some(stage));
            assert_eq!(raised.interceptor(), Some("b"));
            assert_eq!(raised.execution(), Some(&ExecutionId::given("req-7")));
            assert_eq!(raised.to_string(), format!("{stage} of `b` failed"));
            assert_eq!(
                raised.source().unwrap().to_string(),
                "invalid digit found in string"
            );
            let original = raised.downcast_ref::<ParseIntError>().unwrap();
            assert_eq!(original, &"x".parse::<u8>().unwrap_err());
            assert!(raised.source().unwrap().is::<ParseIntError>());
            assert_eq!(
                raised.suppressed().count(),
                usize::from(stage == Stage::Error)
            );
        }
    }
}

#[test]
fn nothing_in_the_original_can_overwrite_where_it_was_raised() {
    for [a, b] in mixes() {
        let inner = chain([probe("elsewhere", Kind::AtOnce).enter(boom)]);
        let foreign = inner
            .run_now(&mut Context::new(Log::default()))
            .unwrap_err();
        let raised = foreign.clone();
        let cx = Context::with_id(Log::default(), ExecutionId::given("here"));
        let b = probe("b", b).enter(move |_| Err(raised.clone().into()));
        let (_, result) = run_on(cx, &chain([probe("a", a), b]));
        let error = result.unwrap_err();
        assert_eq!(error.interceptor(), Some("b"));
        assert_eq!(error.execution(), Some(&ExecutionId::given("here")));
        assert_eq!(
            error.source().unwrap().to_string(),
            "enter of `elsewhere` failed"
        );
        assert_ne!(foreign.execution(), error.execution());
    }
}

#[test]
fn an_error_that_no_stage_had_raised_yet_stands_for_its_source() {
    for [a, b] in mixes() {
        let b = probe("b", b).enter(|_| Err(Error::new("boom").into()));
        let (_, result) = run([probe("a", a), b]);
        assert_eq!(story(&result.unwrap_err()), ["enter b: boom"]);
    }
}

#[test]
fn the_handler_is_given_what_the_caller_gets() {
    for [a, b] in mixes() {
        let a = probe("a", a).error(|cx, error| {
            let id = error.execution().unwrap();
            let line = format!("{} {id}", story(&error).join(", "));
            cx.note(line);
            Err(error.into())
        });
        let cx = Context::with_id(Log::default(), ExecutionId::given("req-7"));
        let (events, result) = run_on(cx, &chain([a, probe("b", b).leave(boom)]));
        assert_eq!(events.last().unwrap(), "leave b: boom req-7");
        assert_eq!(story(&result.unwrap_err()), ["leave b: boom"]);
    }
}

#[test]
fn running_a_chain_returns_the_error_that_nobody_handled() {
    for [a, b] in mixes() {
        let a = probe("a", a).only(Stages::ENTER | Stages::LEAVE);
        let (events, result) = run([a, probe("b", b).only(Stages::ENTER).enter(boom)]);
        assert_eq!(events, ["enter a", "enter b"]);
        assert_eq!(story(&result.unwrap_err()), ["enter b: boom"]);
    }
}

#[test]
fn an_error_of_the_outermost_leave_reaches_the_caller() {
    for kind in KINDS {
        let (events, result) = run([probe("a", kind).leave(boom)]);
        assert_eq!(events, ["enter a", "leave a"]);
        assert_eq!(story(&result.unwrap_err()), ["leave a: boom"]);
    }
}

#[test]
fn a_run_that_would_wait_keeps_the_error_that_was_pending() {
    let chain = chain([
        probe("a", Kind::Pending),
        probe("b", Kind::AtOnce).enter(boom),
    ]);
    let waited = drive(async { chain.run_now(&mut Context::new(Log::default())) }).unwrap_err();
    assert_eq!(story(&waited), ["enter a: would wait"]);

    let chain = Chain::new([
        Link::new(probe("a", Kind::Pending).only(Stages::ERROR)),
        Link::new(probe("b", Kind::AtOnce).enter(boom)),
    ]);
    let waited = chain
        .run_now(&mut Context::new(Log::default()))
        .unwrap_err();
    assert_eq!(story(&waited), ["error a: would wait", "enter b: boom"]);
}

#[test]
fn what_a_handler_attaches_is_seen_by_outer_leaves() {
    for [a, b, c] in mixes() {
        let a = probe("a", a).leave(|cx| {
            let seen = cx
                .events
                .iter()
                .any(|event| event == "a page that says sorry");
            cx.note(format!("seen {seen}"));
            Ok(())
        });
        let b = probe("b", b).error(|cx, _| {
            cx.note("a page that says sorry");
            Ok(())
        });
        let (events, _) = run([a, b, probe("c", c).enter(boom)]);
        assert_eq!(events.last().unwrap(), "seen true");
    }
}

#[test]
fn outer_stages_know_the_last_error_that_was_handled() {
    fn look(cx: &mut Context<Log>) -> Outcome {
        let told = cx.recovered().map(story);
        cx.note(format!("{told:?}"));
        Ok(())
    }

    for [a, b, c] in mixes() {
        let d = probe("d", a).enter(boom).handling();
        let c = probe("c", c)
            .enter(look)
            .leave(|cx| look(cx).and(Err("second".into())));
        let b = probe("b", b).error(|cx, _| look(cx));
        let (events, result) = run([probe("a", a).leave(look), b, c, d]);
        let looks: Vec<_> = events
            .iter()
            .filter(|event| !event.contains(' ') || event.contains('"'))
            .collect();
        let (first, second) = ("Some([\"enter d: boom\"])", "Some([\"leave c: second\"])");
        assert_eq!(looks, ["None", first, first, second]);
        result.unwrap();
    }
}

#[test]
fn nothing_is_recovered_in_the_next_run_of_a_context() {
    let chain = Chain::new([
        Link::new(probe("a", Kind::Pending).leave(|cx| {
            assert!(cx.recovered().is_some());
            Ok(())
        })),
        Link::new(probe("b", Kind::AtOnce).enter(boom).handling()),
    ]);
    let mut cx = Context::new(Log::default());
    drive(chain.run(&mut cx)).unwrap();
    let fresh = before(|cx: &mut Context<Log>| assert!(cx.recovered().is_none()));
    Chain::from(fresh).run_now(&mut cx).unwrap();
}

fn parse(cx: &mut Context<String>) -> Result<(), ParseIntError> {
    cx.parse::<u8>().map(drop)
}

async fn parse_later(cx: &mut Context<String>) -> Result<(), ParseIntError> {
    pending_once().await;
    cx.parse::<u8>().map(drop)
}

fn write(cx: &mut Context<String>, error: Caught<fmt::Error>) {
    **cx = format!("write: {}", *error);
}

async fn write_later(cx: &mut Context<String>, error: Caught<fmt::Error>) {
    pending_once().await;
    **cx = format!("write: {}", *error);
}

fn number(cx: &mut Context<String>, error: Caught<ParseIntError>) {
    **cx = format!("number: {}", *error);
}

async fn number_later(cx: &mut Context<String>, error: Caught<ParseIntError>) {
    pending_once().await;
    **cx = format!("number: {}", *error);
}

fn any(cx: &mut Context<String>, error: Error) {
    **cx = format!("any: {}", error.source().unwrap());
}

fn ended(links: Vec<Link<String>>) -> Result<String, Error> {
    let mut cx = Context::new("ten".to_owned());
    drive(Chain::from(links).run(&mut cx))?;
    Ok(cx.into_inner())
}

#[test]
fn a_catch_is_asked_only_about_errors_of_its_type() {
    for number in [catch(number), catch(number_later)] {
        for parse in [before(parse), before(parse_later)] {
            let text = ended(vec![number.clone(), parse]).unwrap();
            assert_eq!(text, "number: invalid digit found in string");
        }
        let fails = after(|_: &mut Context<String>| Err::<(), _>(fmt::Error));
        let passed = ended(vec![number, fails.named("fails")]).unwrap_err();
        assert_eq!(story(&passed), [format!("leave fails: {}", fmt::Error)]);
    }
}

#[test]
fn catches_in_a_row_match_like_arms() {
    for write in [catch(write), catch(write_later)] {
        for number in [catch(number), catch(number_later)] {
            let row = |fails| ended(vec![on_error(any), write.clone(), number.clone(), fails]);
            let arm = |outcome: fn() -> Outcome| {
                row(before(move |_: &mut Context<String>| outcome())).unwrap()
            };
            assert_eq!(
                arm(|| Err(fmt::Error.into())),
                format!("write: {}", fmt::Error)
            );
            assert_eq!(
                arm(|| parse(&mut Context::new("x".to_owned())).map_err(Into::into)),
                "number: invalid digit found in string"
            );
            assert_eq!(arm(|| Err("other".into())), "any: other");
        }
    }
}

#[test]
fn a_catch_that_gives_back_what_it_caught_declines() {
    fn decline(
        _: &mut Context<String>,
        error: Caught<ParseIntError>,
    ) -> Result<(), Caught<ParseIntError>> {
        Err(error)
    }
    async fn decline_later(
        _: &mut Context<String>,
        error: Caught<ParseIntError>,
    ) -> Result<(), BoxError> {
        pending_once().await;
        Err(error.into_error().into())
    }
    for decline in [catch(decline), catch(decline_later)] {
        let declined = ended(vec![decline, before(parse).named("parse")]).unwrap_err();
        assert_eq!(
            story(&declined),
            ["enter parse: invalid digit found in string"]
        );
    }
}

#[test]
fn a_catch_looks_through_the_errors_of_inner_chains() {
    let inner = Chain::from(before(parse));
    let outer = before(move |cx: &mut Context<String>| inner.run_now(cx));
    let text = ended(vec![catch(number), outer]).unwrap();
    assert_eq!(text, "number: invalid digit found in string");
}
