//! Chains under any executor, and under none.

use std::{
    future::Future,
    pin::pin,
    sync::Arc,
    task::{Context as Task, Poll, Wake, Waker},
    thread::{self, Thread},
};

use peristyle_core::{Chain, Context, Stages, WouldWait};
use tokio_test::{assert_ready, task};

use crate::probe::{KINDS, Kind, Log, chain, drive, mixes, probe, run, story};

/// An executor: one thread, parked until it is woken.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let (mut task, mut future) = (Task::from_waker(&waker), pin!(future));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
        thread::park();
    }
}

const WALKED: [&str; 4] = ["enter a", "enter b", "leave b", "leave a"];

#[test]
fn stages_at_once_run_without_a_runtime() {
    let chain = chain([probe("a", Kind::AtOnce), probe("b", Kind::AtOnce)]);
    let mut cx = Context::new(Log::default());
    chain.run_now(&mut cx).unwrap();
    assert_eq!(cx.events, WALKED);
}

#[test]
fn a_run_of_stages_at_once_is_done_when_it_is_first_polled() {
    let chain = chain([probe("a", Kind::AtOnce), probe("b", Kind::AtOnce)]);
    let mut cx = Context::new(Log::default());
    assert_ready!(task::spawn(chain.run(&mut cx)).poll()).unwrap();
    assert_eq!(cx.events, WALKED);
}

#[test]
fn every_kind_of_stage_runs_under_an_executor_of_thirty_lines() {
    for [a, b] in mixes() {
        let chain = chain([probe("a", a), probe("b", b)]);
        let mut cx = Context::new(Log::default());
        block_on(chain.run(&mut cx)).unwrap();
        assert_eq!(cx.events, WALKED);
    }
}

#[test]
fn a_value_from_another_thread_is_conveyed_under_an_executor_of_thirty_lines() {
    let doubles = peristyle_core::before(|cx: &mut Context<u32>| {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let value = cx.take();
        thread::spawn(move || sender.send(2 * value));
        receiver
    });
    let mut cx = Context::new(21);
    block_on(Chain::from(doubles).run(&mut cx)).unwrap();
    assert_eq!(*cx, 42);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_stage_runs_on_tokio() {
    for [a, b] in mixes() {
        let chain = chain([probe("a", a), probe("b", b)]);
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move {
            let mut cx = Context::new(Log::default());
            chain.run(&mut cx).await.unwrap();
            cx.into_inner().events
        });
        assert_eq!(tasks.join_next().await.unwrap().unwrap(), WALKED);
    }
}

#[test]
fn run_now_ends_with_what_run_ends_with() {
    let failing = || {
        let b = probe("b", Kind::AtOnce).enter(|_| Err("boom".into()));
        [
            probe("a", Kind::AtOnce).error(|_, _| Err("worse".into())),
            b,
        ]
    };
    let (events, result) = run(failing());
    let mut cx = Context::new(Log::default());
    let now = chain(failing()).run_now(&mut cx);
    assert_eq!(cx.events, events);
    assert_eq!(story(&now.unwrap_err()), story(&result.unwrap_err()));
}

#[test]
fn run_now_takes_a_future_that_is_ready() {
    let mut cx = Context::new(Log::default());
    chain([probe("a", Kind::Ready), probe("b", Kind::AtOnce)])
        .run_now(&mut cx)
        .unwrap();
    assert_eq!(cx.events, WALKED);
}

#[test]
fn run_now_says_where_it_would_wait_instead_of_blocking() {
    for kind in [Kind::Pending, Kind::Conveying] {
        let cases = [
            (
                Stages::ENTER,
                "enter b: would wait",
                vec!["enter a", "enter b"],
            ),
            (
                Stages::LEAVE,
                "leave b: would wait",
                vec!["enter a", "enter c", "leave c", "leave b"],
            ),
        ];
        for (stages, said, events) in cases {
            let b = probe("b", kind).only(stages);
            let chain = chain([probe("a", Kind::AtOnce), b, probe("c", Kind::AtOnce)]);
            let mut cx = Context::new(Log::default());
            let error = chain.run_now(&mut cx).unwrap_err();
            assert_eq!(story(&error), [said]);
            assert!(error.would_wait() && error.is::<WouldWait>());
            if kind == Kind::Pending {
                assert_eq!(cx.events, events);
            }
        }
    }
}

#[test]
fn a_context_whose_run_would_have_waited_can_be_run_again() {
    let mut cx = Context::new(Log::default());
    chain([probe("a", Kind::Pending)])
        .run_now(&mut cx)
        .unwrap_err();
    assert_eq!((cx.entered().count(), cx.queue().count()), (0, 0));
    for kind in KINDS {
        drive(chain([probe("b", kind)]).run(&mut cx)).unwrap();
    }
    assert_eq!(
        cx.events,
        [&["enter a"][..], &["enter b", "leave b"].repeat(4)].concat()
    );
}

#[test]
fn a_run_can_move_to_another_thread_while_it_waits() {
    let chain = chain([probe("a", Kind::Pending), probe("b", Kind::Conveying)]);
    let mut cx = Context::new(Log::default());
    let mut run = Box::pin(chain.run(&mut cx));
    assert!(
        run.as_mut()
            .poll(&mut Task::from_waker(Waker::noop()))
            .is_pending()
    );
    thread::scope(|scope| scope.spawn(|| drive(run)).join())
        .unwrap()
        .unwrap();
    assert_eq!(cx.events, WALKED);
}
