//! What a run allocates: exact counts.

use std::task::{self, Poll, Waker};

use allocation_counter::measure;
use peristyle_core::{
    Answer, Caught, Chain, Context, Error, Interceptor, Link, Outcome, Stages, Step, after, always,
    around, before, catch, handler, on_error,
};

use crate::probe::pending_once;

const DEPTHS: [usize; 5] = [0, 1, 4, 16, 256];

fn count(cx: &mut Context<u64>) {
    **cx += 1;
}

async fn count_ready(cx: &mut Context<u64>) {
    **cx += 1;
}

async fn count_later(cx: &mut Context<u64>) {
    pending_once().await;
    **cx += 1;
}

/// Conveys the count plus one.
struct Conveys;

impl Interceptor<u64> for Conveys {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<u64>) -> Step<'a, u64> {
        let next = **cx + 1;
        Step::convey(async move {
            pending_once().await;
            Ok(next)
        })
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<u64>) -> Step<'a, u64> {
        self.enter(cx)
    }
}

/// Runs the chain with one terminator set. Returns the allocations; what ran is asserted.
fn allocations(chain: &Chain<u64>, stages: u64) -> u64 {
    let run = || {
        let mut cx = Context::new(0);
        cx.terminate_when(|cx| **cx == u64::MAX);
        let mut run = std::pin::pin!(chain.run(&mut cx));
        let mut task = task::Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(result) = run.as_mut().poll(&mut task) {
                assert!(result.is_ok());
                break;
            }
        }
    };
    let seen = measure(run).count_total;
    let mut cx = Context::new(0);
    crate::probe::drive(chain.run(&mut cx)).unwrap();
    assert_eq!(*cx, stages, "each stage ran once");
    seen
}

#[test]
fn stages_at_once_allocate_nothing_at_any_depth_with_a_terminator_set() {
    for depth in DEPTHS {
        let chain: Chain<_> = (0..depth).map(|_| around(count, count)).collect();
        assert_eq!(allocations(&chain, 2 * depth as u64), 0, "depth {depth}");
    }
}

#[test]
fn a_run_that_is_not_awaited_allocates_nothing_either() {
    for depth in DEPTHS {
        let chain: Chain<_> = (0..depth).map(|_| around(count, count)).collect();
        let seen = measure(|| {
            let mut cx = Context::new(0);
            cx.terminate_when(|cx| **cx == u64::MAX);
            chain.run_now(&mut cx).unwrap();
            assert_eq!(*cx, 2 * depth as u64);
        });
        assert_eq!(seen.count_total, 0, "depth {depth}");
    }
}

#[test]
fn a_waiting_stage_allocates_once_whether_it_is_ready_or_not() {
    for depth in DEPTHS {
        let stages = 2 * depth as u64;
        let ready: Chain<_> = (0..depth)
            .map(|_| around(count_ready, count_ready))
            .collect();
        let later: Chain<_> = (0..depth)
            .map(|_| around(count_later, count_later))
            .collect();
        assert_eq!(allocations(&ready, stages), stages, "ready, depth {depth}");
        assert_eq!(allocations(&later, stages), stages, "later, depth {depth}");
    }
}

#[test]
fn a_conveying_stage_allocates_once() {
    for depth in DEPTHS {
        let chain: Chain<_> = (0..depth).map(|_| Link::new(Conveys)).collect();
        assert_eq!(
            allocations(&chain, 2 * depth as u64),
            2 * depth as u64,
            "depth {depth}"
        );
    }
}

#[test]
fn among_stages_at_once_only_the_waiting_ones_allocate() {
    for depth in DEPTHS {
        let chain: Chain<_> = (0..depth)
            .flat_map(|_| {
                [
                    around(count, count),
                    around(count_later, count),
                    around(count, count_later),
                ]
            })
            .collect();
        assert_eq!(
            allocations(&chain, 6 * depth as u64),
            2 * depth as u64,
            "depth {depth}"
        );
    }
}

struct Count(u64);

impl Answer<u64> for Count {
    fn answer(&mut self, answer: u64) -> Outcome {
        self.0 += answer;
        Ok(())
    }
}

#[test]
fn each_builder_from_a_function_at_once_allocates_nothing_when_it_runs() {
    let nothing = |links: Vec<Link<Count>>| {
        let chain = Chain::from(links);
        let seen = measure(|| {
            let mut cx = Context::new(Count(0));
            chain.run_now(&mut cx).unwrap();
            assert_eq!(cx.0, 1);
        });
        seen.count_total
    };
    let add = |cx: &mut Context<Count>| cx.0 += 1;
    assert_eq!(nothing(vec![before(add)]), 0);
    assert_eq!(nothing(vec![after(add)]), 0);
    assert_eq!(nothing(vec![always(add)]), 0);
    assert_eq!(nothing(vec![handler(|_: &mut Context<Count>| 1_u64)]), 0);
    let idle = vec![
        on_error(|_: &mut Context<Count>, _: Error| ()),
        catch(|_: &mut Context<Count>, _: Caught<std::fmt::Error>| ()),
        before(add),
    ];
    assert_eq!(nothing(idle), 0);
}

#[test]
fn enqueuing_chains_that_exist_allocates_nothing() {
    thread_local! {
        static QUEUED: Chain<u64> = Chain::new([before(count), before(count)]);
    }
    fn enqueue(cx: &mut Context<u64>) {
        QUEUED.with(|queued| {
            cx.enqueue(queued).unwrap();
            cx.terminate();
            cx.enqueue_next(queued).unwrap();
        });
    }
    QUEUED.with(|_| ());
    let chain = Chain::new([before(enqueue), before(count)]);
    let seen = measure(|| {
        let mut cx = Context::new(0);
        chain.run_now(&mut cx).unwrap();
        assert_eq!(*cx, 2);
    });
    assert_eq!(seen.count_total, 0);
}

#[test]
fn passing_an_error_by_allocates_nothing_more_than_raising_it() {
    let raised = |passers: usize| {
        let pass = catch(|_: &mut Context<u64>, _: Caught<std::num::ParseIntError>| ());
        let links = std::iter::repeat_n(pass, passers);
        let fails = before(|_: &mut Context<u64>| Err::<(), _>(std::fmt::Error));
        let chain = Chain::new(links.chain([fails.named("fails")]));
        measure(|| drop(chain.run_now(&mut Context::new(0)).unwrap_err())).count_total
    };
    assert_eq!(raised(256), raised(0));
}
