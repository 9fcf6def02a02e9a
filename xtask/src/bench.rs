//! The benchmarks by name. Each prints its own table and writes its own JSON.

use std::ffi::OsString;

use crate::{Error, cargo::cargo, step};

struct Bench {
    name: &'static str,
    package: &'static str,
    about: &'static str,
}

const BENCHES: [Bench; 1] = [Bench {
    name: "chain",
    package: "peristyle-core",
    about: "what an interceptor costs: time and allocations by depth",
}];

pub(crate) fn run(arguments: &[OsString]) -> Result<(), Error> {
    let Some((name, rest)) = arguments.split_first() else {
        list();
        return Ok(());
    };
    let bench = BENCHES
        .iter()
        .find(|bench| name == bench.name)
        .ok_or_else(|| Error::unknown("benchmark", name))?;
    let mut command = cargo();
    command.args(["bench", "--package", bench.package, "--bench", bench.name]);
    if !rest.is_empty() {
        command.arg("--").args(rest);
    }
    step::run(&mut command)
}

fn list() {
    println!("Usage: cargo xtask bench NAME\n\nBenchmarks:");
    for bench in &BENCHES {
        println!("  {}  {}", bench.name, bench.about);
    }
}
