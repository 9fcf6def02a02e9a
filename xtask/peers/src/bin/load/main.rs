//! What a crowd of clients does to a server, and the bounds that hold nevertheless.
//!
//! The server is a process of its own, and so are the clients: each may have some 20,000 descriptors, and needs more than
//! 10,000 (`ulimit -n`). The scenarios are listed in [`scenario::SCENARIOS`].
//!
//! ```text
//! load [NAME…]                   run these scenarios, or all; print a table; fail when a bound is broken
//! load --serve                   serve until SIGTERM
//! load --clients NAME ADDRESS    be the clients of one scenario
//! ```

#![expect(
    clippy::print_stdout,
    reason = "a task prints its table, and processes say lines"
)]

mod drain;
mod honest;
mod scenario;
mod slowloris;
mod target;
mod unread;

use std::env;

use peak_alloc::PeakAlloc;
use peristyle_peers::Failure;

use crate::scenario::{SCENARIOS, Scenario};

/// Counts the live heap of the server, and the most that it ever was.
#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--serve"] => target::run(),
        ["--clients", name, address] => (Scenario::named(name)?.clients)(address.parse()?),
        [] => run(SCENARIOS.iter().collect()),
        ref names => run(chosen(names)?),
    }
}

fn chosen(names: &[&str]) -> Result<Vec<&'static Scenario>, Failure> {
    names.iter().map(|name| Scenario::named(name)).collect()
}

fn run(scenarios: Vec<&Scenario>) -> Result<(), Failure> {
    let mut broken = 0;
    println!("{}", scenario::heading());
    for scenario in scenarios {
        for row in scenario.run()? {
            println!("{row}");
            broken += u32::from(!row.holds);
        }
    }
    match broken {
        0 => Ok(()),
        broken => Err(format!("{broken} bounds are broken").into()),
    }
}
