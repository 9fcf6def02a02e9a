//! Stages that wait, and single values conveyed later.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use peristyle_core::{
    Caught, Chain, Closed, Context, Error, Interceptor, Link, Stages, Step, after, always, around,
    before, catch, on_error,
};
use tokio::sync::oneshot;
use tokio_test::{assert_pending, assert_ready, task};

use crate::probe::{Kind, chain, drive, mixes, panic_quietly, pending_once, probe, run, story};

type Gate<V> = Arc<Mutex<Option<oneshot::Receiver<V>>>>;

/// A sender, and a function that hands out its receiver.
fn gate<V>() -> (
    oneshot::Sender<V>,
    impl Fn() -> oneshot::Receiver<V> + Clone,
) {
    let (sender, receiver) = oneshot::channel();
    let gate: Gate<V> = Arc::new(Mutex::new(Some(receiver)));
    (sender, move || gate.lock().unwrap().take().unwrap())
}

fn add_one(cx: &mut Context<u32>) {
    **cx += 1;
}

async fn add_one_later(cx: &mut Context<u32>) {
    pending_once().await;
    **cx += 1;
}

/// Waits in each of its stages until it is let through.
struct Waits(tokio::sync::Notify);

impl Interceptor<Vec<&'static str>> for Waits {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<Vec<&'static str>>) -> Step<'a, Vec<&'static str>> {
        Step::later(async {
            cx.push("enter");
            self.0.notified().await;
            cx.push("entered");
            Ok(())
        })
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<Vec<&'static str>>) -> Step<'a, Vec<&'static str>> {
        Step::later(async {
            cx.push("leave");
            self.0.notified().await;
            cx.push("left");
            Err("boom".into())
        })
    }
}

#[test]
fn the_walk_stands_still_while_a_stage_waits_and_goes_on_with_its_outcome() {
    let waits = Arc::new(Waits(tokio::sync::Notify::new()));
    struct Shared(Arc<Waits>);
    impl Interceptor<Vec<&'static str>> for Shared {
        fn stages(&self) -> Stages {
            self.0.stages()
        }
        fn enter<'a>(
            &'a self,
            cx: &'a mut Context<Vec<&'static str>>,
        ) -> Step<'a, Vec<&'static str>> {
            self.0.enter(cx)
        }
        fn leave<'a>(
            &'a self,
            cx: &'a mut Context<Vec<&'static str>>,
        ) -> Step<'a, Vec<&'static str>> {
            self.0.leave(cx)
        }
    }
    let after_it = before(|cx: &mut Context<Vec<&'static str>>| cx.push("next"));
    let chain = Chain::new([
        Link::new(Shared(Arc::clone(&waits))).named("waits"),
        after_it,
    ]);
    let mut cx = Context::new(Vec::new());

    let mut run = task::spawn(chain.run(&mut cx));
    assert_pending!(run.poll());
    assert!(!run.is_woken());
    waits.0.notify_one();
    assert!(run.is_woken());
    assert_pending!(run.poll());
    assert!(!run.is_woken());
    waits.0.notify_one();
    let error = assert_ready!(run.poll()).unwrap_err();
    drop(run);
    assert_eq!(story(&error), ["leave waits: boom"]);
    assert_eq!(*cx, ["enter", "entered", "next", "leave", "left"]);
}

#[test]
fn one_thread_runs_a_thousand_executions_that_all_wait() {
    let (sender, _) = tokio::sync::broadcast::channel::<()>(1);
    struct WaitsForAll(tokio::sync::broadcast::Sender<()>);
    impl Interceptor<u32> for WaitsForAll {
        fn stages(&self) -> Stages {
            Stages::ENTER
        }
        fn enter<'a>(&'a self, cx: &'a mut Context<u32>) -> Step<'a, u32> {
            let mut all = self.0.subscribe();
            Step::later(async move {
                all.recv().await?;
                **cx += 1;
                Ok(())
            })
        }
    }
    let chain = Chain::from(Link::new(WaitsForAll(sender.clone())));
    let run = || async {
        let mut cx = Context::new(0);
        chain.run(&mut cx).await.unwrap();
        cx.into_inner()
    };
    let mut runs: Vec<_> = (0..1000).map(|_| task::spawn(run())).collect();
    for run in &mut runs {
        assert_pending!(run.poll());
    }
    sender.send(()).unwrap();
    for run in &mut runs {
        assert!(run.is_woken());
        assert_eq!(assert_ready!(run.poll()), 1);
    }
}

#[test]
fn an_async_stage_can_raise_its_own_error() {
    async fn enter(_: &mut Context<u32>) -> Result<(), fmt::Error> {
        pending_once().await;
        Err(fmt::Error)
    }
    async fn error(_: &mut Context<u32>, _: Error) -> Result<(), String> {
        pending_once().await;
        Err("worse".to_owned())
    }
    for add in [before(add_one), before(add_one_later)] {
        let chain = Chain::new([on_error(error).named("b"), add, after(enter).named("a")]);
        let failed = drive(chain.run(&mut Context::new(0))).unwrap_err();
        let expected = [
            "error b: worse".to_owned(),
            format!("leave a: {}", fmt::Error),
        ];
        assert_eq!(story(&failed), expected);
    }
}

/// A chain of `add`, then `link`, then `add`, where `add` adds one on the way in and on the way back.
fn between(link: Link<u32>) -> [Chain<u32>; 2] {
    let at_once = around(add_one, add_one);
    let later = around(add_one_later, add_one_later);
    let chain = |add: Link<u32>| Chain::new([add.clone(), link.clone(), add]);
    [chain(at_once), chain(later)]
}

#[test]
fn a_conveyed_value_takes_the_place_of_the_old_one() {
    for which in 0..2 {
        let (sender, receiver) = gate::<u32>();
        let convey = before(move |cx: &mut Context<u32>| {
            assert_eq!(**cx, 1);
            receiver()
        });
        let mut cx = Context::new(0);
        let chain = &between(convey)[which];
        let mut run = task::spawn(Box::pin(chain.run(&mut cx)));
        while run.poll().is_pending() && run.is_woken() {}
        sender.send(100).unwrap();
        assert!(run.is_woken());
        drive(run.into_inner()).unwrap();
        assert_eq!(*cx, 103);
    }
}

#[test]
fn a_value_that_was_conveyed_before_the_stage_returned_is_taken_at_once() {
    let convey = before(|_: &mut Context<u32>| {
        let (sender, receiver) = oneshot::channel();
        sender.send(100).unwrap();
        receiver
    });
    let [at_once, _] = between(convey);
    let mut cx = Context::new(0);
    at_once.run_now(&mut cx).unwrap();
    assert_eq!(*cx, 103);
}

#[test]
fn leave_and_error_stages_can_convey_a_value_too() {
    fn conveyed<T: Send>(value: T) -> oneshot::Receiver<T> {
        let (sender, receiver) = oneshot::channel();
        assert!(sender.send(value).is_ok());
        receiver
    }
    let fails = before(|_: &mut Context<u32>| Err::<(), _>(fmt::Error));
    let cases = [
        (
            vec![after(|cx: &mut Context<u32>| conveyed(**cx + 100))],
            101,
        ),
        (
            vec![always(|cx: &mut Context<u32>| conveyed(**cx + 100))],
            101,
        ),
        (
            vec![
                on_error(|cx: &mut Context<u32>, _: Error| conveyed(**cx + 100)),
                fails.clone(),
            ],
            101,
        ),
        (
            vec![
                catch(|cx: &mut Context<u32>, _: Caught<fmt::Error>| conveyed(**cx + 100)),
                fails,
            ],
            101,
        ),
    ];
    for (links, expected) in cases {
        let mut cx = Context::new(0);
        let links = [around(add_one, |cx: &mut Context<u32>| {
            assert_eq!(**cx, 101);
        })]
        .into_iter()
        .chain(links);
        drive(Chain::new(links).run(&mut cx)).unwrap();
        assert_eq!(*cx, expected);
    }
}

#[test]
fn an_error_stage_that_conveys_a_value_has_handled_the_error() {
    for [a, b, c] in mixes() {
        let c = probe("c", c).enter(|_| Err("boom".into()));
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
fn always_lets_a_conveyed_value_in_and_the_pending_error_on() {
    let conveys = always(|_: &mut Context<u32>| {
        let (sender, receiver) = oneshot::channel();
        sender.send(100).unwrap();
        receiver
    });
    let fails = before(|_: &mut Context<u32>| Err::<(), _>(fmt::Error)).named("fails");
    let mut cx = Context::new(0);
    let error = drive(Chain::new([conveys, fails]).run(&mut cx)).unwrap_err();
    assert_eq!(story(&error), [format!("enter fails: {}", fmt::Error)]);
    assert_eq!(*cx, 100);
}

#[test]
fn queue_terminators_and_observers_stay_when_a_value_is_conveyed() {
    use peristyle_core::{Ending, Invocation, Observer};
    struct Watch(Arc<Mutex<Vec<String>>>);
    impl Observer<u32> for Watch {
        fn after(&self, cx: &Context<u32>, seen: &Invocation<'_>, _: &Ending<'_>) {
            self.0
                .lock()
                .unwrap()
                .push(format!("{} {} {}", seen.stage, seen.interceptor, **cx));
        }
    }
    let events = Arc::new(Mutex::new(Vec::new()));
    let queued = Chain::new([
        around(add_one, add_one).named("queued"),
        before(add_one).named("never"),
    ]);
    let conveys = before(move |cx: &mut Context<u32>| {
        cx.terminate_when(|cx| **cx == 101);
        cx.enqueue(&queued).unwrap();
        let (sender, receiver) = oneshot::channel();
        sender.send(100).unwrap();
        receiver
    });
    let mut cx = Context::new(0);
    cx.observe(Arc::new(Watch(Arc::clone(&events))));
    drive(Chain::from(conveys.named("conveys")).run(&mut cx)).unwrap();
    assert_eq!(
        *events.lock().unwrap(),
        ["enter conveys 100", "enter queued 101", "leave queued 102"]
    );
}

#[test]
fn the_value_from_a_spawned_task_is_conveyed_by_its_channel() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let doubles = before(|cx: &mut Context<u32>| {
        let (sender, receiver) = oneshot::channel();
        let value = cx.take();
        let mut tasks = tokio::task::JoinSet::new();
        tasks.spawn(async move {
            tokio::task::yield_now().await;
            sender.send(2 * value).unwrap();
        });
        tasks.detach_all();
        receiver
    });
    let mut cx = Context::new(21);
    runtime.block_on(Chain::from(doubles).run(&mut cx)).unwrap();
    assert_eq!(*cx, 42);
}

type Conveyed = Result<u32, fmt::Error>;

/// One interceptor for each stage that answers with what `receiver` hands out, and the chain's links around it.
fn in_each_stage<R: peristyle_core::IntoStep<u32> + 'static>(
    receiver: impl Fn() -> R + Clone + Send + Sync + 'static,
) -> [(Vec<Link<u32>>, &'static str); 3] {
    let (enter, leave, error) = (receiver.clone(), receiver.clone(), receiver);
    let fails = before(|_: &mut Context<u32>| Err::<(), _>("boom")).named("fails");
    [
        (
            vec![
                before(move |cx: &mut Context<u32>| {
                    **cx += 1;
                    enter()
                })
                .named("a"),
            ],
            "enter",
        ),
        (
            vec![
                after(move |cx: &mut Context<u32>| {
                    **cx += 1;
                    leave()
                })
                .named("a"),
            ],
            "leave",
        ),
        (
            vec![
                on_error(move |cx: &mut Context<u32>, _: Error| {
                    **cx += 1;
                    error()
                })
                .named("a"),
                fails,
            ],
            "error",
        ),
    ]
}

#[test]
fn a_channel_dropped_without_a_value_raises_closed_from_each_stage() {
    for at in 0..3 {
        let (sender, receiver) = gate::<u32>();
        let (links, stage) = in_each_stage(receiver).into_iter().nth(at).unwrap();
        let chain = Chain::from(links);
        let mut cx = Context::new(6);
        let mut run = task::spawn(chain.run(&mut cx));
        assert_pending!(run.poll());
        drop(sender);
        assert!(run.is_woken());
        let error = assert_ready!(run.poll()).unwrap_err();
        drop(run);
        assert_eq!(
            story(&error)[0],
            format!("{stage} a: closed before conveying a value")
        );
        assert!(error.is_closed() && error.is::<Closed>());
        assert_eq!(error.suppressed().count(), usize::from(stage == "error"));
        assert_eq!(*cx, 7, "the context holds what the stage had left in it");
    }
}

#[test]
fn a_channel_of_results_dropped_without_either_raises_closed() {
    for at in 0..3 {
        let receiver = || oneshot::channel::<Conveyed>().1;
        let (links, stage) = in_each_stage(receiver).into_iter().nth(at).unwrap();
        let error = drive(Chain::from(links).run(&mut Context::new(0))).unwrap_err();
        assert_eq!(
            story(&error)[0],
            format!("{stage} a: closed before conveying a value")
        );
    }
}

#[test]
fn a_closed_channel_in_enter_asks_the_handler_of_that_interceptor_first() {
    struct Closes;
    impl Interceptor<Vec<String>> for Closes {
        fn stages(&self) -> Stages {
            Stages::ENTER | Stages::ERROR
        }
        fn enter<'a>(&'a self, _: &'a mut Context<Vec<String>>) -> Step<'a, Vec<String>> {
            use peristyle_core::IntoStep;
            oneshot::channel::<Vec<String>>().1.into_step()
        }
        fn error<'a>(
            &'a self,
            cx: &'a mut Context<Vec<String>>,
            error: Error,
        ) -> Step<'a, Vec<String>> {
            cx.extend(story(&error));
            Step::next()
        }
    }
    let mut cx = Context::new(Vec::new());
    drive(Chain::from(Link::new(Closes).named("a")).run(&mut cx)).unwrap();
    assert_eq!(*cx, ["enter a: closed before conveying a value"]);
}

#[test]
fn the_spawned_side_may_convey_an_error_which_is_raised_by_the_stage() {
    for at in 0..3 {
        let (sender, receiver) = gate::<Conveyed>();
        let (links, stage) = in_each_stage(receiver).into_iter().nth(at).unwrap();
        let chain = Chain::from(links);
        let mut cx = Context::new(6);
        let mut run = task::spawn(chain.run(&mut cx));
        assert_pending!(run.poll());
        sender.send(Err(fmt::Error)).unwrap();
        assert!(run.is_woken());
        let error = assert_ready!(run.poll()).unwrap_err();
        drop(run);
        assert_eq!(story(&error)[0], format!("{stage} a: {}", fmt::Error));
        assert!(error.is::<fmt::Error>());
        assert_eq!(*cx, 7);
    }
}

#[test]
fn the_spawned_side_may_convey_a_value_in_a_result() {
    for at in 0..3 {
        let (sender, receiver) = gate::<Conveyed>();
        let (links, _) = in_each_stage(receiver).into_iter().nth(at).unwrap();
        let chain = Chain::from(links);
        let mut cx = Context::new(6);
        sender.send(Ok(100)).unwrap();
        drive(chain.run(&mut cx)).unwrap();
        assert_eq!(*cx, 100);
    }
}

#[test]
fn a_handler_can_raise_the_given_error_again_through_its_channel() {
    let declines = on_error(|_: &mut Context<u32>, error: Error| {
        let (sender, receiver) = oneshot::channel::<Result<u32, Error>>();
        sender.send(Err(error)).unwrap();
        receiver
    });
    let fails = before(|_: &mut Context<u32>| Err::<(), _>("boom")).named("fails");
    let error = drive(Chain::new([declines, fails]).run(&mut Context::new(0))).unwrap_err();
    assert_eq!(story(&error), ["enter fails: boom"]);
}

#[test]
fn dropping_a_run_drops_the_waiting_stage_and_no_other_runs() {
    let chain = chain([
        probe("a", Kind::AtOnce),
        probe("b", Kind::Pending).enter(|_| panic_quietly("never")),
    ]);
    let mut cx = Context::new(crate::probe::Log::default());
    assert_pending!(task::spawn(chain.run(&mut cx)).poll());
    assert_eq!(cx.events, ["enter a", "enter b"]);
}

#[cfg(feature = "rt")]
#[tokio::test]
async fn the_handle_of_a_spawned_task_conveys_what_the_task_returns_or_raises_why_not() {
    fn spawn(cx: &mut Context<u32>) -> tokio::task::JoinHandle<u32> {
        let value = **cx;
        tokio::task::spawn_blocking(move || value + 1)
    }
    fn fail(_: &mut Context<u32>) -> tokio::task::JoinHandle<Result<u32, &'static str>> {
        tokio::task::spawn_blocking(|| Err("no value"))
    }
    fn panic(_: &mut Context<u32>) -> tokio::task::JoinHandle<u32> {
        tokio::task::spawn_blocking(|| panic!("boom"))
    }
    fn abort(_: &mut Context<u32>) -> tokio::task::JoinHandle<u32> {
        let tasks = tokio::runtime::Handle::current();
        let task = tasks.spawn(std::future::pending());
        task.abort();
        task
    }
    let mut cx = Context::new(41);
    Chain::from(before(spawn)).run(&mut cx).await.unwrap();
    assert_eq!(*cx, 42);
    let error = Chain::from(before(fail)).run(&mut cx).await.unwrap_err();
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "no value"
    );
    let error = Chain::from(before(panic)).run(&mut cx).await.unwrap_err();
    assert_eq!(
        std::error::Error::source(&error).unwrap().to_string(),
        "panicked: boom"
    );
    assert!(
        Chain::from(before(abort))
            .run(&mut cx)
            .await
            .unwrap_err()
            .is_closed()
    );
    assert_eq!(*cx, 42);
}
