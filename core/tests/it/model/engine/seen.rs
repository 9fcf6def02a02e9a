//! What can be seen from inside, as events tell it.

use std::error::Error as _;

use peristyle_core::{Closed, Context, Error, ExecutionId, Name, Panicked, WouldWait, binding};

use super::super::event::{Bound, Raised, Refusal, Saw, Source, Told};

binding!(pub(super) static FIRST: u32);
binding!(pub(super) static SECOND: u32);

pub(super) fn saw(cx: &Context<u32>, given: Option<&Error>) -> Saw {
    Saw {
        value: **cx,
        entered: cx.entered().map(number).collect(),
        queue: cx.queue().map(number).collect(),
        given: given.map(told),
        recovered: cx.recovered().map(told),
        bound: bound(),
        named: ["FIRST", "SECOND"].map(|name| cx.bindings().any(|bound| bound == name)),
    }
}

pub(super) fn bound() -> Bound {
    [&FIRST, &SECOND].map(|binding| binding.get().map(|value| *value))
}

pub(super) fn number(name: &Name) -> u32 {
    name.as_str().parse().unwrap()
}

pub(super) fn told(error: &Error) -> Told {
    let suppressed = error.suppressed().map(raised);
    [raised(error)].into_iter().chain(suppressed).collect()
}

fn raised(error: &Error) -> Raised {
    assert_eq!(error.execution(), Some(&ExecutionId::given("model")));
    Raised {
        stage: error.stage().unwrap(),
        name: error.interceptor().unwrap().parse().unwrap(),
        source: source(error),
    }
}

fn source(error: &Error) -> Source {
    let source = error.source().unwrap();
    if let Some(refusal) = source.downcast_ref::<Refusal>() {
        Source::Own(*refusal)
    } else if let Some(panicked) = source.downcast_ref::<Panicked>() {
        Source::Panicked(panicked.message().to_owned())
    } else if source.is::<Closed>() {
        Source::Closed
    } else if source.is::<WouldWait>() {
        Source::WouldWait
    } else {
        Source::Error(Box::new(raised(source.downcast_ref().unwrap())))
    }
}
