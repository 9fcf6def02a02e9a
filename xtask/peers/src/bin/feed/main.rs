//! What it costs to publish to many followers, here and elsewhere: servers of event streams beside each other, under the same load.
//!
//! Each server is a process of one thread that serves, on one core; the crowd is this process, on another core: one thread, epoll, and
//! up to 16,000 connections from several addresses of the loopback. The machine must have two cores and `taskset`, and a process may
//! have some 20,000 descriptors (`ulimit -n`). What is published goes to the server over HTTP as well.
//!
//! The servers of a case take turns, each starting anew in each round. Every event is compared byte by byte with the one that is due
//! for its follower, and all are counted, before a figure is printed. Latency is counted from when an event was due. A figure is the
//! median of several rounds, with the least and the greatest; a ratio is to the first server of the case in the same round. nginx with
//! nchan is measured where it is installed (`apt-get install nginx libnginx-mod-nchan`).
//!
//! ```text
//! feed [--peers] [SCENARIO…]       measure these, or all; print tables, write target/bench/feed.json or feed-peers.json,
//!                                  and charts beside it
//!      --rounds N                  default is 5
//!      --followers N               leave out cases with more
//!      --server NAME               measure this one, and others that are named so
//! feed --url URL [--publish URL] [--pid PID] [SCENARIO…]
//!                                  measure a server that is up already; its CPU time if it is known which process it is
//! feed --list                      list the scenarios and the servers
//! feed --serve NAME ROUTES         serve until SIGTERM, or the standard input ends
//! ```

#![expect(clippy::print_stdout, reason = "a bench prints its table")]

mod backlog;
mod clock;
mod crowd;
mod descriptors;
mod latency;
mod ledger;
mod listen;
mod message;
mod nginx;
mod options;
mod picture;
mod publisher;
mod reading;
mod rounds;
mod scenario;
mod server;
mod servers;
mod site;
mod table;
mod target;

use std::env;

use peristyle_peers::Failure;
use rustix::thread::{CpuSet, sched_setaffinity};
use serde_json::Value;

use crate::{options::Options, rounds::Outcome, scenario::SCENARIOS, server::SERVERS, site::CORES};

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["--list"] => {
            list();
            Ok(())
        }
        ["--serve", name, routes] => servers::run(name, routes.parse()?, || 0),
        ref others => measure(&Options::parse(others)?),
    }
}

fn list() {
    println!("scenarios:");
    for scenario in &SCENARIOS {
        println!("  {:<8}  {}", scenario.name, scenario.about);
    }
    let names: Vec<_> = SERVERS.iter().map(|server| server.name).collect();
    println!("servers: {}", names.join(", "));
}

fn measure(options: &Options<'_>) -> Result<(), Failure> {
    let (scenarios, rounds) = (options.scenarios()?, options.rounds()?);
    stay_on_core(CORES[1])?;
    let mut measured = Measured::default();
    for scenario in scenarios {
        println!("{}: {}", scenario.name, scenario.about);
        let cases: Vec<_> = options.cases(scenario).collect();
        descriptors::are_enough(&cases)?;
        let mut charts = Vec::new();
        for case in cases {
            let name = format!("{}/{}", scenario.name, case.name);
            let outcomes = rounds.of(scenario, case);
            measured.note(&name, &outcomes);
            charts.extend(picture::bars(&name, &outcomes));
        }
        println!();
        picture::write(&format!("{}-{}", options.title(), scenario.name), &charts)?;
    }
    measured.write(options.title())
}

/// What all scenarios have shown.
#[derive(Default)]
struct Measured {
    figures: Vec<Value>,
    failed: usize,
}

impl Measured {
    /// Nothing, when no server can be asked for it.
    fn note(&mut self, case: &str, outcomes: &[Outcome]) {
        if outcomes.is_empty() {
            return;
        }
        println!("\n{case}");
        for row in table::rows(outcomes) {
            println!("{row}");
        }
        self.failed += outcomes.iter().filter(|it| it.figures.is_err()).count();
        self.figures.extend(table::json(case, outcomes));
    }

    fn write(&self, title: &str) -> Result<(), Failure> {
        peristyle_peers::write(title, &self.figures)?;
        match self.failed {
            0 => Ok(()),
            failed => Err(format!("{failed} servers failed").into()),
        }
    }
}

/// The server has another.
fn stay_on_core(core: u32) -> Result<(), Failure> {
    let mut cores = CpuSet::new();
    cores.set(usize::try_from(core)?);
    let stay = sched_setaffinity(None, &cores);
    Ok(stay.map_err(|error| format!("the machine has no core {core}: {error}"))?)
}
