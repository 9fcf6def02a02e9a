//! The cost of an interceptor does not depend on how many there are: counted in instructions, which do not drift as time does.

use std::{
    env,
    io::{self, Write},
    process::Command,
};

use peristyle_core::{Chain, Context, around};

/// Of interceptors. What one costs is asked by doubling each.
const DEPTHS: [u32; 4] = [1, 16, 256, 4096];

/// Says how the child process is to run: `DEPTH RUNS`.
const WORK: &str = "PERISTYLE_FLAT_WORK";

#[test]
fn the_instructions_per_interceptor_are_the_same_at_every_depth_within_a_fifth() {
    if !has_valgrind() {
        return;
    }
    let costs = DEPTHS.map(|depth| (per_run(2 * depth) - per_run(depth)) / f64::from(depth));
    let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
    let most = costs.iter().copied().fold(0.0, f64::max);
    assert!(least > 10.0, "something was counted: {costs:?}");
    assert!(most < 1.2 * least, "instructions at {DEPTHS:?}: {costs:?}");
}

/// Without it the test says so and is skipped, but fails in CI, which must have it.
fn has_valgrind() -> bool {
    let found = Command::new("valgrind").arg("--version").output().is_ok();
    let ci = env::var("CI").as_deref() == Ok("true");
    assert!(found || !ci, "there is no valgrind, and CI must have it");
    if !found {
        let notice = b"\n*** SKIPPED: there is no valgrind ***\n\n";
        io::stderr().write_all(notice).unwrap();
    }
    found
}

/// Without what the process costs that runs the chain.
fn per_run(depth: u32) -> f64 {
    let runs = (2048 / depth).max(1);
    (instructions(depth, runs + 1) - instructions(depth, 1)) / f64::from(runs)
}

fn instructions(depth: u32, runs: u32) -> f64 {
    let child = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", "flat::what_is_counted", "--test-threads=1"])
        .env(WORK, format!("{depth} {runs}"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stderr);
    assert!(child.status.success(), "{said}");
    let counted = said.split("Collected : ").nth(1).unwrap();
    counted.split_whitespace().next().unwrap().parse().unwrap()
}

/// By itself one run of one interceptor.
#[test]
fn what_is_counted() {
    let work = env::var(WORK).unwrap_or_else(|_| "1 1".to_owned());
    let mut numbers = work.split(' ').map(|number| number.parse::<u32>().unwrap());
    let (depth, runs) = (numbers.next().unwrap(), numbers.next().unwrap());
    fn count(cx: &mut Context<u32>) {
        **cx += 1;
    }
    let chain: Chain<_> = (0..depth).map(|_| around(count, count)).collect();
    for _ in 0..runs {
        let mut cx = Context::new(0);
        cx.terminate_when(|cx| **cx == u32::MAX);
        chain.run_now(&mut cx).unwrap();
        assert_eq!(*cx, 2 * depth);
    }
}
