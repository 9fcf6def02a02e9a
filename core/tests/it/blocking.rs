//! Long computations, off the threads that serve.

use std::{
    future::Future,
    sync::{
        Arc, Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use peristyle_core::{
    Blocking, BoxError, Chain, Context, Error, Link, Panicked, after, before, binding, blocking,
    on_error,
};
use tokio::runtime::{Builder, Runtime};

use crate::probe::{panic_quietly, pending_once, story};

type Cx = Context<Vec<u32>>;

/// One thread that serves, and one for what blocks.
fn runtime() -> Runtime {
    Builder::new_current_thread()
        .max_blocking_threads(1)
        .build()
        .unwrap()
}

fn run(cx: &mut Cx, links: impl Into<Chain<Vec<u32>>>) -> Result<(), Error> {
    runtime().block_on(links.into().run(cx))
}

fn fails() -> Link<Vec<u32>> {
    before(|_: &mut Cx| Err::<(), _>("boom")).named("fails")
}

/// Takes the value and pushes 7 to it.
fn push(cx: &mut Cx) -> Blocking<Vec<u32>> {
    let mut value = cx.take();
    blocking(move || {
        value.push(7);
        value
    })
}

#[test]
fn what_a_blocking_function_returns_is_conveyed_from_each_stage() {
    let handles = on_error(|cx: &mut Cx, _: Error| push(cx));
    let cases = [
        (vec![before(push)], vec![0, 7]),
        (vec![after(push), before(push)], vec![0, 7, 7]),
        (vec![handles, before(push), fails()], vec![0, 7, 7]),
    ];
    for (links, expected) in cases {
        let mut cx = Context::new(vec![0]);
        run(&mut cx, links).unwrap();
        assert_eq!(*cx, expected);
    }
}

#[test]
fn an_error_that_a_blocking_function_returns_is_raised() {
    let ends = |fails: bool| {
        before(move |_: &mut Cx| blocking(move || if fails { Err("no") } else { Ok(vec![7]) }))
            .named("a")
    };
    let mut cx = Context::new(vec![0]);
    let error = run(&mut cx, ends(true)).unwrap_err();
    assert_eq!(story(&error), ["enter a: no"]);
    assert_eq!(*cx, [0]);
    run(&mut cx, ends(false)).unwrap();
    assert_eq!(*cx, [7]);
}

#[test]
fn a_panic_of_a_blocking_function_is_raised_with_its_text() {
    let value = before(|_: &mut Cx| blocking(|| panic_quietly::<Vec<u32>>("bang"))).named("a");
    let result =
        before(|_: &mut Cx| blocking(|| panic_quietly::<Result<Vec<u32>, BoxError>>("bang")));
    for link in [value, result.named("a")] {
        let mut cx = Context::new(vec![0]);
        let error = run(&mut cx, link).unwrap_err();
        assert_eq!(story(&error), ["enter a: panicked: bang"]);
        assert!(error.is_panic());
        assert_eq!(*cx, [0]);
    }
}

#[test]
fn an_async_stage_can_await_a_blocking_function_of_any_result() {
    async fn reads(cx: &mut Cx) -> Result<(), BoxError> {
        pending_once().await;
        let text = blocking(|| "7".to_owned()).await?;
        cx.push(blocking(move || text.parse()).await??);
        blocking(|| panic_quietly("bang")).await
    }
    let mut cx = Context::new(vec![0]);
    let error = run(&mut cx, before(reads).named("reads")).unwrap_err();
    assert_eq!(story(&error), ["enter reads: panicked: bang"]);
    assert_eq!(*cx, [0, 7]);
}

#[test]
fn a_blocking_function_runs_on_another_thread_while_the_runtime_goes_on() {
    let (barrier, here) = (Arc::new(Barrier::new(2)), thread::current().id());
    let meets = Arc::clone(&barrier);
    let stage = before(move |_: &mut Cx| {
        let meets = Arc::clone(&meets);
        blocking(move || {
            assert_ne!(thread::current().id(), here);
            meets.wait();
            vec![7]
        })
    });
    let chain = Chain::from(stage);
    runtime().block_on(async {
        let mut cx = Context::new(vec![0]);
        let mut run = Box::pin(chain.run(&mut cx));
        // Only a runtime whose thread is free comes from the one to the other.
        let other = async {
            pending_once().await;
            barrier.wait();
        };
        let (result, ()) = tokio::join!(&mut run, other);
        result.unwrap();
        drop(run);
        assert_eq!(*cx, [7]);
    });
}

/// A chain whose stage blocks, whether it did, and how many hold what it holds.
fn watched() -> (Chain<Vec<u32>>, Arc<AtomicBool>) {
    let ran = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&ran);
    let stage = before(move |_: &mut Cx| {
        let flag = Arc::clone(&flag);
        blocking(move || {
            flag.store(true, Ordering::Relaxed);
            vec![7]
        })
    });
    (Chain::from(stage.named("a")), ran)
}

/// Ends the run that `ends` makes of a chain whose blocking function cannot start, because the only thread is held.
fn check_that_it_never_runs<F: Future<Output = ()>>(ends: impl FnOnce(Chain<Vec<u32>>) -> F) {
    let (chain, ran) = watched();
    runtime().block_on(async {
        let barrier = Arc::new(Barrier::new(2));
        let holds = Arc::clone(&barrier);
        let held = tokio::task::spawn_blocking(move || holds.wait());
        ends(chain).await;
        barrier.wait();
        held.await.unwrap();
        // The thread takes its work in order: when this has run, it is done with all before it.
        tokio::task::spawn_blocking(|| ()).await.unwrap();
    });
    assert!(!ran.load(Ordering::Relaxed));
    assert_eq!(
        Arc::strong_count(&ran),
        1,
        "what it had captured is dropped"
    );
}

#[test]
fn a_blocking_function_that_has_not_been_started_is_dropped_when_its_stage_is_interrupted() {
    check_that_it_never_runs(async |chain| {
        let mut cx = Context::new(vec![0]);
        cx.interrupt_with(async { "late" });
        let error = chain.run(&mut cx).await.unwrap_err();
        assert_eq!(story(&error), ["enter a: late"]);
        assert_eq!(*cx, [0]);
    });
}

#[test]
fn a_blocking_function_that_has_not_been_started_is_dropped_with_its_run() {
    check_that_it_never_runs(async |chain| {
        let mut cx = Context::new(vec![0]);
        let mut run = tokio_test::task::spawn(chain.run(&mut cx));
        tokio_test::assert_pending!(run.poll());
    });
}

binding! {
    static TENANT: &'static str;
}

#[test]
fn bindings_are_visible_in_a_blocking_function_and_gone_from_its_thread_afterwards() {
    let is_bound = || u32::from(TENANT.get().as_deref() == Some(&"Ada"));
    let sees = move |_: &mut Cx| blocking(move || vec![is_bound()]);
    let panics = |_: &mut Cx| blocking(|| panic_quietly::<Vec<u32>>("bang"));
    let binds = before(|cx: &mut Cx| cx.bind(&TENANT, "Ada"));
    runtime().block_on(async {
        let mut cx = Context::new(vec![0]);
        Chain::new([binds.clone(), before(sees)])
            .run(&mut cx)
            .await
            .unwrap();
        assert_eq!(*cx, [1]);
        Chain::new([binds, before(panics)])
            .run(&mut cx)
            .await
            .unwrap_err();
        // The same thread, of which there is one.
        Chain::from(before(sees)).run(&mut cx).await.unwrap();
        assert_eq!(*cx, [0]);
        let unbound = tokio::task::spawn_blocking(|| TENANT.get().is_none());
        assert!(unbound.await.unwrap());
    });
}

#[test]
fn outside_of_a_runtime_blocking_is_an_error_of_the_stage() {
    let (chain, ran) = watched();
    let error = chain.run_now(&mut Context::new(vec![0])).unwrap_err();
    assert_eq!((error.interceptor(), error.is_panic()), (Some("a"), true));
    let text = error.downcast_ref::<Panicked>().unwrap().message();
    assert!(text.contains("Tokio 1.x runtime"), "{text}");
    assert!(!ran.load(Ordering::Relaxed));
}
