//! Shows what became of a simulated fleet: a table of its worlds, and a picture of each.
//!
//! ```text
//! fleet FOLDER    reads `fleet.json`, which `cargo xtask sim fleet` has written there, and writes `fleet-WORLD.svg` beside it
//! ```

#![expect(clippy::print_stdout, reason = "it prints its table")]

use std::{env, fs, iter::repeat, path::PathBuf};

use peristyle_peers::{
    Failure,
    chart::{self, Chart, Lines},
};
use serde::Deserialize;

fn main() -> Result<(), Failure> {
    let mut paths = env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), None) = (paths.next(), paths.next()) else {
        return Err("one folder, with the figures".into());
    };
    let figures = fs::read_to_string(folder.join("fleet.json"))?;
    let fleet: Fleet = serde_json::from_str(&figures)?;
    println!("{}", fleet.table());
    for pair in &fleet.worlds {
        let path = folder.join(format!("fleet-{}.svg", pair.manner));
        fs::write(&path, chart::svg(&pair.charts(fleet.clients))?)?;
        println!("{}", path.display());
    }
    Ok(())
}

#[derive(Deserialize)]
struct Fleet {
    clients: u32,
    seed: u64,
    worlds: Vec<Pair>,
}

/// The same deployment, with what spreads clients and without it.
#[derive(Deserialize)]
struct Pair {
    manner: String,
    spread: World,
    control: World,
}

#[derive(Deserialize)]
struct World {
    connects_per_second: Vec<f64>,
    peak_connects_per_second: u32,
    seconds_until_live_again: Absence,
    streams_lost: u64,
    refused: u64,
    unconnected: u64,
    delivered: u64,
    lost: u64,
    repeated: u64,
    reordered: u64,
    gaps: u64,
}

#[derive(Deserialize)]
struct Absence {
    median: f64,
    p99: f64,
    max: f64,
    percentiles: Vec<f64>,
}

const SPREAD: &str = "spread drains and delays, admission";
const CONTROL: &str = "all at once, one delay for all";

impl Fleet {
    fn table(&self) -> String {
        let heading = format!(
            "{:<9}{:<8} {:>10} {:>8} {:>6} {:>6}  {:>8} {:>8} {:>8}  {:>9} {:>5} {:>8} {:>9} {:>6}",
            "world",
            "spread",
            "connects/s",
            "away s",
            "p99",
            "max",
            "streams",
            "refused",
            "no conn.",
            "delivered",
            "lost",
            "repeated",
            "reordered",
            "gaps"
        );
        let rows = self.worlds.iter().flat_map(|pair| {
            [
                pair.spread.row(&pair.manner, "yes"),
                pair.control.row(&pair.manner, "no"),
            ]
        });
        let rows: Vec<_> = rows.collect();
        let (clients, seed) = (self.clients, self.seed);
        format!(
            "{clients} clients, seed {seed}\n{heading}\n{}",
            rows.join("\n")
        )
    }
}

impl Pair {
    fn charts(&self, clients: u32) -> Vec<Chart> {
        let clients = chart::number(f64::from(clients));
        let what = match self.manner.as_str() {
            "rolling" => "five instances restart one after another",
            "whole" => "a service restarts, with the log in its memory",
            "killed" => "a machine fails, with two of five instances",
            other => other,
        };
        vec![
            self.connects(&format!("{clients} clients: {what}")).into(),
            self.absences().into(),
        ]
    }

    fn connects(&self, title: &str) -> Lines {
        let since = "seconds since the service first went down";
        let worlds = [&self.spread, &self.control];
        let seconds = worlds.map(|world| world.connects_per_second.len());
        let seconds = seconds.into_iter().max().unwrap_or(0);
        Lines::new(title, since, "connects per second")
            .area(SPREAD, self.spread.connects(seconds))
            .line(CONTROL, self.control.connects(seconds))
    }

    fn absences(&self) -> Lines {
        let title = "How long clients are without their streams";
        Lines::new(title, "seconds", "% not live again")
            .area(SPREAD, self.spread.absences())
            .line(CONTROL, self.control.absences())
    }
}

impl World {
    fn connects(&self, seconds: usize) -> Vec<(f64, f64)> {
        let counts = self.connects_per_second.iter().copied().chain(repeat(0.0));
        (0_u32..).map(f64::from).zip(counts).take(seconds).collect()
    }

    fn absences(&self) -> Vec<(f64, f64)> {
        let percentiles = self.seconds_until_live_again.percentiles.iter().copied();
        let away = (0_u32..=100).rev().map(f64::from);
        [(0.0, 100.0)]
            .into_iter()
            .chain(percentiles.zip(away))
            .collect()
    }

    fn row(&self, manner: &str, spread: &str) -> String {
        let absence = &self.seconds_until_live_again;
        format!(
            "{manner:<9}{spread:<8} {:>10} {:>8.1} {:>6.1} {:>6.1}  {:>8} {:>8} {:>8}  {:>9} {:>5} {:>8} {:>9} {:>6}",
            self.peak_connects_per_second,
            absence.median,
            absence.p99,
            absence.max,
            self.streams_lost,
            self.refused,
            self.unconnected,
            self.delivered,
            self.lost,
            self.repeated,
            self.reordered,
            self.gaps,
        )
    }
}
