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

/// Prints a table and writes `target/bench/TITLE-instructions.json`.
pub(super) fn run(binary: &Binary) -> Result<(), Error> {
    let counter = Counter::new(binary, RUNS)?;
    println!(
        "{:<30}  {:>20}  {:>8}",
        "case", "instructions/request", "to first"
    );
    let mut figures = Vec::new();
    let mut first = ("", 0.0);
    for name in counter.cases()?.lines() {
        let (case, _) = name
            .split_once('/')
            .ok_or_else(|| Error::unexpected("--cases", name))?;
        let per_request = counter.per_run(name)?;
        if first.0 != case {
            first = (case, per_request);
            println!();
        }
        let ratio = per_request / first.1;
        println!("{name:<30}  {per_request:>20.1}  {ratio:>8.3}");
        figures.push(figure(name, "per_request", per_request, "instructions"));
        figures.push(figure(name, "to_first", ratio, "ratio"));
    }
    counter.write(&figures)
}
