//! Executions that go on although nobody waits for them.

use std::{
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use peristyle_core::{
    Chain, Context, Error, Interceptor, Link, Name, NotDetachable, Rest, Stage, Stages, Step,
    before, binding,
};
use tokio_test::{assert_pending, assert_ready, task::spawn};

use crate::{
    probe::{Kind, Log, Probe, drive, mixes, probe, story},
    watched::{Journal, WAITING, Watched},
};

/// A host that keeps what it is given.
#[derive(Clone, Default)]
struct Host(Arc<Mutex<Option<Rest<Log>>>>);

impl Host {
    fn spawn(&self) -> impl FnOnce(Rest<Log>) + Unpin + use<> {
        let host = self.clone();
        move |rest| *host.0.lock().unwrap() = Some(rest)
    }

    fn spawned(&self) -> Option<Rest<Log>> {
        self.0.lock().unwrap().take()
    }
}

fn fresh() -> Context<Log> {
    Context::new(Log::default())
}

fn detaches(name: &'static str, kind: Kind) -> Probe {
    probe(name, kind).enter(|cx| Ok(cx.detach()?))
}

fn told(result: Result<(), Error>) -> Vec<String> {
    result.map_or_else(|error| story(&error), |()| Vec::new())
}

/// Drops a run of the chain after each number of polls: what was dropped after `detached` ends as if it had not been.
fn check(journal: &Journal, chain: &Chain<Log>, detached: &str) {
    let host = Host::default();
    let (_, result) = drive(chain.run_detachable(fresh(), host.spawn()));
    let (undisturbed, outcome) = (journal.read(), told(result));
    for polls in 0.. {
        let mut run = spawn(chain.run_detachable(fresh(), host.spawn()));
        let has_ended = (0..polls).any(|_| run.poll().is_ready());
        let before = journal.read();
        drop(run);
        let spawned = host.spawned();
        assert_eq!(
            spawned.is_some(),
            !has_ended && before.iter().any(|event| event == detached),
            "after {polls} polls: {before:?}"
        );
        if let Some(rest) = spawned {
            assert!(
                journal.read().is_empty(),
                "nothing was dropped or cancelled"
            );
            let (cx, result) = drive(rest);
            assert_eq!([before, journal.read()].concat(), undisturbed);
            assert_eq!(told(result), outcome);
            assert_eq!(cx.entered().count(), 0);
        } else if !has_ended {
            let entered = before
                .iter()
                .filter(|event| event.starts_with("enter"))
                .count();
            let cancelled = journal
                .read()
                .iter()
                .filter(|event| event.starts_with("cancel"))
                .count();
            assert_eq!(cancelled, entered);
        }
        if has_ended {
            break;
        }
    }
}

#[test]
fn dropped_before_it_is_detached_a_run_is_cancelled_and_afterwards_the_host_goes_on_with_it() {
    for [a, b, c] in mixes() {
        let journal = Journal::default();
        // `b` detaches as it begins, or else after its wait.
        let noting = journal.clone();
        let b = probe("b", b).enter(move |cx| {
            cx.detach()?;
            noting.note("detached");
            Ok(())
        });
        let chain = journal.chain([probe("a", a).into(), b.into(), probe("c", c).into()]);
        check(&journal, &chain, "detached");
    }
}

#[test]
fn the_host_goes_on_with_leave_and_error_stages_as_usual() {
    for [a, b, c] in mixes() {
        let journal = Journal::default();
        let fails = probe("c", c).enter(|_| Err("boom".into()));
        let b = probe("b", b).error(|_, _| Err("bang".into()));
        let noting = journal.clone();
        let d = probe("d", Kind::AtOnce).enter(move |cx| {
            cx.detach()?;
            noting.note("detached");
            Ok(())
        });
        let chain = journal.chain([
            d.into(),
            probe("a", a).handling().into(),
            b.into(),
            fails.into(),
        ]);
        check(&journal, &chain, "detached");
    }
}

#[test]
fn a_detached_chain_goes_on_from_its_first_interceptor() {
    for [a, b] in mixes() {
        let journal = Journal::default();
        let queued = journal.chain([probe("b", b).into()]).detached();
        assert_eq!(
            queued.names().map(Name::as_str).collect::<Vec<_>>(),
            ["detach", "b"]
        );
        let a = probe("a", a).enter(move |cx| Ok(cx.enqueue(&queued)?));
        let chain = journal.chain([a.into()]);
        check(&journal, &chain, "enter b");
    }
}

#[test]
fn the_host_gets_the_context_and_how_the_run_ended() {
    for b in WAITING {
        let journal = Journal::default();
        let fails = probe("b", b).leave(|cx| {
            cx.insert(7_u8);
            Err("boom".into())
        });
        let chain = journal.chain([fails.into()]).detached();
        let host = Host::default();
        let mut run = spawn(chain.run_detachable(fresh(), host.spawn()));
        assert_pending!(run.poll());
        drop(run);
        let (cx, result) = drive(host.spawned().unwrap());
        assert_eq!(story(&result.unwrap_err()), ["leave b: boom"]);
        assert_eq!(cx.get(), Some(&7_u8));
    }
}

#[test]
fn one_who_waits_to_the_end_gets_the_context_and_the_host_nothing() {
    for [a, b] in mixes() {
        let journal = Journal::default();
        let chain = journal.chain([detaches("a", a).into(), probe("b", b).into()]);
        let host = Host::default();
        let mut run = chain.run_detachable(fresh(), host.spawn());
        let (cx, result) = drive(&mut run);
        result.unwrap();
        drop(run);
        assert!(host.spawned().is_none());
        assert_eq!(cx.events, ["enter a", "enter b", "leave b", "leave a"]);
    }
}

#[test]
fn a_run_that_was_never_polled_is_not_given_to_the_host() {
    let host = Host::default();
    drop(
        Chain::new([])
            .detached()
            .run_detachable(fresh(), host.spawn()),
    );
    assert!(host.spawned().is_none());
}

#[test]
fn an_execution_whose_host_cannot_go_on_with_it_is_not_detachable() {
    for [a] in mixes() {
        let chain = Journal::default().chain([detaches("a", a).only(Stages::ENTER).into()]);
        let text = "the host of this execution cannot run it further when nobody waits for it";
        let error = drive(chain.run(&mut fresh())).unwrap_err();
        assert_eq!(story(&error), [format!("enter a: {text}")]);
        assert!(error.is::<NotDetachable>());
    }
    let error = Chain::<Log>::new([])
        .detached()
        .run_now(&mut fresh())
        .unwrap_err();
    assert_eq!(error.interceptor(), Some("detach"));
    assert!(fresh().detach().is_err());
}

#[test]
fn no_stage_can_take_an_execution_away_from_its_host() {
    let (told, taken) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
    let by_stage = Arc::clone(&taken);
    let chain = Chain::from(before(move |cx: &mut Context<()>| {
        cx.on_detach(by_stage.clone());
        cx.detach()
    }));
    let mut cx = Context::new(());
    assert!(chain.run_now(&mut cx).is_err());
    cx.on_detach(told.clone());
    chain.run_now(&mut cx).unwrap();
    assert!(told.load(Ordering::Relaxed));
    assert!(!taken.load(Ordering::Relaxed));
}

#[test]
fn a_context_is_no_longer_detachable_when_its_run_has_ended() {
    let host = Host::default();
    let (mut cx, result) = drive(Chain::new([]).run_detachable(fresh(), host.spawn()));
    result.unwrap();
    assert!(cx.detach().is_err());
    let again = Chain::<Log>::new([]).detached();
    assert!(again.run_now(&mut cx).unwrap_err().is::<NotDetachable>());

    let mut run = spawn(
        Journal::default()
            .chain([probe("a", Kind::Pending).into()])
            .detached()
            .run_detachable(cx, host.spawn()),
    );
    assert_pending!(run.poll());
    drop(run);
    drive(host.spawned().unwrap()).1.unwrap();
}

/// Runs a chain in enter, on the context that it is given or on one of its own.
struct Runs {
    inner: Chain<Log>,
    own: bool,
}

impl Interceptor<Log> for Runs {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
        Step::later(async move {
            if self.own {
                Ok(self.inner.run(&mut fresh()).await?)
            } else {
                Ok(cx.run(&self.inner).await?)
            }
        })
    }
}

#[test]
fn a_run_inside_a_stage_detaches_the_whole_execution() {
    for [x] in mixes() {
        let journal = Journal::default();
        let noting = journal.clone();
        let x = probe("x", x).enter(move |cx| {
            cx.detach()?;
            noting.note("detached");
            Ok(())
        });
        let inner = journal.chain([x.into(), probe("y", Kind::Pending).into()]);
        let runs = Link::new(Runs { inner, own: false });
        let outer = journal.chain([probe("a", Kind::Pending).into()]);
        check(&journal, &outer.then(&runs.into()), "detached");
    }
}

#[test]
fn another_context_run_inside_a_stage_is_not_detachable() {
    let inner = Chain::new([]).detached();
    let chain = Chain::from(Link::new(Runs { inner, own: true }));
    let host = Host::default();
    let (_, result) = drive(chain.run_detachable(fresh(), host.spawn()));
    assert!(result.unwrap_err().is::<NotDetachable>());
}

#[test]
fn an_interrupt_stays_in_force_while_the_host_goes_on() {
    for b in WAITING {
        let journal = Journal::default();
        let b = Watched::from(probe("b", b)).held(Stage::Enter);
        let a = probe("a", Kind::Pending).only(Stages::ERROR).handling();
        let chain = journal.chain([a.into(), b]).detached();
        let host = Host::default();
        let (sender, alarm) = tokio::sync::oneshot::channel::<&'static str>();
        let mut cx = fresh();
        cx.interrupt_with(async { alarm.await.unwrap() });
        let mut run = spawn(chain.run_detachable(cx, host.spawn()));
        assert_pending!(run.poll());
        drop(run);

        let mut rest = spawn(host.spawned().unwrap());
        assert_pending!(rest.poll());
        sender.send("late").unwrap();
        assert!(rest.is_woken());
        drive(rest).1.unwrap();
        let expected = ["enter b", "dropped enter b", "error b", "error a"];
        assert_eq!(journal.read(), expected);
    }
}

#[test]
fn an_interrupt_that_has_ended_the_detached_part_lets_outer_stages_leave() {
    async fn detaches_and_waits(cx: &mut Context<Log>) -> Result<(), NotDetachable> {
        cx.detach()?;
        cx.interrupt_with(async { "late" });
        pending().await
    }
    let chain = Chain::from(before(detaches_and_waits).named("a"));
    let host = Host::default();
    let mut run = spawn(chain.run_detachable(fresh(), host.spawn()));
    let (_, result) = assert_ready!(run.poll());
    assert_eq!(story(&result.unwrap_err()), ["enter a: late"]);
    drop(run);
    assert!(host.spawned().is_none());
}

#[test]
fn what_the_host_drops_is_cancelled() {
    for b in WAITING {
        let journal = Journal::default();
        let chain = journal.chain([probe("b", b).into()]).detached();
        let host = Host::default();
        let mut run = spawn(chain.run_detachable(fresh(), host.spawn()));
        assert_pending!(run.poll());
        drop(run);
        drop(host.spawned().unwrap());
        assert_eq!(journal.read(), ["enter b", "dropped enter b", "cancel b"]);
    }
}

binding! {
    static TENANT: &'static str;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_runtime_can_go_on_with_a_run_on_another_thread_and_bindings_stay_visible() {
    let journal = Journal::default();
    let binds = probe("a", Kind::AtOnce).enter(|cx| {
        cx.bind(&TENANT, "Ada");
        Ok(())
    });
    let noting = journal.clone();
    let last = probe("b", Kind::Pending).leave(move |_| {
        noting.note(*TENANT.get().unwrap());
        Ok(())
    });
    let chain = journal.chain([binds.into(), last.into()]).detached();
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let tasks = Arc::new(Mutex::new(tokio::task::JoinSet::new()));
    let spawner = Arc::clone(&tasks);
    let mut run = spawn(chain.run_detachable(fresh(), move |rest: Rest<Log>| {
        spawner.lock().unwrap().spawn(async move {
            let (_, result) = rest.await;
            sender.send(result).unwrap();
        });
    }));
    assert_pending!(run.poll());
    drop(run);
    receiver.await.unwrap().unwrap();
    assert_eq!(
        journal.read(),
        ["enter a", "enter b", "leave b", "Ada", "leave a"]
    );
}
