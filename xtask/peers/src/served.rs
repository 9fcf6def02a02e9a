//! What servers that take turns were measured to take, and how it is shown.

use std::time::Duration;

use serde_json::Value;

use crate::{Spread, spread_figures};

/// What one server took in one round for one of what it was asked for, in nanoseconds.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    cpu: f64,
    wall: f64,
}

impl Sample {
    /// Of a round in which it was asked for so many.
    pub fn of(cpu: Duration, wall: Duration, count: u32) -> Self {
        let each = |time: Duration| time.as_secs_f64() * 1e9 / f64::from(count);
        Self {
            cpu: each(cpu),
            wall: each(wall),
        }
    }
}

/// What one server was measured to take.
#[derive(Debug)]
pub struct Figures {
    server: &'static str,
    /// Nanoseconds of CPU time, user and system.
    cpu: Spread,
    /// Nanoseconds that passed.
    wall: Spread,
    /// Its CPU time over that of the case's first server in the same round.
    ratio: Spread,
}

impl Figures {
    /// Of all rounds, beside the same rounds of the case's first server.
    pub fn of(server: &'static str, samples: &[Sample], first: &[Sample]) -> Self {
        let spread = |of: fn(&Sample) -> f64| Spread::of(samples.iter().map(of).collect());
        let rounds = samples.iter().zip(first);
        Self {
            server,
            cpu: spread(|sample| sample.cpu),
            wall: spread(|sample| sample.wall),
            ratio: Spread::of(rounds.map(|(own, first)| own.cpu / first.cpu).collect()),
        }
    }

    /// What is over the rows. `each` is short for what a server is asked for.
    pub fn heading(each: &str) -> String {
        let (cpu, wall) = (format!("CPU µs/{each}"), format!("wall µs/{each}"));
        format!(
            "{:<12}  {:<17}  {cpu:>12}  {:<13}  {wall:>13}  {:>8}  {}",
            "case", "server", "min..max", "to first", "min..max"
        )
    }

    /// The row of this server.
    pub fn row(&self, case: &str) -> String {
        let (cpu, wall) = (self.cpu.scaled(1e-3), self.wall.scaled(1e-3).median);
        format!(
            "{case:<12}  {:<17}  {:>12.2}  {:<13}  {wall:>13.2}  {:>8.3}  {}",
            self.server,
            cpu.median,
            cpu.range(2),
            self.ratio.median,
            self.ratio.range(3),
        )
    }

    /// The same for programs.
    pub fn json(&self, case: &str, each: &str) -> Vec<Value> {
        let unit = format!("ns/{each}");
        let name = |what| format!("{case}/{}/{what}", self.server);
        [
            spread_figures(&name("cpu"), self.cpu, &unit),
            spread_figures(&name("wall"), self.wall, &unit),
            spread_figures(&name("to_first"), self.ratio, "ratio"),
        ]
        .concat()
    }
}
