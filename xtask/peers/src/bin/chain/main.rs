//! What a stage of middleware costs here and elsewhere: CPU time per interceptor and allocations per run, by depth.
//!
//! Each peer takes an [`http::Request`] through `N` interceptors to an endpoint and brings its [`http::Response`] back
//! through them, without a socket and without waiting. The peers are listed in [`peer::PEERS`]. A figure is that of an
//! interceptor's way in and out together: a run at `N` less one at 0, divided by `N`; at 0 it is the run. Each is the median
//! of samples for which the peers take turns, with the least and the greatest. A `-` is a depth out of a peer's reach, or a
//! ratio to what is lost in the noise.
//!
//! ```text
//! chain                          measure all, print a table, write target/bench/chain-peers.json
//! chain --cases                  list the cases, PEER/DEPTH, that are quick enough for callgrind
//! chain --case CASE --runs N     run one case N times and print nothing: for callgrind
//! ```

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod axum_layers;
mod case;
mod exchange;
mod floor;
mod json;
mod measure;
mod peer;
mod peristyle;
mod table;
mod tower_layers;

use std::{env, error::Error, thread};

use crate::{case::Case, table::Row};

/// Layers of services call each other: thousands of them need more than the 8 MiB of a main thread.
const STACK_BYTES: usize = 1 << 30;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let bench = thread::Builder::new().stack_size(STACK_BYTES);
    let bench = bench.spawn(move || run(&arguments).map_err(|error| error.to_string()))?;
    Ok(bench.join().map_err(|_| "a case panicked")??)
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => measure_all(),
        ["--cases"] => {
            list();
            Ok(())
        }
        ["--case", case, "--runs", runs] => run_one(case, runs.parse()?),
        _ => Err("usage: chain [--cases | --case CASE --runs N]".into()),
    }
}

fn measure_all() -> Result<(), Box<dyn Error>> {
    let mut figures = Vec::new();
    println!("{}", table::heading());
    for depth in peer::DEPTHS {
        let rows = Row::all(depth, &measure::at(depth));
        for row in &rows {
            println!("{row}");
        }
        println!();
        figures.extend(rows.iter().flat_map(json::figures));
    }
    Ok(peristyle_peers::write("chain-peers", &figures)?)
}

fn list() {
    for name in case::countable() {
        println!("{name}");
    }
}

fn run_one(case: &str, runs: u32) -> Result<(), Box<dyn Error>> {
    let mut case = Case::named(case).ok_or_else(|| format!("there is no case `{case}`"))?;
    case.verify();
    case.run(runs);
    Ok(())
}
