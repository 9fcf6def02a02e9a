//! Callbacks before the first wait of an execution.

use peristyle_core::{Chain, Context, Interceptor, Link, Outcome, Stage, Stages, Step, before};
use tokio::sync::oneshot;

use crate::{
    probe::{
        KINDS, Kind, Log, Probe, chain, drive, mixes, panic_quietly, pending_once, probe, story,
    },
    watched::{Journal, WAITING},
};

/// A context that notes `"first wait"`.
fn watching(journal: &Journal) -> Context<Log> {
    let mut cx = Context::new(Log::default());
    let journal = journal.clone();
    cx.on_first_wait(move || journal.note("first wait"));
    cx
}

/// Notes in `enter` when its future is polled first; a conveying one has done its deed by then.
fn polled(name: &'static str, kind: Kind, journal: &Journal) -> Probe {
    let journal = journal.clone();
    probe(name, kind).only(Stages::ENTER).enter(move |_| {
        journal.note(format!("did {name}"));
        Ok(())
    })
}

#[test]
fn it_is_called_once_at_the_first_stage_that_waits_before_its_first_poll() {
    for [a, b, c] in mixes() {
        let journal = Journal::default();
        let probes = [("a", a), ("b", b), ("c", c)];
        let chain = journal.chain(probes.map(|(name, kind)| polled(name, kind, &journal).into()));
        drive(chain.run(&mut watching(&journal))).unwrap();

        let mut expected = Vec::new();
        let mut waited = false;
        for (name, kind) in probes {
            expected.push(format!("enter {name}"));
            let did = format!("did {name}");
            let first = kind != Kind::AtOnce && !waited;
            waited |= first;
            match (first, kind) {
                (false, _) => expected.push(did),
                (true, Kind::Conveying) => expected.extend([did, "first wait".to_owned()]),
                (true, _) => expected.extend(["first wait".to_owned(), did]),
            }
        }
        assert_eq!(journal.read(), expected);
    }
}

#[test]
fn the_first_wait_may_be_on_the_way_back() {
    for kind in [Kind::Ready, Kind::Pending, Kind::Conveying] {
        for (stage, fails) in [(Stages::LEAVE, false), (Stages::ERROR, true)] {
            let journal = Journal::default();
            let end = probe("b", Kind::AtOnce)
                .only(Stages::ENTER)
                .enter(move |_| if fails { Err("boom".into()) } else { Ok(()) });
            let a = probe("a", kind).only(stage).handling();
            let outermost = probe("z", kind).only(Stages::LEAVE);
            let chain = journal.chain([outermost.into(), a.into(), end.into()]);
            drive(chain.run(&mut watching(&journal))).unwrap();
            let waits = if fails { "error a" } else { "leave a" };
            assert_eq!(journal.read(), ["enter b", waits, "first wait", "leave z"]);
        }
    }
}

#[test]
fn it_is_not_called_in_a_run_in_which_nothing_waits_nor_in_the_next() {
    let journal = Journal::default();
    let fails = probe("b", Kind::AtOnce).enter(|_| Err("boom".into()));
    let chain = journal.chain([probe("a", Kind::AtOnce).handling().into(), fails.into()]);
    let mut cx = watching(&journal);
    drive(chain.run(&mut cx)).unwrap();
    assert_eq!(journal.read(), ["enter a", "enter b", "error b", "error a"]);
    drive(crate::probe::chain([probe("a", Kind::Pending)]).run(&mut cx)).unwrap();
    assert!(journal.read().is_empty());
}

#[test]
fn run_now_calls_it_too() {
    for (kind, well) in [(Kind::Ready, true), (Kind::Pending, false)] {
        let journal = Journal::default();
        let result = chain([probe("a", kind)]).run_now(&mut watching(&journal));
        assert_eq!(result.is_ok(), well);
        assert_eq!(journal.read(), ["first wait"]);
    }
}

#[test]
fn several_are_called_in_the_order_in_which_they_were_set() {
    let journal = Journal::default();
    let mut cx = watching(&journal);
    let last = journal.clone();
    cx.on_first_wait(move || last.note("and another"));
    drive(chain([probe("a", Kind::Ready)]).run(&mut cx)).unwrap();
    assert_eq!(journal.read(), ["first wait", "and another"]);
}

type Callback = fn() -> Outcome;

const FAILING: [(Callback, &str); 2] = [
    (|| Err("no".into()), "no"),
    (|| panic_quietly("bang"), "panicked: bang"),
];

#[test]
fn a_failure_or_panic_of_one_is_a_failure_of_the_stage_whose_future_is_never_polled() {
    for kind in [Kind::Ready, Kind::Pending, Kind::Conveying] {
        for ((callback, text), [a]) in FAILING
            .into_iter()
            .flat_map(|failing| mixes().map(move |mix| (failing, mix)))
        {
            let journal = Journal::default();
            let b = probe("b", kind).enter({
                let journal = journal.clone();
                move |_| {
                    journal.note("did b");
                    Ok(())
                }
            });
            let a = probe("a", a).only(Stages::ERROR);
            let chain = journal.chain([a.into(), b.into(), probe("c", kind).into()]);
            let mut cx = Context::new(Log::default());
            cx.on_first_wait(callback);
            let error = drive(chain.run(&mut cx)).unwrap_err();
            assert_eq!(story(&error), [format!("enter b: {text}")]);
            let expected: &[&str] = if kind == Kind::Conveying {
                &["enter b", "did b", "dropped enter b", "error b", "error a"]
            } else {
                &["enter b", "dropped enter b", "error b", "error a"]
            };
            assert_eq!(journal.read(), expected);
        }
    }
}

#[test]
fn a_failure_of_one_in_leave_asks_the_outer_ones_and_in_error_suppresses_what_was_pending() {
    for (kind, (callback, text)) in WAITING
        .into_iter()
        .flat_map(|kind| FAILING.map(|failing| (kind, failing)))
    {
        let run = |fails: bool| {
            let journal = Journal::default();
            let end = probe("b", Kind::AtOnce)
                .only(Stages::ENTER)
                .enter(move |_| if fails { Err("boom".into()) } else { Ok(()) });
            let chain = journal.chain([
                probe("z", Kind::AtOnce).only(Stages::ERROR).into(),
                probe("a", kind)
                    .only(Stages::LEAVE | Stages::ERROR)
                    .handling()
                    .into(),
                end.into(),
            ]);
            let mut cx = Context::new(Log::default());
            cx.on_first_wait(callback);
            let error = drive(chain.run(&mut cx)).unwrap_err();
            (story(&error), journal.read())
        };
        let (told, events) = run(false);
        assert_eq!(told, [format!("leave a: {text}")]);
        assert_eq!(events, ["enter b", "leave a", "dropped leave a", "error z"]);
        let (told, events) = run(true);
        assert_eq!(
            told,
            [format!("error a: {text}"), "enter b: boom".to_owned()]
        );
        assert_eq!(events, ["enter b", "error a", "dropped error a", "error z"]);
    }
}

#[test]
fn one_that_failed_is_not_called_again_by_the_handler_that_waits() {
    for [a, b] in mixes() {
        let mut cx = Context::new(Log::default());
        cx.on_first_wait(|| Err::<(), _>("no"));
        let result = drive(
            chain([
                probe("a", a).handling(),
                probe("b", b),
                probe("c", Kind::Ready),
            ])
            .run(&mut cx),
        );
        let failed = [("enter a", a), ("enter b", b), ("enter c", Kind::Ready)];
        let (first, _) = failed
            .into_iter()
            .find(|(_, kind)| *kind != Kind::AtOnce)
            .unwrap();
        assert!(cx.events.contains(&first.replace("enter", "error")));
        result.unwrap();
    }
}

#[test]
fn a_stage_can_set_one_for_the_stages_after_it() {
    for kind in KINDS {
        let journal = Journal::default();
        let sets = journal.clone();
        let a = probe("a", kind).only(Stages::ENTER).enter(move |cx| {
            let journal = sets.clone();
            cx.on_first_wait(move || journal.note("first wait"));
            Ok(())
        });
        let chain = journal.chain([
            a.into(),
            probe("b", Kind::AtOnce).only(Stages::ENTER).into(),
            probe("c", Kind::Ready).only(Stages::ENTER).into(),
        ]);
        drive(chain.run(&mut Context::new(Log::default()))).unwrap();
        let expected = if kind == Kind::Conveying {
            // It sets it before it returns what it waits for.
            ["enter a", "first wait", "enter b", "enter c"]
        } else {
            ["enter a", "enter b", "enter c", "first wait"]
        };
        assert_eq!(journal.read(), expected);
    }
}

#[test]
fn a_stage_can_set_one_for_itself_before_it_returns_its_channel() {
    let journal = Journal::default();
    let noting = journal.clone();
    let conveys = before(move |cx: &mut Context<Log>| {
        let journal = noting.clone();
        cx.on_first_wait(move || journal.note("first wait"));
        let (sender, receiver) = oneshot::channel();
        assert!(sender.send(cx.take()).is_ok());
        receiver
    });
    drive(Chain::from(conveys).run(&mut Context::new(Log::default()))).unwrap();
    assert_eq!(journal.read(), ["first wait"]);
}

/// Runs a chain in enter.
struct Runs(Chain<Log>, Journal);

impl Interceptor<Log> for Runs {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        Step::later(async move {
            pending_once().await;
            self.1.note(Stage::Enter.as_str());
            Ok(cx.run(&self.0).await?)
        })
    }
}

#[test]
fn an_inner_run_has_first_waits_of_its_own() {
    let journal = Journal::default();
    let sets = journal.clone();
    let x = probe("x", Kind::AtOnce)
        .only(Stages::ENTER)
        .enter(move |cx| {
            let journal = sets.clone();
            cx.on_first_wait(move || journal.note("first wait of the inner"));
            Ok(())
        });
    let y = probe("y", Kind::Ready).only(Stages::ENTER);
    let inner = journal.chain([x.into(), y.into()]);
    let chain = Chain::from(Link::new(Runs(inner, journal.clone())));
    drive(chain.run(&mut watching(&journal))).unwrap();
    let expected = [
        "first wait",
        "enter",
        "enter x",
        "enter y",
        "first wait of the inner",
    ];
    assert_eq!(journal.read(), expected);
}
