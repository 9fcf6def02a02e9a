//! Long chains on a small stack.

use std::{any::Any, fmt, iter, thread};

use peristyle_core::{BoxError, Chain, Context, Error, Interceptor, Link, Stages, Step};

use crate::probe::{drive, panic_quietly, pending_once};

const STACK: usize = 128 * 1024;
const SHORT: usize = 10;
const LONG: usize = 10_000;

#[derive(Clone, Copy)]
enum Way {
    AtOnce,
    Ready,
    Pending,
    Conveying,
}

/// Counts each stage that it runs, and ends as `end` says.
struct Counts {
    way: Way,
    stages: Stages,
    end: fn(Option<Error>) -> Result<(), BoxError>,
}

impl Counts {
    fn well(way: Way) -> Self {
        let stages = Stages::ENTER | Stages::LEAVE;
        Self {
            way,
            stages,
            end: |_| Ok(()),
        }
    }

    fn failing(way: Way, end: fn(Option<Error>) -> Result<(), BoxError>) -> Self {
        Self {
            way,
            stages: Stages::ERROR,
            end,
        }
    }

    fn answer<'a>(&'a self, cx: &'a mut Context<usize>, given: Option<Error>) -> Step<'a, usize> {
        **cx += 1;
        match self.way {
            Way::AtOnce => Step::Now((self.end)(given)),
            Way::Ready => Step::later(async { (self.end)(given) }),
            Way::Pending => Step::later(async {
                pending_once().await;
                (self.end)(given)
            }),
            Way::Conveying => {
                let (value, end) = (**cx, self.end);
                Step::convey(async move {
                    pending_once().await;
                    end(given).map(|()| value)
                })
            }
        }
    }
}

impl Interceptor<usize> for Counts {
    fn stages(&self) -> Stages {
        self.stages
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<usize>) -> Step<'a, usize> {
        self.answer(cx, None)
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<usize>) -> Step<'a, usize> {
        self.answer(cx, None)
    }

    fn error<'a>(&'a self, cx: &'a mut Context<usize>, error: Error) -> Step<'a, usize> {
        self.answer(cx, Some(error))
    }
}

/// Runs `test` with a short chain and a long one, each in a thread whose stack is as small as the other's.
fn on_a_small_stack(test: impl Fn(usize) + Send + Copy + 'static) {
    for depth in [SHORT, LONG] {
        let thread = thread::Builder::new().stack_size(STACK);
        let ended: Result<(), Box<dyn Any + Send>> =
            thread.spawn(move || test(depth)).unwrap().join();
        ended.unwrap();
    }
}

fn walks(depth: usize, link: impl Fn(usize) -> Counts) {
    let chain: Chain<_> = (0..depth).map(|at| Link::new(link(at))).collect();
    let mut cx = Context::new(0);
    drive(chain.run(&mut cx)).unwrap();
    assert_eq!(*cx, 2 * depth);
}

#[test]
fn ten_thousand_that_answer_at_once_need_no_more_stack_than_ten() {
    on_a_small_stack(|depth| walks(depth, |_| Counts::well(Way::AtOnce)));
}

#[test]
fn ten_thousand_that_wait_need_no_more_stack_than_ten() {
    on_a_small_stack(|depth| walks(depth, |_| Counts::well(Way::Ready)));
    on_a_small_stack(|depth| walks(depth, |_| Counts::well(Way::Pending)));
    on_a_small_stack(|depth| walks(depth, |_| Counts::well(Way::Conveying)));
}

#[test]
fn ten_thousand_that_wait_and_answer_at_once_by_turns_need_no_more_stack_than_ten() {
    const WAYS: [Way; 4] = [Way::AtOnce, Way::Pending, Way::Ready, Way::Conveying];
    on_a_small_stack(|depth| walks(depth, |at| Counts::well(WAYS[at % 2])));
    on_a_small_stack(|depth| walks(depth, |at| Counts::well(WAYS[at % 4])));
}

/// Each handler fails in its turn; the error that is returned has all the others, and is dropped.
fn fails(depth: usize, way: Way, end: fn(Option<Error>) -> Result<(), BoxError>) {
    let handlers = (0..depth).map(|_| Link::new(Counts::failing(way, end)));
    let fails = Counts {
        stages: Stages::ENTER,
        ..Counts::failing(way, |_| Err("first".into()))
    };
    let chain: Chain<_> = handlers.chain(iter::once(Link::new(fails))).collect();
    let mut cx = Context::new(0);
    let error = drive(chain.run(&mut cx)).unwrap_err();
    assert_eq!(*cx, depth + 1);
    assert_eq!(error.suppressed().count(), depth);
}

#[test]
fn ten_thousand_handlers_that_all_fail_need_no_more_stack_than_ten() {
    for way in [Way::AtOnce, Way::Ready, Way::Pending, Way::Conveying] {
        on_a_small_stack(move |depth| fails(depth, way, |_| Err("next".into())));
    }
}

#[test]
fn ten_thousand_handlers_that_all_panic_need_no_more_stack_than_ten() {
    for way in [Way::AtOnce, Way::Ready, Way::Pending, Way::Conveying] {
        on_a_small_stack(move |depth| fails(depth, way, |_| panic_quietly("next")));
    }
}

#[test]
fn ten_thousand_handlers_that_all_wrap_the_error_they_are_given_need_no_more_stack_than_ten() {
    #[derive(Debug)]
    struct Wrapped(#[expect(dead_code, reason = "held, so that it is dropped")] Option<Error>);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("wrapped")
        }
    }
    impl std::error::Error for Wrapped {}

    for way in [Way::AtOnce, Way::Pending] {
        on_a_small_stack(move |depth| fails(depth, way, |given| Err(Wrapped(given).into())));
    }
}

/// Queues the next of its kind, as many times as are left.
struct Queues {
    left: usize,
    waits: bool,
}

impl Interceptor<usize> for Queues {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE
    }

    fn enter<'a>(&'a self, cx: &'a mut Context<usize>) -> Step<'a, usize> {
        **cx += 1;
        let left = self.left - 1;
        if left > 0 {
            let next = Link::new(Self {
                left,
                waits: self.waits,
            });
            cx.enqueue(next).unwrap();
        }
        if self.waits {
            Step::later(async {
                pending_once().await;
                Ok(())
            })
        } else {
            Step::next()
        }
    }

    fn leave<'a>(&'a self, cx: &'a mut Context<usize>) -> Step<'a, usize> {
        **cx += 1;
        Step::next()
    }
}

#[test]
fn ten_thousand_that_queue_each_other_need_no_more_stack_than_ten() {
    for waits in [false, true] {
        on_a_small_stack(move |left| {
            let mut cx = Context::new(0);
            let chain = Chain::from(Link::new(Queues { left, waits }));
            drive(chain.run(&mut cx)).unwrap();
            assert_eq!(*cx, 2 * left);
        });
    }
}
