//! The table: one row for each server of each case; and the same figures for programs.

use peristyle_peers::{Spread, figure};
use serde_json::Value;

use crate::measure::Figures;

pub(crate) fn heading() -> String {
    format!(
        "{:<12}  {:<17}  {:>10}  {:<13}  {:>11}  {:>8}  {}",
        "case", "server", "CPU µs/value", "min..max", "wall µs/value", "to first", "min..max"
    )
}

pub(crate) fn row(case: &str, figures: &Figures) -> String {
    let Figures {
        server, cpu, wall, ..
    } = figures;
    let (cpu, wall) = (cpu.scaled(1e-3), wall.scaled(1e-3).median);
    let ratio = figures.ratio;
    format!(
        "{case:<12}  {server:<17}  {:>10.2}  {:<13}  {wall:>11.2}  {:>8.3}  {}",
        cpu.median,
        range(cpu, 2),
        ratio.median,
        range(ratio, 3),
    )
}

fn range(spread: Spread, digits: usize) -> String {
    format!("{:.digits$}..{:.digits$}", spread.min, spread.max)
}

pub(crate) fn json(case: &str, figures: &Figures) -> Vec<Value> {
    let all = [
        ("cpu", figures.cpu, "ns/value"),
        ("wall", figures.wall, "ns/value"),
        ("to_first", figures.ratio, "ratio"),
    ];
    let named = |(what, spread, unit): (&str, Spread, &str)| {
        let name = format!("{case}/{}/{what}", figures.server);
        [
            figure(&name, spread.median, unit),
            figure(&format!("{name}/min"), spread.min, unit),
            figure(&format!("{name}/max"), spread.max, unit),
        ]
    };
    all.into_iter().flat_map(named).collect()
}
