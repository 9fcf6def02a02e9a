//! The order of a walk: in, back, what a stage queues on the way, and where one turns it around.

use std::{
    io::{self, Write},
    mem,
    sync::{Arc, Mutex, MutexGuard},
};

use peristyle::{
    BoxError, Chain, Context, Ending, Invocation, Link, Name, NotEntering, Observer, around, before,
};

struct Visit {
    path: &'static str,
    steps: u32,
}

/// A line for each stage that has ended, with what is queued then.
#[derive(Default)]
struct Lines(Mutex<Vec<String>>);

impl Lines {
    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.0.lock().expect("pushing a line does not panic")
    }
}

impl Observer<Visit> for Lines {
    fn after(&self, cx: &Context<Visit>, at: &Invocation<'_>, _: &Ending<'_>) {
        let (stage, name) = (at.stage, at.interceptor);
        let queue: Vec<_> = cx.queue().map(Name::as_str).collect();
        self.lock().push(format!("{stage} {name}, then {queue:?}"));
    }
}

/// An interceptor that counts its steps, in and back.
fn column(name: &'static str) -> Link<Visit> {
    around(count, count).named(name)
}

fn count(cx: &mut Context<Visit>) {
    cx.steps += 1;
}

fn guard(cx: &mut Context<Visit>) {
    if cx.path == "/secret" {
        cx.terminate();
    }
}

fn route(cx: &mut Context<Visit>) -> Result<(), NotEntering> {
    cx.enqueue([column("load"), column("show")])?;
    cx.enqueue_next(column("trace"))
}

pub(crate) fn order(path: &'static str) -> Result<Vec<String>, BoxError> {
    let chain = Chain::new([
        column("log"),
        before(guard).named("guard"),
        before(route).named("route"),
        column("stamp"),
    ]);
    let lines = Arc::new(Lines::default());
    let mut cx = Context::new(Visit { path, steps: 0 });
    cx.observe(lines.clone());
    chain.run_now(&mut cx)?;
    let mut lines = mem::take(&mut *lines.lock());
    lines.push(format!("{} steps", cx.steps));
    Ok(lines)
}

fn main() -> Result<(), BoxError> {
    let mut out = io::stdout();
    for path in ["/orders", "/secret"] {
        writeln!(out, "{path}")?;
        for line in order(path)? {
            writeln!(out, "  {line}")?;
        }
    }
    Ok(())
}
