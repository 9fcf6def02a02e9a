//! Those who watch an execution.

use std::sync::{Arc, Mutex};

use peristyle_core::{Context, Ending, ExecutionId, Invocation, Observer, Stages};

use crate::probe::{Kind, Log, chain, drive, mixes, panic_quietly, probe, story};

#[derive(Default)]
struct Watch {
    name: &'static str,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Watch {
    fn note(&self, event: String) {
        self.seen
            .lock()
            .unwrap()
            .push(format!("{}{event}", self.name));
    }
}

impl Observer<Log> for Watch {
    fn before(&self, _: &Context<Log>, at: &Invocation<'_>) {
        self.note(format!(
            "before {} {} in {}",
            at.stage, at.interceptor, at.execution
        ));
    }

    fn after(&self, _: &Context<Log>, at: &Invocation<'_>, ending: &Ending<'_>) {
        let ending = match ending {
            Ending::Done => "done".to_owned(),
            Ending::Waited => "waited".to_owned(),
            Ending::Failed(error) => story(error).join(", "),
            other => format!("{other:?}"),
        };
        self.note(format!("after {} {}: {ending}", at.stage, at.interceptor));
    }
}

fn ended_well(kind: Kind) -> &'static str {
    if kind == Kind::AtOnce {
        "done"
    } else {
        "waited"
    }
}

/// What one observer sees of a run in the execution `x`.
fn watched(probes: impl IntoIterator<Item = crate::probe::Probe>) -> Vec<String> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let mut cx = Context::with_id(Log::default(), ExecutionId::given("x"));
    cx.observe(Arc::new(Watch {
        name: "",
        seen: Arc::clone(&seen),
    }));
    let _ = drive(chain(probes).run(&mut cx));
    drop(cx);
    Arc::into_inner(seen).unwrap().into_inner().unwrap()
}

#[test]
fn an_observer_is_told_before_and_after_each_stage_that_runs() {
    for [a, b] in mixes() {
        let seen = watched([probe("a", a).only(Stages::ENTER), probe("b", b)]);
        let (a, b) = (ended_well(a), ended_well(b));
        let expected = [
            "before enter a in x".to_owned(),
            format!("after enter a: {a}"),
            "before enter b in x".to_owned(),
            format!("after enter b: {b}"),
            "before leave b in x".to_owned(),
            format!("after leave b: {b}"),
        ];
        assert_eq!(seen, expected);
    }
}

#[test]
fn an_observer_is_told_how_each_stage_failed_declined_and_handled() {
    for [a, b, c] in mixes() {
        let b = probe("b", b)
            .enter(|_| Err("boom".into()))
            .error(|_, _| panic_quietly("bang"));
        let seen = watched([probe("a", a).handling(), probe("c", c), b]);
        let failed = "error b: panicked: bang, enter b: boom";
        let expected = [
            "after enter b: enter b: boom".to_owned(),
            "before error b in x".to_owned(),
            format!("after error b: {failed}"),
            "before error c in x".to_owned(),
            format!("after error c: {failed}"),
            "before error a in x".to_owned(),
            format!("after error a: {}", ended_well(a)),
        ];
        assert_eq!(seen[5..], expected);
    }
}

#[test]
fn an_observer_added_by_a_stage_sees_that_stage_end_and_all_after_it() {
    for [a, b] in mixes() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let watch = Arc::new(Watch {
            name: "",
            seen: Arc::clone(&seen),
        });
        let a_adds = probe("a", a).only(Stages::ENTER).enter(move |cx| {
            cx.observe(Arc::clone(&watch) as Arc<dyn Observer<Log>>);
            Ok(())
        });
        let mut cx = Context::with_id(Log::default(), ExecutionId::given("x"));
        let b_leaves = probe("b", b).only(Stages::LEAVE);
        drive(chain([a_adds, b_leaves]).run(&mut cx)).unwrap();
        let expected = [
            format!("after enter a: {}", ended_well(a)),
            "before leave b in x".to_owned(),
            format!("after leave b: {}", ended_well(b)),
        ];
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}

#[test]
fn an_observer_added_by_a_stage_sees_nothing_of_the_next_run() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let watch = Arc::new(Watch {
        name: "",
        seen: Arc::clone(&seen),
    });
    let adds = probe("a", Kind::Pending)
        .only(Stages::ENTER)
        .enter(move |cx| {
            cx.observe(Arc::clone(&watch) as Arc<dyn Observer<Log>>);
            Ok(())
        });
    let mut cx = Context::new(Log::default());
    drive(chain([adds]).run(&mut cx)).unwrap();
    drive(chain([probe("b", Kind::AtOnce)]).run(&mut cx)).unwrap();
    assert_eq!(*seen.lock().unwrap(), ["after enter a: waited"]);
}

#[test]
fn several_observers_get_every_event_in_the_order_added() {
    for [a] in mixes() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut cx = Context::with_id(Log::default(), ExecutionId::given("x"));
        for name in ["1 ", "2 "] {
            cx.observe(Arc::new(Watch {
                name,
                seen: Arc::clone(&seen),
            }));
        }
        drive(chain([probe("a", a).only(Stages::ENTER)]).run(&mut cx)).unwrap();
        let after = format!("after enter a: {}", ended_well(a));
        let expected = [
            "1 before enter a in x".to_owned(),
            "2 before enter a in x".to_owned(),
            format!("1 {after}"),
            format!("2 {after}"),
        ];
        assert_eq!(*seen.lock().unwrap(), expected);
    }
}

#[test]
fn a_panicking_observer_changes_nothing_and_the_others_are_told() {
    struct Panics;
    impl Observer<Log> for Panics {
        fn before(&self, _: &Context<Log>, _: &Invocation<'_>) {
            panic_quietly::<()>("before");
        }
        fn after(&self, _: &Context<Log>, _: &Invocation<'_>, _: &Ending<'_>) {
            panic_quietly::<()>("after");
        }
    }
    for [a, b] in mixes() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let mut cx = Context::new(Log::default());
        cx.observe(Arc::new(Panics));
        cx.observe(Arc::new(Watch {
            name: "",
            seen: Arc::clone(&seen),
        }));
        drive(chain([probe("a", a), probe("b", b)]).run(&mut cx)).unwrap();
        assert_eq!(cx.events, ["enter a", "enter b", "leave b", "leave a"]);
        assert_eq!(seen.lock().unwrap().len(), 8);
    }
}
