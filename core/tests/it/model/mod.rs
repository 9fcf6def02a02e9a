//! The engine against a naive twin: the walk as queue and stack, over many random cases, event by event.
//!
//! A [`Case`] is made from a seed: what a host does with one context, and for each stage of each interceptor what it does to
//! the walk, how it answers, and how it ends. [`engine`] runs it, [`twin`] walks the same plan with two lists and
//! recursion, and no futures. To run one case alone, set `PERISTYLE_MODEL_SEED` to its seed.

mod engine;
mod event;
mod plan;
mod twin;

use std::{env, fmt::Write, num::NonZero, thread};

use peristyle_core::Panicked;

use self::{event::Event, plan::Case, twin::Tally};

const WITH_WAITS: u64 = 100_000;
const WITHOUT_WAITS: u64 = 20_000;

/// Each of these must happen at least [`AT_LEAST`] times.
const HAPPENINGS: [&str; 56] = [
    "a binding ends with its run",
    "a callback before the first wait",
    "a callback before the first wait fails",
    "a callback before the first wait panics",
    "a stage of a dropped run panics when it is dropped",
    "a stage panics when it is dropped",
    "a stage sees a binding",
    "a terminator panics",
    "a terminator says yes",
    "absent",
    "an inner run ends well",
    "an inner run fails",
    "an interrupt drops an inner run",
    "an interrupt is due while an error stage waits",
    "an interrupt is removed",
    "an interrupt is replaced",
    "an interrupt of an earlier stage",
    "an interrupt of the host",
    "an interrupt of the stage itself",
    "an interrupt panics",
    "an interrupted stage panics when it is dropped",
    "an observer panics",
    "an observer sees the end of the stage that added it",
    "cancel",
    "cancel panics",
    "conveys",
    "declined",
    "dropped before it was polled",
    "dropped in an inner run",
    "dropped in enter",
    "dropped in error",
    "dropped in leave",
    "enqueued",
    "enqueued next",
    "enqueuing is refused",
    "enter drops its sender",
    "enter fails",
    "enter is broken off",
    "enter panics",
    "error drops its sender",
    "error fails",
    "error is broken off",
    "error panics",
    "handled",
    "leave drops its sender",
    "leave fails",
    "leave is broken off",
    "leave is interrupted",
    "leave panics",
    "raises an error with another inside",
    "ready",
    "skipped",
    "terminated",
    "unbound",
    "waits",
    "would wait",
];
const AT_LEAST: u32 = 100;

#[test]
fn the_engine_walks_every_random_chain_as_the_naive_twin_does() {
    compare_all(WITH_WAITS, true);
}

#[test]
fn the_engine_walks_random_chains_that_never_wait_as_the_naive_twin_does() {
    compare_all(WITHOUT_WAITS, false);
}

#[test]
fn the_random_chains_come_to_everything_that_can_happen() {
    let mut tally = Tally::new();
    for seed in 0..WITH_WAITS / 4 {
        twin::walk(&Case::new(seed, true), &mut tally);
    }
    let missing: Vec<_> = HAPPENINGS
        .into_iter()
        .filter(|what| tally.get(what).is_none_or(|times| *times < AT_LEAST))
        .collect();
    assert!(missing.is_empty(), "too rare: {missing:?} in {tally:?}");
}

/// Small cases come first, and of those that differ the smallest is told of.
fn compare_all(cases: u64, waits: bool) {
    if let Some(seed) = env::var_os("PERISTYLE_MODEL_SEED") {
        let seed = seed.to_str().and_then(|seed| seed.parse().ok());
        return compare(seed.expect("a seed is a number"), waits)
            .unwrap_or_else(|told| panic!("{told}"));
    }
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let differs = |first: usize| {
        let mut seeds = (first as u64..cases).step_by(threads);
        seeds.find_map(|seed| Some((seed, compare(seed, waits).err()?)))
    };
    let smallest = thread::scope(|scope| {
        let all: Vec<_> = (0..threads)
            .map(|first| scope.spawn(move || differs(first)))
            .collect();
        all.into_iter().filter_map(|one| one.join().unwrap()).min()
    });
    if let Some((_, told)) = smallest {
        panic!("{told}");
    }
}

/// `Err` tells how the two differ.
fn compare(seed: u64, waits: bool) -> Result<(), String> {
    let case = Case::new(seed, waits);
    let twin = twin::walk(&case, &mut Tally::new());
    let engine = Panicked::catch(|| engine::walk(&case));
    if engine.as_ref() == Ok(&twin) {
        return Ok(());
    }
    let mut told = format!("seed {seed}, waits {waits}:\n{case}");
    let mut list = |title: &str, events: &[Event]| {
        writeln!(told, "{title}:").unwrap();
        for event in events {
            writeln!(told, "    {event:?}").unwrap();
        }
    };
    match engine {
        Ok(engine) => {
            let same = engine.iter().zip(&twin).take_while(|(a, b)| a == b);
            let same = same.count();
            list("both", &twin[..same]);
            list("then the twin", &twin[same..]);
            list("but the engine", &engine[same..]);
        }
        Err(panicked) => {
            list("the twin", &twin);
            list(&format!("the engine {panicked}"), &[]);
        }
    }
    Err(told)
}
