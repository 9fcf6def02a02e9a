//! Instructions per interceptor, as a second figure beside the time: one that can be repeated.
//!
//! The cases are named `KIND/DEPTH`, from depth 0 up.

use crate::{
    Error,
    bench::{
        binary::Binary,
        counter::{Counter, figure},
    },
};

const RUNS: [u32; 2] = [4, 12];

/// Prints a table and writes `target/bench/TITLE-instructions.json`.
pub(super) fn run(binary: &Binary) -> Result<(), Error> {
    let counter = Counter::new(binary, RUNS)?;
    println!(
        "{:<20}  {:>17}  {:>24}",
        "case", "instructions/run", "instructions/interceptor"
    );
    let mut figures = Vec::new();
    let mut empty = 0.0;
    for name in counter.cases()?.lines() {
        let per_run = counter.per_run(name)?;
        figures.push(figure(name, "per_run", per_run, "instructions"));
        print!("{name:<20}  {per_run:>17.1}  ");
        match depth(name) {
            None => return Err(Error::unexpected("--cases", name)),
            Some(0) => {
                empty = per_run;
                println!("{:>24}", "-");
            }
            Some(depth) => {
                let each = (per_run - empty) / f64::from(depth);
                figures.push(figure(name, "per_interceptor", each, "instructions"));
                println!("{each:>24.1}");
            }
        }
    }
    counter.write(&figures)
}

/// The depth of the case `KIND/DEPTH`.
fn depth(case: &str) -> Option<u32> {
    case.rsplit_once('/')?.1.parse().ok()
}
