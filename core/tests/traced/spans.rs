//! What `tracing` is told of an execution.

use std::{
    future::{Future, pending},
    sync::{Arc, atomic::Ordering},
    task::{self, Waker},
    thread,
};

use allocation_counter::measure;
use peristyle_core::{
    Chain, Context, Error, ExecutionId, Interceptor, Invocation, Link, Observer, Stages, Step,
    around, before, on_error,
};
use tracing::info;

use crate::{
    probe::{Kind, Log, chain, drive, mixes, pending_once, probe},
    recorder::{AtInfo, Recorder, told},
    runs::runs,
};

fn context() -> Context<Log> {
    Context::with_id(Log::default(), ExecutionId::given("x"))
}

/// What the spans of `run` are, in the order in which they begin. All have ended after it.
fn recorded(run: impl FnOnce()) -> Recorder {
    let recorder = Recorder::default();
    told(recorder.clone(), run);
    recorder.assert_all_closed();
    recorder
}

fn says_so(_: &mut Context<Log>) {
    info!("at once");
}

async fn says_so_around_a_wait(_: &mut Context<Log>) {
    info!("before the wait");
    pending_once().await;
    info!("after the wait");
}

#[test]
fn an_execution_has_one_span_with_its_id_and_in_it_one_for_each_stage_that_waits() {
    for [a, b] in mixes() {
        let recorder = recorded(|| {
            let chain = chain([probe("a", a), probe("b", b)]);
            drive(chain.run(&mut context())).unwrap();
        });
        let stages = [
            ("enter", "a", a),
            ("enter", "b", b),
            ("leave", "b", b),
            ("leave", "a", a),
        ];
        let waiting = stages
            .into_iter()
            .filter(|(.., kind)| *kind != Kind::AtOnce);
        let waiting = waiting.map(|(stage, name, _)| {
            format!("execution id=x > stage stage={stage} interceptor={name}")
        });
        let expected: Vec<_> = ["execution id=x".to_owned()]
            .into_iter()
            .chain(waiting)
            .collect();
        assert_eq!(recorder.spans(), expected);
    }
}

#[test]
fn each_run_of_a_context_is_an_execution_and_run_now_is_one() {
    let recorder = recorded(|| {
        let mut cx = context();
        let chain = Chain::new([before(says_so)]);
        drive(chain.run(&mut cx)).unwrap();
        chain.run_now(&mut cx).unwrap();
    });
    assert_eq!(recorder.spans(), ["execution id=x", "execution id=x"]);
    assert_eq!(recorder.events(), ["execution id=x > at once"; 2]);
}

#[test]
fn a_run_inside_a_stage_is_no_execution_and_its_stages_are_inside_that_stage() {
    let recorder = recorded(|| {
        let inner = Chain::new([
            before(says_so_around_a_wait).named("inner"),
            before(says_so),
        ]);
        let chain = Chain::new([runs(inner), before(says_so)]);
        drive(chain.run(&mut context())).unwrap();
    });
    let outer = "execution id=x > stage stage=enter interceptor=outer";
    let inner = format!("{outer} > stage stage=enter interceptor=inner");
    assert_eq!(recorder.spans(), ["execution id=x", outer, &inner]);
    let events = [
        format!("{inner} > before the wait"),
        format!("{inner} > after the wait"),
        format!("{outer} > at once"),
        "execution id=x > at once".to_owned(),
    ];
    assert_eq!(recorder.events(), events);
}

#[test]
fn what_a_stage_does_is_inside_the_spans_whichever_thread_does_it() {
    let recorder = Recorder::default();
    let chain = Chain::new([
        around(says_so, says_so_around_a_wait).named("a"),
        around(says_so_around_a_wait, says_so).named("b"),
    ]);
    let mut cx = context();
    let mut run = Box::pin(chain.run(&mut cx));
    let mut threads = 0;
    let mut poll_elsewhere = || {
        let poll = || {
            run.as_mut()
                .poll(&mut task::Context::from_waker(Waker::noop()))
        };
        let poll = || told(recorder.clone(), poll);
        threads += 1;
        thread::scope(|scope| scope.spawn(poll).join().unwrap())
    };
    while poll_elsewhere().is_pending() {}
    drop(run);
    assert_eq!(threads, 3);
    recorder.assert_all_closed();
    let enter_b = "execution id=x > stage stage=enter interceptor=b";
    let leave_a = "execution id=x > stage stage=leave interceptor=a";
    let events = [
        "execution id=x > at once".to_owned(),
        format!("{enter_b} > before the wait"),
        format!("{enter_b} > after the wait"),
        "execution id=x > at once".to_owned(),
        format!("{leave_a} > before the wait"),
        format!("{leave_a} > after the wait"),
    ];
    assert_eq!(recorder.events(), events);
}

#[test]
fn executions_that_take_turns_on_one_thread_keep_their_spans_apart() {
    let chain = Chain::new([before(says_so_around_a_wait).named("a")]);
    let recorder = recorded(|| {
        let mut contexts =
            ["1", "2"].map(|id| Context::with_id(Log::default(), ExecutionId::given(id)));
        let mut runs = contexts.each_mut().map(|cx| Box::pin(chain.run(cx)));
        let poll = &mut task::Context::from_waker(Waker::noop());
        let mut polled = Vec::new();
        for _ in 0..2 {
            polled.extend(
                runs.each_mut()
                    .map(|run| run.as_mut().poll(poll).is_ready()),
            );
        }
        assert_eq!(polled, [false, false, true, true]);
    });
    let path = |id| format!("execution id={id} > stage stage=enter interceptor=a > ");
    let events = [
        path(1) + "before the wait",
        path(2) + "before the wait",
        path(1) + "after the wait",
        path(2) + "after the wait",
    ];
    assert_eq!(recorder.events(), events);
}

/// Waits for ever; says when it is dropped and when it is cancelled.
struct Stalls;

impl Interceptor<Log> for Stalls {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn enter<'a>(&'a self, _: &'a mut Context<Log>) -> Step<'a, Log> {
        struct Says;
        impl Drop for Says {
            fn drop(&mut self) {
                info!("dropped");
            }
        }
        let says = Says;
        Step::later(async move {
            let _says = says;
            pending().await
        })
    }

    fn cancel(&self, _: &mut Context<Log>) {
        info!("cancelled");
    }
}

struct Says;

impl Observer<Log> for Says {
    fn before(&self, _: &Context<Log>, at: &Invocation<'_>) {
        info!("before {}", at.stage);
    }

    fn after(&self, _: &Context<Log>, at: &Invocation<'_>, _: &peristyle_core::Ending<'_>) {
        info!("after {}", at.stage);
    }
}

#[test]
fn dropping_a_stage_is_inside_its_span_and_what_follows_inside_that_of_the_execution() {
    let stalls = || Link::new(Stalls).named("stalls");
    let stage = "execution id=x > stage stage=enter interceptor=stalls > dropped";
    let dropped = recorded(|| {
        let mut cx = context();
        cx.observe(Arc::new(Says));
        let chain = Chain::from(stalls());
        let mut run = Box::pin(chain.run(&mut cx));
        let polled = run
            .as_mut()
            .poll(&mut task::Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
    });
    let events = [
        "execution id=x > before enter",
        stage,
        "execution id=x > after enter",
        "execution id=x > cancelled",
    ];
    assert_eq!(dropped.events(), events);

    let interrupted = recorded(|| {
        let mut cx = context();
        cx.interrupt_with(async {
            pending_once().await;
            "late"
        });
        let handle = on_error(|_: &mut Context<Log>, _: Error| info!("handled"));
        drive(Chain::new([handle, stalls()]).run(&mut cx)).unwrap();
    });
    assert_eq!(interrupted.events(), [stage, "execution id=x > handled"]);
}

#[test]
fn where_spans_are_disabled_none_is_made_and_nothing_is_allocated() {
    async fn waits(cx: &mut Context<u64>) {
        pending_once().await;
        **cx += 1;
    }
    let at_once = Chain::new([0; 16].map(|_| around(count, count)));
    let waiting = Chain::new([0; 16].map(|_| around(waits, waits)));
    let allocations = |chain: &Chain<u64>| {
        let mut cx = Context::with_id(0, ExecutionId::given("x"));
        let seen = measure(|| {
            let mut run = std::pin::pin!(chain.run(&mut cx));
            let poll = &mut task::Context::from_waker(Waker::noop());
            while run.as_mut().poll(poll).is_pending() {}
        });
        assert_eq!(*cx, 32);
        seen.count_total
    };
    // Each span is registered when it is first enabled, and that allocates.
    told(Recorder::default(), || allocations(&waiting));
    let subscriber = AtInfo::default();
    told(subscriber.clone(), || {
        info!("it listens");
        assert_eq!(allocations(&at_once), 0);
        assert_eq!(allocations(&waiting), 32, "the futures of the stages");
    });
    assert_eq!(subscriber.0.load(Ordering::Relaxed), 1);
}

fn count(cx: &mut Context<u64>) {
    **cx += 1;
}
