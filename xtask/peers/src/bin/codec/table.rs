//! The table: one row for each codec of each case; and the same figures for programs.

use peristyle_peers::{Spread, spread_figures};
use serde_json::Value;

use crate::measure::Figures;

pub(crate) fn heading() -> String {
    format!(
        "{:<19}  {:<18}  {:>9}  {:>8}  {:<13}  {:>12}  {}",
        "case", "codec", "ns/event", "MB/s", "min..max", "to peristyle", "min..max"
    )
}

pub(crate) fn row(figures: &Figures) -> String {
    let megabytes = figures.throughput.scaled(1e3);
    format!(
        "{:<19}  {:<18}  {:>9.1}  {:>8.0}  {:<13}  {:>12.2}  {}",
        figures.case,
        figures.codec,
        figures.per_event.median,
        megabytes.median,
        megabytes.range(0),
        figures.ratio.median,
        figures.ratio.range(2),
    )
}

pub(crate) fn json(figures: &Figures) -> Vec<Value> {
    let all = [
        ("per_event", figures.per_event, "ns"),
        ("throughput", figures.throughput.scaled(1e9), "bytes/s"),
        ("to_peristyle", figures.ratio, "ratio"),
    ];
    let named = |(what, spread, unit): (&str, Spread, &str)| {
        let name = format!("{}/{}/{what}", figures.case, figures.codec);
        spread_figures(&name, spread, unit)
    };
    all.into_iter().flat_map(named).collect()
}
