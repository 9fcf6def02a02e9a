//! Those who watch an execution.

use std::{
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use peristyle_core::{
    Chain, Context, Ending, Error, ExecutionId, Interceptor, Invocation, Link, Name, Observer,
    Outcome, Stage, Stages, Step, always, before, binding,
};
use tokio::{
    sync::oneshot,
    time::{sleep, timeout},
};
use tokio_test::{assert_pending, task};

use crate::{
    probe::{KINDS, Kind, Log, chain, drive, mixes, panic_quietly, probe, story},
    runs::runs,
};

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

/// Notes what a function makes of each event.
struct Tells {
    seen: Arc<Mutex<Vec<String>>>,
    tell: fn(&Context<Log>, &Invocation<'_>, Told<'_>) -> String,
}

enum Told<'a> {
    Before,
    After(&'a Ending<'a>),
    Handled(&'a Error),
}

impl Tells {
    fn note(&self, cx: &Context<Log>, at: &Invocation<'_>, told: Told<'_>) {
        let event = (self.tell)(cx, at, told);
        self.seen.lock().unwrap().push(event);
    }
}

impl Observer<Log> for Tells {
    fn before(&self, cx: &Context<Log>, at: &Invocation<'_>) {
        self.note(cx, at, Told::Before);
    }

    fn after(&self, cx: &Context<Log>, at: &Invocation<'_>, ending: &Ending<'_>) {
        self.note(cx, at, Told::After(ending));
    }

    fn handled(&self, cx: &Context<Log>, at: &Invocation<'_>, error: &Error) {
        self.note(cx, at, Told::Handled(error));
    }
}

type Seen = Arc<Mutex<Vec<String>>>;

fn observed(tell: fn(&Context<Log>, &Invocation<'_>, Told<'_>) -> String) -> (Context<Log>, Seen) {
    let seen = Seen::default();
    let mut cx = Context::with_id(Log::default(), ExecutionId::given("x"));
    cx.observe(Arc::new(Tells {
        seen: Arc::clone(&seen),
        tell,
    }));
    (cx, seen)
}

fn taken(seen: &Seen) -> Vec<String> {
    std::mem::take(&mut *seen.lock().unwrap())
}

/// `"after enter a: waited"`
fn which(_: &Context<Log>, at: &Invocation<'_>, told: Told<'_>) -> String {
    let (stage, name) = (at.stage, at.interceptor);
    assert_eq!(at.execution.to_string(), "x");
    match told {
        Told::Before => format!("before {stage} {name}"),
        Told::After(Ending::Done) => format!("after {stage} {name}: done"),
        Told::After(Ending::Waited) => format!("after {stage} {name}: waited"),
        Told::After(Ending::Failed(error)) => {
            format!("after {stage} {name}: failed, {}", story(error).join(", "))
        }
        Told::After(Ending::Interrupted(error)) => {
            let story = story(error).join(", ");
            format!("after {stage} {name}: interrupted, {story}")
        }
        Told::After(Ending::Cancelled) => format!("after {stage} {name}: cancelled"),
        Told::After(other) => panic!("{other:?}"),
        Told::Handled(error) => format!("handled {stage} {name}: {}", story(error).join(", ")),
    }
}

/// `"after enter a 5ms"`
fn how_long(_: &Context<Log>, at: &Invocation<'_>, told: Told<'_>) -> String {
    let when = match told {
        Told::Before => "before",
        Told::After(_) => "after",
        Told::Handled(_) => "handled",
    };
    let elapsed = at.elapsed.map(|elapsed| format!("{elapsed:?}"));
    let elapsed = elapsed.unwrap_or_else(|| "?".to_owned());
    format!("{when} {} {} {elapsed}", at.stage, at.interceptor)
}

/// Takes its time in each stage, and declines errors.
struct Takes(&'static str, Kind, Duration);

impl Takes {
    fn answer<'a>(&self, cx: &mut Context<Log>, error: Option<Error>) -> Step<'a, Log> {
        let end = move || error.map_or(Ok(()), |error| Err(error.into()));
        let time = self.2;
        match self.1 {
            Kind::AtOnce => Step::Now(end()),
            Kind::Ready => Step::later(async move { end() }),
            Kind::Pending => Step::later(async move {
                sleep(time).await;
                end()
            }),
            Kind::Conveying => {
                let log = cx.take();
                Step::convey(async move {
                    sleep(time).await;
                    end().map(|()| log)
                })
            }
        }
    }
}

impl Interceptor<Log> for Takes {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new(self.0).unwrap()
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        self.answer(cx, None)
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        self.answer(cx, None)
    }

    fn error<'a>(&'a self, cx: &'a mut Context<Log>, error: Error) -> Step<'a, Log> {
        self.answer(cx, Some(error))
    }
}

fn takes(kind: Kind, millis: u64) -> Link<Log> {
    Link::new(Takes("a", kind, Duration::from_millis(millis)))
}

fn takes_as_seen(kind: Kind) -> &'static str {
    match kind {
        Kind::AtOnce | Kind::Ready => "0ns",
        Kind::Pending | Kind::Conveying => "7ms",
    }
}

#[tokio::test(start_paused = true)]
async fn an_observer_is_told_exactly_how_long_each_stage_took() {
    for kind in KINDS {
        let (mut cx, seen) = observed(how_long);
        Chain::from(takes(kind, 7)).run(&mut cx).await.unwrap();
        let time = takes_as_seen(kind);
        let expected = [
            "before enter a ?".to_owned(),
            format!("after enter a {time}"),
            "before leave a ?".to_owned(),
            format!("after leave a {time}"),
        ];
        assert_eq!(taken(&seen), expected);

        let fails = Link::new(probe("fails", kind).enter(|_| Err("boom".into())));
        let result = Chain::new([takes(kind, 7), fails]).run(&mut cx).await;
        assert_eq!(story(&result.unwrap_err()), ["enter fails: boom"]);
        let told = taken(&seen);
        assert_eq!(
            told[6..],
            ["before error a ?", &format!("after error a {time}")]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_runs_a_chain_took_as_long_as_that() {
    let (mut cx, seen) = observed(how_long);
    let outer = runs(takes(Kind::Pending, 7));
    Chain::from(outer).run(&mut cx).await.unwrap();
    let expected = [
        "before enter outer ?",
        "before enter a ?",
        "after enter a 7ms",
        "before leave a ?",
        "after leave a 7ms",
        "after enter outer 14ms",
    ];
    assert_eq!(taken(&seen), expected);
}

#[test]
fn how_long_a_stage_took_is_unknown_when_nobody_watched_as_it_began() {
    for kind in KINDS {
        let seen = Seen::default();
        let adds = Arc::clone(&seen);
        let adds = probe("adds", kind).enter(move |cx| {
            cx.observe(Arc::new(Tells {
                seen: Arc::clone(&adds),
                tell: how_long,
            }));
            Ok(())
        });
        drive(chain([adds.only(Stages::ENTER)]).run(&mut Context::new(Log::default()))).unwrap();
        assert_eq!(taken(&seen), ["after enter adds ?"]);
    }
}

/// What an observer sees of a stage that would take 7 ms and is interrupted after 5.
async fn interrupted(
    kind: Kind,
    tell: fn(&Context<Log>, &Invocation<'_>, Told<'_>) -> String,
) -> Vec<String> {
    let (mut cx, seen) = observed(tell);
    cx.interrupt_with(async {
        sleep(Duration::from_millis(5)).await;
        "late"
    });
    let result = Chain::from(takes(kind, 7)).run(&mut cx).await;
    assert_eq!(story(&result.unwrap_err()), ["enter a: late"]);
    taken(&seen)
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_stage_ends_as_such_after_the_time_that_it_had() {
    for kind in [Kind::Pending, Kind::Conveying] {
        let expected = [
            "before enter a",
            "after enter a: interrupted, enter a: late",
            "before error a",
            "after error a: failed, enter a: late",
        ];
        assert_eq!(interrupted(kind, which).await, expected);
        let expected = [
            "before enter a ?",
            "after enter a 5ms",
            "before error a ?",
            "after error a 7ms",
        ];
        assert_eq!(interrupted(kind, how_long).await, expected);
    }
}

/// Waits for ever in one stage, in a way that waits; in the others it does nothing.
struct Stalls(Stage, Kind);

impl Stalls {
    fn answer<'a>(&self, stage: Stage, outcome: Outcome) -> Step<'a, Log> {
        match (stage == self.0, self.1) {
            (false, _) => Step::Now(outcome),
            (true, Kind::Conveying) => Step::convey(pending()),
            (true, _) => Step::later(pending()),
        }
    }
}

impl Interceptor<Log> for Stalls {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new("stalls").unwrap()
    }

    fn enter<'a>(&'a self, _: &'a mut Context<Log>) -> Step<'a, Log> {
        self.answer(Stage::Enter, Ok(()))
    }

    fn leave<'a>(&'a self, _: &'a mut Context<Log>) -> Step<'a, Log> {
        self.answer(Stage::Leave, Ok(()))
    }

    fn error<'a>(&'a self, _: &'a mut Context<Log>, error: Error) -> Step<'a, Log> {
        self.answer(Stage::Error, Err(error.into()))
    }
}

/// What an observer sees last of an execution that is dropped after 9 ms in a stage that stalls.
async fn dropped(
    stage: Stage,
    kind: Kind,
    tell: fn(&Context<Log>, &Invocation<'_>, Told<'_>) -> String,
) -> [String; 2] {
    let outer = probe("outer", Kind::AtOnce);
    let fails = probe("fails", Kind::AtOnce).only(Stages::ENTER);
    let fails = fails.enter(move |_| match stage {
        Stage::Error => Err("boom".into()),
        Stage::Enter | Stage::Leave => Ok(()),
    });
    let links = [
        Link::new(outer),
        Link::new(Stalls(stage, kind)),
        Link::new(fails),
    ];
    let (mut cx, seen) = observed(tell);
    let run = timeout(Duration::from_millis(9), Chain::new(links).run(&mut cx)).await;
    assert!(run.is_err(), "it waits for ever");
    let mut told = taken(&seen);
    told.split_off(told.len() - 2).try_into().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_stage_that_waits_when_the_execution_is_dropped_ends_cancelled_and_no_other() {
    for stage in [Stage::Enter, Stage::Leave, Stage::Error] {
        for kind in [Kind::Pending, Kind::Conveying] {
            let told = dropped(stage, kind, which).await;
            let before = format!("before {stage} stalls");
            assert_eq!(told, [before, format!("after {stage} stalls: cancelled")]);
            let told = dropped(stage, kind, how_long).await;
            let before = format!("before {stage} stalls ?");
            assert_eq!(told, [before, format!("after {stage} stalls 9ms")]);
        }
    }
}

#[test]
fn a_dropped_run_inside_a_stage_ends_cancelled_and_then_that_stage() {
    let chain = Chain::from(runs(Link::new(Stalls(Stage::Enter, Kind::Pending))));
    let (mut cx, seen) = observed(which);
    let mut run = task::spawn(chain.run(&mut cx));
    assert_pending!(run.poll());
    drop(run);
    let expected = [
        "before enter outer",
        "before enter stalls",
        "after enter stalls: cancelled",
        "after enter outer: cancelled",
    ];
    assert_eq!(taken(&seen), expected);
}

#[test]
fn an_execution_that_was_never_polled_is_no_event() {
    let (mut cx, seen) = observed(which);
    drop(chain([probe("a", Kind::AtOnce)]).run(&mut cx));
    assert!(taken(&seen).is_empty());
}

#[test]
fn an_observer_is_told_of_each_error_that_is_handled_and_by_whom() {
    for [a, b] in mixes() {
        let (mut cx, seen) = observed(which);
        let fails = probe("b", b)
            .enter(|_| Err("boom".into()))
            .error(|_, _| Err("bang".into()));
        let outer = probe("outer", Kind::AtOnce).only(Stages::LEAVE);
        drive(chain([outer, probe("a", a).handling(), fails]).run(&mut cx)).unwrap();
        let expected = [
            "before enter a".to_owned(),
            format!("after enter a: {}", ended_well(a)),
            "before enter b".to_owned(),
            "after enter b: failed, enter b: boom".to_owned(),
            "before error b".to_owned(),
            "after error b: failed, error b: bang, enter b: boom".to_owned(),
            "before error a".to_owned(),
            format!("after error a: {}", ended_well(a)),
            "handled error a: error b: bang, enter b: boom".to_owned(),
            "before leave outer".to_owned(),
            "after leave outer: done".to_owned(),
        ];
        assert_eq!(taken(&seen), expected);
    }
}

#[test]
fn an_error_that_passes_is_not_told_as_handled() {
    let (mut cx, seen) = observed(which);
    let fails = Link::new(probe("fails", Kind::AtOnce).enter(|_| Err("boom".into())));
    let passes = always(|_: &mut Context<Log>| ()).named("passes");
    drive(Chain::new([passes, fails]).run(&mut cx)).unwrap_err();
    let expected = [
        "before enter fails",
        "after enter fails: failed, enter fails: boom",
        "before error fails",
        "after error fails: failed, enter fails: boom",
        "before error passes",
        "after error passes: failed, enter fails: boom",
    ];
    assert_eq!(taken(&seen), expected);
}

#[test]
fn a_panic_and_a_closed_channel_are_failures_to_an_observer() {
    for kind in KINDS {
        let (mut cx, seen) = observed(which);
        let panics = probe("a", kind)
            .only(Stages::ENTER)
            .enter(|_| panic_quietly("bang"));
        drive(chain([panics]).run(&mut cx)).unwrap_err();
        let failed = "after enter a: failed, enter a: panicked: bang";
        assert_eq!(taken(&seen), ["before enter a", failed]);
    }
    let (mut cx, seen) = observed(which);
    let closes = before(|_: &mut Context<Log>| oneshot::channel::<Log>().1);
    drive(Chain::from(closes.named("a")).run(&mut cx)).unwrap_err();
    let failed = "after enter a: failed, enter a: closed before conveying a value";
    assert_eq!(taken(&seen), ["before enter a", failed]);
}

binding! {
    static BOUND: u32;
}

fn all_of_it(cx: &Context<Log>, at: &Invocation<'_>, told: Told<'_>) -> String {
    let when = match told {
        Told::Before => "before",
        Told::After(_) => "after",
        Told::Handled(_) => "handled",
    };
    let queue: Vec<_> = cx.queue().map(Name::as_str).collect();
    let entered: Vec<_> = cx.entered().map(Name::as_str).collect();
    let bound: Vec<_> = cx.bindings().collect();
    format!(
        "{when} {} {}: {} carried, queue [{}], entered [{}], bound [{}] to {:?}, {:?}, recovered {}",
        at.stage,
        at.interceptor,
        cx.events.len(),
        queue.join(" "),
        entered.join(" "),
        bound.join(" "),
        BOUND.get(),
        cx.get::<u8>(),
        cx.recovered().is_some(),
    )
}

#[test]
fn an_observer_reads_the_context_as_the_stage_found_it_and_left_it() {
    for [a, b] in mixes() {
        let (mut cx, seen) = observed(all_of_it);
        let a = probe("a", a).handling().enter(|cx| {
            cx.bind(&BOUND, 3);
            cx.insert(1_u8);
            cx.enqueue(chain([probe("c", Kind::AtOnce)]))?;
            Ok(())
        });
        let b = probe("b", b)
            .only(Stages::ENTER)
            .enter(|_| Err("boom".into()));
        drive(chain([a, b]).run(&mut cx)).unwrap();
        let expected = [
            "before enter a: 0 carried, queue [b], entered [a], bound [] to None, None, recovered false",
            "after enter a: 1 carried, queue [b c], entered [a], bound [BOUND] to Some(3), Some(1), recovered false",
            "before enter b: 1 carried, queue [c], entered [a b], bound [BOUND] to Some(3), Some(1), recovered false",
            "after enter b: 2 carried, queue [c], entered [a b], bound [BOUND] to Some(3), Some(1), recovered false",
            "before error a: 2 carried, queue [], entered [], bound [BOUND] to Some(3), Some(1), recovered false",
            "after error a: 3 carried, queue [], entered [], bound [BOUND] to Some(3), Some(1), recovered true",
            "handled error a: 3 carried, queue [], entered [], bound [BOUND] to Some(3), Some(1), recovered true",
        ];
        assert_eq!(taken(&seen), expected);
    }
}
