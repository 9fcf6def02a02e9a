//! Instructions that a server takes for a request, the system's own not counted: they can be repeated, and no other process
//! disturbs them.
//!
//! The cases are named `CASE/SERVER`; what each is compared with is the first server of its case.

use crate::{
    Error,
    bench::{
        binary::Binary,
        counter::{Counter, figure},
    },
};

/// Many, since every so many requests the server does something besides.
const RUNS: [u32; 2] = [500, 2500];

pub(super) fn run(binary: &Binary) -> Result<(), Error> {
    compare(binary, RUNS, "request")
}

/// Prints a table of instructions per run, by whatever name, and writes `target/bench/TITLE-instructions.json`.
pub(super) fn compare(binary: &Binary, runs: [u32; 2], run: &str) -> Result<(), Error> {
    let counter = Counter::new(binary, runs)?;
    let per_run = format!("instructions/{run}");
    println!("{:<38}  {per_run:>20}  {:>8}", "case", "to first");
    let mut figures = Vec::new();
    let mut first = ("", 0.0);
    for name in counter.cases()?.lines() {
        let (case, _) = name
            .split_once('/')
            .ok_or_else(|| Error::unexpected("--cases", name))?;
        let instructions = counter.per_run(name)?;
        if first.0 != case {
            first = (case, instructions);
            println!();
        }
        let ratio = instructions / first.1;
        println!("{name:<38}  {instructions:>20.1}  {ratio:>8.3}");
        figures.push(figure(
            name,
            &format!("per_{run}"),
            instructions,
            "instructions",
        ));
        figures.push(figure(name, "to_first", ratio, "ratio"));
    }
    counter.write(&figures)
}
