//! Bindings: what later stages see without being given it.

use std::{
    future::{Future, pending},
    sync::{Arc, Mutex},
    task::{self, Poll, Waker},
    thread,
};

use allocation_counter::measure;
use peristyle_core::{
    Chain, Context, Interceptor, Link, Outcome, Stage, Stages, Step, around, before, binding,
};
use tokio_test::{assert_pending, assert_ready, task::spawn};

use crate::{
    probe::{
        KINDS, Kind, Log, Probe, chain, drive, mixes, panic_quietly, pending_once, probe, story,
    },
    watched::{Journal, Watched},
};

binding! {
    /// Who pays.
    static TENANT: &'static str;
}

binding! { static OTHER: &'static str }

/// A function that is given nothing.
fn tenant() -> &'static str {
    TENANT.get().map_or("nobody", |tenant| *tenant)
}

fn notes_tenant(cx: &mut Context<Log>) -> Outcome {
    cx.note(tenant());
    Ok(())
}

/// Notes the tenant in each of its stages.
fn notes(name: &'static str, kind: Kind) -> Probe {
    let error = |cx: &mut Context<Log>, error: peristyle_core::Error| {
        notes_tenant(cx)?;
        Err(error.into())
    };
    probe(name, kind)
        .enter(notes_tenant)
        .leave(notes_tenant)
        .error(error)
}

fn binds(name: &'static str, kind: Kind) -> Probe {
    notes(name, kind).enter(|cx| {
        cx.bind(&TENANT, "Ada");
        notes_tenant(cx)
    })
}

fn fresh() -> Context<Log> {
    Context::new(Log::default())
}

/// What the stages noted, two lines each, in one.
fn seen(cx: &Context<Log>) -> Vec<String> {
    cx.events.chunks(2).map(|pair| pair.join(": ")).collect()
}

#[test]
fn a_binding_is_visible_from_the_stage_that_binds_it_on_the_way_in_and_back() {
    for [a, b, c] in mixes() {
        let mut cx = fresh();
        drive(chain([notes("a", a), binds("b", b), notes("c", c)]).run(&mut cx)).unwrap();
        let expected = [
            "enter a: nobody",
            "enter b: Ada",
            "enter c: Ada",
            "leave c: Ada",
            "leave b: Ada",
            "leave a: Ada",
        ];
        assert_eq!(seen(&cx), expected);
        assert_eq!(tenant(), "nobody");
    }
}

#[test]
fn a_binding_is_visible_in_error_stages_and_after_a_panic() {
    for [a, b, c] in mixes() {
        let mut cx = fresh();
        let z = probe("z", c).handling().error(|cx, _| notes_tenant(cx));
        let fails = |name, kind| {
            notes(name, kind).enter(|cx| {
                notes_tenant(cx)?;
                panic_quietly("bang")
            })
        };
        drive(chain([z, notes("a", a), binds("b", b), fails("c", c)]).run(&mut cx)).unwrap();
        let expected = [
            "error c: Ada",
            "error b: Ada",
            "error a: Ada",
            "error z: Ada",
        ];
        let events = cx
            .events
            .iter()
            .position(|event| event == "error c")
            .unwrap();
        cx.events.drain(..events);
        assert_eq!(seen(&cx), expected);
        assert_eq!(tenant(), "nobody");
    }
}

#[test]
fn a_binding_is_visible_across_waits_and_threads() {
    let waits = before(async |cx: &mut Context<Log>| {
        for _ in 0..3 {
            pending_once().await;
            let seen = format!("{} {:?}", tenant(), thread::current().id());
            cx.note(seen);
        }
    });
    let binds = before(|cx: &mut Context<Log>| cx.bind(&TENANT, "Ada"));
    let mut cx = fresh();
    let chain = Chain::new([binds, waits.clone(), waits]);
    let mut run = Box::pin(chain.run(&mut cx));
    let mut polls = 0;
    loop {
        polls += 1;
        let polled = thread::scope(|scope| {
            let poll = scope.spawn(|| {
                let polled = run
                    .as_mut()
                    .poll(&mut task::Context::from_waker(Waker::noop()));
                assert_eq!(tenant(), "nobody", "between polls");
                polled
            });
            poll.join().unwrap()
        });
        if let Poll::Ready(result) = polled {
            result.unwrap();
            break;
        }
    }
    drop(run);
    assert_eq!(polls, 7);
    let mut threads: Vec<_> = cx
        .events
        .iter()
        .map(|seen| seen.strip_prefix("Ada ").unwrap())
        .collect();
    threads.dedup();
    assert_eq!(threads.len(), 6, "each wait ended on another thread");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_executions_on_several_threads_each_see_their_own() {
    binding! { static NUMBER: u32 }
    async fn looks(cx: &mut Context<u32>) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
            assert_eq!(NUMBER.get().as_deref(), Some(&**cx));
        }
    }
    fn binds(cx: &mut Context<u32>) {
        let number = **cx;
        cx.bind(&NUMBER, number);
    }
    let chain = Chain::new([around(binds, looks), around(looks, looks)]);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..100 {
        let chain = chain.clone();
        tasks.spawn(async move { chain.run(&mut Context::new(number)).await });
    }
    for result in tasks.join_all().await {
        result.unwrap();
    }
}

#[test]
fn executions_that_take_turns_on_a_thread_do_not_see_each_others() {
    for kind in [Kind::Pending, Kind::Conveying] {
        let binds = |name: &'static str| {
            let binds = probe(name, Kind::AtOnce).enter(move |cx| {
                cx.bind(&TENANT, name);
                Ok(())
            });
            chain([binds, notes("x", kind), notes("y", kind)])
        };
        let (chains, mut contexts) = (
            [
                binds("Ada"),
                binds("Grace"),
                chain([notes("x", kind), notes("y", kind)]),
            ],
            [(); 3].map(|()| fresh()),
        );
        let mut runs: Vec<_> = chains
            .iter()
            .zip(&mut contexts)
            .map(|(chain, cx)| spawn(chain.run(cx)))
            .collect();
        for _ in 0..4 {
            for run in &mut runs {
                assert_pending!(run.poll());
                assert_eq!(tenant(), "nobody");
            }
        }
        for run in &mut runs {
            assert_ready!(run.poll()).unwrap();
        }
        drop(runs);
        for (cx, name) in contexts.iter().zip(["Ada", "Grace", "nobody"]) {
            let noted: Vec<_> = cx
                .events
                .iter()
                .filter(|event| !event.contains(' '))
                .collect();
            assert_eq!(noted, [name; 4]);
        }
    }
}

#[test]
fn the_caller_does_not_see_it_afterwards_however_the_run_ends() {
    for [a, b] in mixes() {
        let ends: [fn(&mut Context<Log>) -> Outcome; 3] = [
            |_| Ok(()),
            |_| Err("boom".into()),
            |_| panic_quietly("bang"),
        ];
        for end in ends {
            let mut cx = fresh();
            let _ = drive(chain([binds("a", a), probe("b", b).enter(end)]).run(&mut cx));
            assert_eq!((tenant(), cx.bindings().count()), ("nobody", 0));
        }
    }
    let mut cx = fresh();
    assert_pending!(
        spawn(chain([binds("a", Kind::AtOnce), probe("b", Kind::Pending)]).run(&mut cx)).poll()
    );
    assert_eq!((tenant(), cx.bindings().count()), ("nobody", 0));
}

#[test]
fn the_next_run_of_a_context_does_not_see_what_a_stage_bound() {
    for [a, b] in mixes() {
        let mut cx = fresh();
        drive(chain([binds("a", a)]).run(&mut cx)).unwrap();
        cx.events.clear();
        drive(chain([notes("b", b)]).run(&mut cx)).unwrap();
        assert_eq!(seen(&cx), ["enter b: nobody", "leave b: nobody"]);
    }
}

#[test]
fn what_is_bound_before_a_run_is_visible_in_each_run_of_the_context_and_nowhere_else() {
    for [a, b] in mixes() {
        let mut cx = fresh();
        cx.bind(&TENANT, "Grace");
        assert_eq!(cx.bindings().collect::<Vec<_>>(), ["TENANT"]);
        for _ in 0..2 {
            drive(chain([notes("a", a), binds("b", b)]).run(&mut cx)).unwrap();
            let expected = [
                "enter a: Grace",
                "enter b: Ada",
                "leave b: Ada",
                "leave a: Ada",
            ];
            assert_eq!(seen(&cx), expected);
            assert_eq!(tenant(), "nobody");
            cx.events.clear();
        }
        cx.unbind(&TENANT);
        drive(chain([notes("a", a)]).run(&mut cx)).unwrap();
        assert_eq!(seen(&cx), ["enter a: nobody", "leave a: nobody"]);
    }
}

#[test]
fn unbind_ends_it_and_binding_again_replaces_it() {
    for [a, b] in mixes() {
        let unbinds = notes("b", b).enter(|cx| {
            let kept = TENANT.get().unwrap();
            cx.unbind(&TENANT);
            cx.unbind(&OTHER);
            cx.note(format!("{} {}", tenant(), kept));
            Ok(())
        });
        let again = notes("c", a).enter(|cx| {
            cx.bind(&TENANT, "Grace");
            cx.bind(&TENANT, "Edith");
            notes_tenant(cx)
        });
        let mut cx = fresh();
        drive(chain([binds("a", a), unbinds, again, notes("d", b)]).run(&mut cx)).unwrap();
        let expected = [
            "enter a: Ada",
            "enter b: nobody Ada",
            "enter c: Edith",
            "enter d: Edith",
        ];
        assert_eq!(seen(&cx)[..4], expected);
        assert!(seen(&cx)[4..].iter().all(|seen| seen.ends_with("Edith")));
    }
}

#[test]
fn what_is_bound_on_the_way_back_is_seen_by_outer_stages_only() {
    for [a, b, c] in mixes() {
        let b = notes("b", b).leave(|cx| {
            cx.bind(&TENANT, "Ada");
            notes_tenant(cx)
        });
        let mut cx = fresh();
        drive(chain([notes("a", a), b, notes("c", c)]).run(&mut cx)).unwrap();
        let expected = ["leave c: nobody", "leave b: Ada", "leave a: Ada"];
        assert_eq!(seen(&cx)[3..], expected);
    }
}

#[test]
fn two_bindings_of_one_type_are_distinct() {
    let mut cx = fresh();
    cx.bind(&TENANT, "Ada");
    cx.bind(&OTHER, "Grace");
    assert_eq!(cx.bindings().collect::<Vec<_>>(), ["TENANT", "OTHER"]);
    let sees = before(|_: &mut Context<Log>| {
        assert_eq!(
            (*TENANT.get().unwrap(), *OTHER.get().unwrap()),
            ("Ada", "Grace")
        );
    });
    let unbinds = before(|cx: &mut Context<Log>| {
        cx.unbind(&TENANT);
        assert_eq!((TENANT.get(), *OTHER.get().unwrap()), (None, "Grace"));
    });
    Chain::new([sees, unbinds]).run_now(&mut cx).unwrap();
    assert_eq!((TENANT.name(), OTHER.name()), ("TENANT", "OTHER"));
    assert_eq!(format!("{TENANT:?}"), "Binding(\"TENANT\")");
}

/// Runs a chain in enter, on the context that it is given or on one of its own; notes the tenant before and after.
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
            cx.note(format!("before: {}", tenant()));
            if self.own {
                let mut own = fresh();
                self.inner.run(&mut own).await?;
                cx.events.extend(seen(&own));
            } else {
                let outer = std::mem::take(&mut cx.events);
                cx.run(&self.inner).await?;
                let inner = seen(cx);
                cx.events = [outer, inner].concat();
            }
            cx.note(format!("after: {}", tenant()));
            Ok(())
        })
    }
}

#[test]
fn an_inner_run_sees_what_the_outer_bound_and_what_it_binds_ends_with_it() {
    for [x, y] in mixes() {
        let inner = chain([
            notes("x", x),
            notes("y", y).enter(|cx| {
                cx.bind(&TENANT, "Grace");
                notes_tenant(cx)
            }),
        ]);
        let mut cx = fresh();
        cx.bind(&TENANT, "Ada");
        let runs = Link::new(Runs { inner, own: false });
        let last = before(|cx: &mut Context<Log>| cx.note(tenant()));
        drive(Chain::new([runs, last]).run(&mut cx)).unwrap();
        let expected = [
            "before: Ada",
            "enter x: Ada",
            "enter y: Grace",
            "leave y: Grace",
            "leave x: Grace",
            "after: Ada",
            "Ada",
        ];
        assert_eq!(cx.events, expected);
    }
}

#[test]
fn another_context_run_inside_a_stage_sees_nothing_and_the_outer_bindings_are_back_afterwards() {
    for [x, y] in mixes() {
        let inner = chain([
            notes("x", x),
            notes("y", y).enter(|cx| {
                cx.bind(&TENANT, "Grace");
                notes_tenant(cx)
            }),
        ]);
        let mut cx = fresh();
        cx.bind(&TENANT, "Ada");
        let runs = Link::new(Runs { inner, own: true });
        drive(Chain::from(runs).run(&mut cx)).unwrap();
        let expected = [
            "before: Ada",
            "enter x: nobody",
            "enter y: Grace",
            "leave y: Grace",
            "leave x: Grace",
            "after: Ada",
        ];
        assert_eq!(cx.events, expected);
    }
}

#[test]
fn an_inner_run_that_is_given_up_leaves_the_outer_bindings_as_they_were() {
    struct GivesUp(Chain<Log>);
    impl Interceptor<Log> for GivesUp {
        fn stages(&self) -> Stages {
            Stages::ENTER
        }
        fn enter<'a>(&'a self, cx: &'a mut Context<Log>) -> Step<'a, Log> {
            Step::later(async move {
                assert_pending!(spawn(cx.run(&self.0)).poll());
                pending_once().await;
                notes_tenant(cx)
            })
        }
    }
    let rebinds = probe("x", Kind::AtOnce).enter(|cx| {
        cx.bind(&TENANT, "Grace");
        Ok(())
    });
    let gives_up = Link::new(GivesUp(chain([rebinds, probe("y", Kind::Pending)])));
    let mut cx = fresh();
    cx.bind(&TENANT, "Ada");
    let last = before(|cx: &mut Context<Log>| cx.note(tenant()));
    drive(Chain::new([gives_up, last]).run(&mut cx)).unwrap();
    assert_eq!(cx.events, ["enter x", "enter y", "Ada", "Ada"]);
}

#[test]
fn terminators_interrupts_and_first_waits_see_what_is_bound() {
    let journal = Journal::default();
    let seen = |what: &'static str| {
        let journal = journal.clone();
        move || journal.note(format!("{what}: {}", tenant()))
    };
    let mut cx = fresh();
    let asked = seen("terminator");
    cx.terminate_when(move |_| {
        asked();
        false
    });
    cx.on_first_wait(seen("first wait"));
    let polled = seen("interrupt");
    cx.interrupt_with(async move {
        polled();
        "late"
    });
    let held = journal
        .chain([Watched::from(probe("b", Kind::Pending).only(Stages::ENTER)).held(Stage::Enter)]);
    let error = drive(chain([binds("a", Kind::AtOnce)]).then(&held).run(&mut cx)).unwrap_err();
    assert_eq!(story(&error), ["enter b: late"]);
    let expected = [
        "terminator: Ada",
        "enter b",
        "first wait: Ada",
        "interrupt: Ada",
        "dropped enter b",
    ];
    assert_eq!(journal.read(), expected);
}

binding! { static BOMB: Bomb }

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic_quietly::<()>("on the way out");
    }
}

#[test]
fn a_stage_that_is_dropped_where_it_waits_still_sees_what_is_bound() {
    struct Notes(Journal);
    impl Drop for Notes {
        fn drop(&mut self) {
            self.0.note(tenant());
        }
    }
    async fn waits(cx: &mut Context<Log>) {
        let _notes = Notes(cx.get::<Journal>().unwrap().clone());
        pending::<()>().await;
    }
    for is_interrupted in [false, true] {
        let journal = Journal::default();
        let mut cx = fresh();
        cx.insert(journal.clone());
        cx.bind(&TENANT, "Ada");
        if is_interrupted {
            cx.interrupt_with(async { "late" });
        }
        let chain = Chain::from(before(waits));
        let polled = spawn(chain.run(&mut cx)).poll();
        assert_eq!(polled.is_ready(), is_interrupted);
        assert_eq!(journal.read(), ["Ada"]);
    }
}

#[test]
fn a_panic_in_the_drop_of_what_was_bound_does_not_leave_the_run() {
    for [a, b] in mixes() {
        let mut cx = fresh();
        let binds = probe("a", a).enter(|cx| {
            cx.bind(&BOMB, Bomb);
            cx.bind(&TENANT, "Ada");
            Ok(())
        });
        drive(chain([binds, notes("b", b)]).run(&mut cx)).unwrap();
        assert_eq!((cx.events.len(), cx.bindings().count()), (6, 0));
        cx.events.clear();
        drive(chain([notes("b", b)]).run(&mut cx)).unwrap();
        assert_eq!(seen(&cx), ["enter b: nobody", "leave b: nobody"]);
    }
}

#[test]
fn a_panic_in_the_drop_of_what_a_stage_unbinds_is_an_error_of_that_stage() {
    for [a, b] in mixes() {
        let binds = probe("a", a).enter(|cx| {
            cx.bind(&BOMB, Bomb);
            cx.bind(&TENANT, "Ada");
            Ok(())
        });
        let unbinds = probe("b", b).only(Stages::ENTER).enter(|cx| {
            cx.unbind(&BOMB);
            Ok(())
        });
        let mut cx = fresh();
        let z = notes("z", b).only(Stages::ERROR);
        let error = drive(chain([z, binds, unbinds]).run(&mut cx)).unwrap_err();
        assert_eq!(story(&error), ["enter b: panicked: on the way out"]);
        assert_eq!(cx.events.last().unwrap(), "Ada", "the others stay bound");
    }
}

fn allocations(run: impl FnOnce()) -> u64 {
    measure(run).count_total
}

fn look(cx: &mut Context<u64>) {
    **cx += TENANT.get().map_or(1, |_| 2);
}

#[test]
fn without_bindings_asking_for_one_allocates_nothing() {
    for depth in [1, 16, 256] {
        let chain: Chain<_> = (0..depth).map(|_| around(look, look)).collect();
        let seen = allocations(|| {
            let mut cx = Context::new(0);
            chain.run_now(&mut cx).unwrap();
            assert_eq!(*cx, 2 * depth);
        });
        assert_eq!(seen, 0, "depth {depth}");
    }
}

#[test]
fn a_binding_costs_the_same_allocations_however_many_stages_see_it() {
    let bound = |depth: u64| {
        let bind = before(|cx: &mut Context<u64>| cx.bind(&TENANT, "Ada"));
        let chain = Chain::from(bind).then(&(0..depth).map(|_| around(look, look)).collect());
        allocations(|| {
            let mut cx = Context::new(0);
            chain.run_now(&mut cx).unwrap();
            assert_eq!(*cx, 4 * depth);
        })
    };
    // The value, the list and its place, and what surrounds a run.
    assert_eq!([1, 16, 256].map(bound), [4; 3]);
}

#[test]
fn each_binding_more_costs_a_bounded_number_of_allocations() {
    fn rebind(cx: &mut Context<u64>) {
        cx.bind(&TENANT, "Ada");
        **cx += 1;
    }
    let bound = |times: u64| {
        let chain: Chain<_> = (0..times).map(|_| before(rebind)).collect();
        allocations(|| {
            let mut cx = Context::new(0);
            chain.run_now(&mut cx).unwrap();
            assert_eq!(*cx, times);
        })
    };
    let [one, two, many] = [1, 2, 102].map(bound);
    assert_eq!(many - two, 100 * (two - one));
    assert!(two - one <= 5, "{}", two - one);
}

#[test]
fn a_value_is_dropped_when_the_last_who_sees_it_is_done() {
    binding! { static SHARED: Arc<Mutex<u8>> }
    for kind in KINDS {
        let value = Arc::new(Mutex::new(7));
        let given = Arc::clone(&value);
        let binds = probe("a", kind).enter(move |cx| {
            cx.bind(&SHARED, Arc::clone(&given));
            Ok(())
        });
        let chain = chain([binds]);
        drive(chain.run(&mut fresh())).unwrap();
        drop(chain);
        assert_eq!(Arc::strong_count(&value), 1);
    }
}

/// A thread of a pool may run another execution next.
#[test]
fn what_a_stage_does_with_its_context_on_another_thread_is_not_left_there() {
    binding!(static LENT: u32);
    let lends = before(|cx: &mut Context<Log>| {
        let lent = &mut *cx;
        let other = move || {
            lent.bind(&LENT, 7);
            lent.interrupt_with(std::future::ready("late"));
            lent.on_first_wait(|| Err("called"));
            (LENT.get(), lent.bindings().collect::<Vec<_>>())
        };
        let seen = thread::scope(|scope| {
            let lent = scope.spawn(other).join().unwrap();
            let (next, result) = scope
                .spawn(|| {
                    let mut cx = Context::new(Log::default());
                    let result = drive(chain([probe("a", Kind::Pending)]).run(&mut cx));
                    (LENT.get(), result.is_ok())
                })
                .join()
                .unwrap();
            assert_eq!((next, result), (None, true));
            lent
        });
        assert_eq!(seen, (None, vec!["LENT"]));
        cx.clear_interrupt();
    });
    let mut cx = Context::new(Log::default());
    drive(Chain::new([lends]).run(&mut cx)).unwrap();
    assert_eq!(LENT.get(), None);
}
