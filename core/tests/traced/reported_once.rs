//! Panics of observers, which are reported once in a process: no other test here has an observer that panics.

use std::{
    fmt::{self, Write as _},
    panic::resume_unwind,
    sync::{Arc, Mutex},
};

use peristyle_core::{Chain, Context, Ending, Error, Invocation, Observer, around, on_error};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

use crate::recorder::told;

/// Keeps the events of level ERROR, one line each.
#[derive(Clone, Default)]
struct Errors(Arc<Mutex<Vec<String>>>);

impl Subscriber for Errors {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::ERROR
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(event.metadata().target().to_owned());
        event.record(&mut line);
        let mut errors = self.0.lock().unwrap();
        errors.push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        unreachable!("there is no span of level ERROR")
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, ", {field}: {value:?}").expect("a text takes all");
    }
}

struct Panics;

impl Observer<u32> for Panics {
    fn before(&self, _: &Context<u32>, _: &Invocation<'_>) {
        resume_unwind(Box::new("no"));
    }

    fn after(&self, _: &Context<u32>, _: &Invocation<'_>, _: &Ending<'_>) {
        resume_unwind(Box::new("no"));
    }

    fn handled(&self, _: &Context<u32>, _: &Invocation<'_>, _: &Error) {
        resume_unwind(Box::new("no"));
    }
}

fn add(cx: &mut Context<u32>) {
    **cx += 1;
}

async fn fail_later(_: &mut Context<u32>) -> Result<(), &'static str> {
    Err("boom")
}

#[test]
fn an_observer_that_always_panics_is_reported_once_and_changes_nothing() {
    let handle = on_error(|cx: &mut Context<u32>, _: Error| **cx += 10);
    let chain = Chain::new([around(add, add), handle, around(fail_later, add)]);
    let errors = Errors::default();
    told(errors.clone(), || {
        for _ in 0..3 {
            let mut cx = Context::new(0);
            cx.observe(Arc::new(Panics));
            cx.observe(Arc::new(Panics));
            assert!(chain.run_now(&mut cx).is_ok());
            assert_eq!(*cx, 12);
        }
    });
    let report = "peristyle_core::observer, \
        message: an observer panicked; later panics of observers are not reported, panicked: panicked: no";
    assert_eq!(*errors.0.lock().unwrap(), [report]);
}
