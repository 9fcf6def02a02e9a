//! Instructions that servers take for what is asked of them, the system's own not counted: they can be repeated, and no other
//! process disturbs them.
//!
//! The cases are named `CASE/SERVER`; what each is compared with is the first server of its case.

use crate::{
    Error,
    bench::{
        binary::Binary,
        counter::{Counter, figure},
    },
};

/// Prints a table and writes `target/bench/TITLE-instructions.json`. What is asked for in a run is one of these.
pub(super) fn run(binary: &Binary, what: &str, runs: [u32; 2]) -> Result<(), Error> {
    let counter = Counter::new(binary, runs)?;
    let each = format!("instructions/{what}");
    println!("{:<38}  {each:>20}  {:>8}", "case", "to first");
    let mut figures = Vec::new();
    let mut first = ("", 0.0);
    for name in counter.cases()?.lines() {
        let (case, _) = name
            .split_once('/')
            .ok_or_else(|| Error::unexpected("--cases", name))?;
        let per_run = counter.per_run(name)?;
        if first.0 != case {
            first = (case, per_run);
            println!();
        }
        let ratio = per_run / first.1;
        println!("{name:<38}  {per_run:>20.1}  {ratio:>8.3}");
        let per = format!("per_{what}");
        figures.push(figure(name, &per, per_run, "instructions"));
        figures.push(figure(name, "to_first", ratio, "ratio"));
    }
    counter.write(&figures)
}
