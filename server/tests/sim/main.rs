//! Whole worlds, each from a seed: a server, clients that are good, slow, broken or hostile, and networks that stall and break.
//!
//! Time is tokio's and stands still while anything happens, so that hours pass in milliseconds; what a seed does is the same each
//! time. `cargo xtask sim` runs more of them, or one again.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod http1;
mod http2;
mod laws;
#[expect(dead_code, reason = "other tests use the rest")]
#[path = "../it/lines.rs"]
mod lines;
mod plan;
mod record;
mod responses;
mod service;
mod transport;
mod world;

use std::{
    env,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use crate::plan::Plan;

/// Each takes a dozen milliseconds without optimisation.
const SEEDS: u64 = 1000;
/// One of so many worlds is lived through twice when no number of seeds was asked for.
const TWICE: u64 = 4;

fn variable(name: &str) -> Option<u64> {
    let value = env::var(name).ok()?;
    Some(value.parse().unwrap())
}

/// Whether a world is lived through once more, to see that the same happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Times {
    Once,
    Twice,
}

/// Lives through a world. Returns what was wrong in it, and its trace.
fn run(seed: u64, times: Times) -> (Vec<String>, String) {
    let plan = Plan::of(seed);
    let record = world::live(&plan);
    let mut broken = laws::broken(&plan, &record);
    let trace = record.state().trace.clone();
    if times == Times::Once {
        return (broken, trace);
    }
    let again = world::live(&plan).state().trace.clone();
    if let Some((one, other)) = trace
        .lines()
        .zip(again.lines())
        .find(|(one, other)| one != other)
    {
        broken.push(format!("once `{one}`, then `{other}`"));
    } else if trace.len() != again.len() {
        broken.push("what it does is longer the second time".to_owned());
    }
    (broken, trace)
}

/// The first seed that breaks a law is told with all that happened in its world.
fn check(seed: u64, times: Times) -> Result<(), String> {
    let (broken, trace) = match catch_unwind(AssertUnwindSafe(|| run(seed, times))) {
        Ok((broken, trace)) => (broken, trace),
        Err(_) => (vec!["it panics".to_owned()], String::new()),
    };
    if broken.is_empty() {
        return Ok(());
    }
    let plan = Plan::of(seed);
    let broken = broken.join("\n  ");
    Err(format!(
        "{plan:#?}\n{trace}\nseed {seed}:\n  {broken}\nonce more: cargo xtask sim --seed {seed}"
    ))
}

/// Each has found a bug: a connection that woke itself while it lingered, a request that nobody looked at.
const SEEN: [u64; 2] = [698, 1540];

#[test]
fn seeds_that_found_a_bug_keep_the_laws() {
    for seed in SEEN {
        check(seed, Times::Twice).unwrap_or_else(|failure| panic!("{failure}"));
    }
}

#[test]
fn every_seed_keeps_the_laws() {
    if let Some(seed) = variable("PERISTYLE_SIM_SEED") {
        return check(seed, Times::Twice).unwrap_or_else(|failure| panic!("{failure}"));
    }
    let asked = variable("PERISTYLE_SIM_SEEDS");
    let seeds = asked.unwrap_or(SEEDS);
    let (next, failed) = (AtomicU64::new(0), Mutex::new(None::<(u64, String)>));
    let work = || {
        while failed.lock().unwrap().is_none() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                break;
            }
            let twice = asked.is_some() || seed % TWICE == 0;
            let times = if twice { Times::Twice } else { Times::Once };
            if let Err(failure) = check(seed, times) {
                let mut failed = failed.lock().unwrap();
                if failed.as_ref().is_none_or(|(other, _)| seed < *other) {
                    *failed = Some((seed, failure));
                }
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    if let Some((_, failure)) = failed.into_inner().unwrap() {
        panic!("{failure}");
    }
}
