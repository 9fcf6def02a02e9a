//! Where stages run: a wait is no hop that a stage could see.

use std::{
    sync::{Arc, Mutex},
    thread::{self, ThreadId},
};

use peristyle_core::{Chain, Context, ExecutionId, Outcome};
use tokio::runtime::Builder;
use tracing::{Instrument, debug_span, info};

use crate::{
    probe::{Kind, Log, Probe, chain, drive, mixes, probe},
    recorder::{Recorder, told},
};

tokio::task_local! {
    static REQUEST: u32;
}

type Seen = Arc<Mutex<Vec<(u32, ThreadId)>>>;

/// Notes the task-local and the thread in each stage, which may wait before or after.
fn sees(name: &'static str, kind: Kind, seen: &Seen) -> Probe {
    let see = |seen: &Seen| {
        let seen = Arc::clone(seen);
        move || -> Outcome {
            seen.lock()
                .unwrap()
                .push((REQUEST.get(), thread::current().id()));
            Ok(())
        }
    };
    let (enter, leave, error) = (see(seen), see(seen), see(seen));
    probe(name, kind)
        .enter(move |_| enter())
        .leave(move |_| leave())
        .error(move |_, _| error())
}

fn three(kinds: [Kind; 3], seen: &Seen) -> Chain<Log> {
    let [a, b, c] = kinds;
    chain([sees("a", a, seen), sees("b", b, seen), sees("c", c, seen)])
}

#[test]
fn on_a_current_thread_runtime_every_stage_sees_one_thread_and_one_task_local() {
    let runtime = Builder::new_current_thread().build().unwrap();
    for kinds in mixes() {
        let seen = Seen::default();
        let chain = three(kinds, &seen);
        runtime.block_on(REQUEST.scope(7, async {
            let mut tasks = tokio::task::JoinSet::new();
            // Another task takes turns with this one, with a task-local of its own.
            tasks.spawn(REQUEST.scope(8, async {
                for _ in 0..10 {
                    tokio::task::yield_now().await;
                }
            }));
            chain.run(&mut Context::new(Log::default())).await.unwrap();
            tasks.join_all().await;
        }));
        assert_eq!(*seen.lock().unwrap(), [(7, thread::current().id()); 6]);
    }
}

#[test]
fn on_several_threads_each_stage_sees_its_own_task_local_and_goes_on_where_the_wait_before_it_ended()
 {
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let mut runs = tokio::task::JoinSet::new();
    let mut all = Vec::new();
    for (number, [a, b]) in (0..).zip(mixes()) {
        // The second and fifth answer at once: they run on the thread on which the stage before ended.
        let seen = Seen::default();
        let chain = three([a, Kind::AtOnce, b], &seen);
        all.push((number, a, b, seen));
        let run = async move { chain.run(&mut Context::new(Log::default())).await };
        runs.spawn_on(REQUEST.scope(number, run), runtime.handle());
    }
    for result in runtime.block_on(runs.join_all()) {
        result.unwrap();
    }
    for (number, a, b, seen) in all {
        let seen = seen.lock().unwrap();
        assert!(seen.iter().all(|(request, _)| *request == number));
        let same = |one: usize, other: usize| assert_eq!(seen[one].1, seen[other].1);
        // A conveying stage looks before its wait, the others after it.
        if a != Kind::Conveying {
            same(0, 1);
        }
        if b != Kind::Conveying {
            same(3, 4);
        }
        if matches!(
            (a, b),
            (Kind::AtOnce | Kind::Ready, Kind::AtOnce | Kind::Ready)
        ) {
            same(0, 5);
        }
    }
}

fn works(_: &mut Context<Log>) -> Outcome {
    info!("at work");
    Ok(())
}

#[test]
fn every_stage_is_inside_the_span_of_the_host_and_that_of_the_execution() {
    for kinds in mixes::<3>() {
        let says = |(name, kind)| probe(name, kind).enter(works).leave(works);
        let [a, b, c] = kinds;
        let chain = chain([("a", a), ("b", b), ("c", c)].map(says));
        // `tracing` remembers of a span that another thread began first whether that thread wanted it; what has been seen
        // before a subscriber comes is asked about anew.
        drive(chain.run(&mut Context::new(Log::default()))).unwrap();
        let recorder = Recorder::default();
        told(recorder.clone(), || {
            let mut cx = Context::with_id(Log::default(), ExecutionId::given("x"));
            drive(chain.run(&mut cx).instrument(debug_span!("host"))).unwrap();
            info!("afterwards");
        });
        let mut events = recorder.events();
        assert_eq!(events.pop().unwrap(), "afterwards");
        let names = [("a", a), ("b", b), ("c", c), ("c", c), ("b", b), ("a", a)];
        for (at, (event, (name, kind))) in events.iter().zip(names).enumerate() {
            let stage = if at < 3 { "enter" } else { "leave" };
            // A conveying stage is at work before it waits.
            let within = match kind {
                Kind::AtOnce | Kind::Conveying => String::new(),
                _ => format!("stage stage={stage} interceptor={name} > "),
            };
            assert_eq!(*event, format!("host > execution id=x > {within}at work"));
        }
        assert_eq!(events.len(), 6);
    }
}
