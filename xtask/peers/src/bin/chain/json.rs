//! The same figures for programs.

use peristyle_peers::figure as named;
use serde_json::Value;

use crate::table::Row;

/// None for a depth that the peer cannot reach.
pub(crate) fn figures(row: &Row) -> Vec<Value> {
    let Some(figures) = &row.figures else {
        return Vec::new();
    };
    let figure = |what: &str, value: Value, unit: &str| {
        named(&format!("{}/{}/{what}", row.peer, row.depth), value, unit)
    };
    let mut all = Vec::new();
    let per_interceptor = ("per_interceptor", figures.per_interceptor);
    let per_interceptor = (row.depth > 0).then_some(per_interceptor);
    for (what, spread) in [("per_run", figures.per_run)]
        .into_iter()
        .chain(per_interceptor)
    {
        all.push(figure(what, spread.median.into(), "ns"));
        all.push(figure(&format!("{what}/min"), spread.min.into(), "ns"));
        all.push(figure(&format!("{what}/max"), spread.max.into(), "ns"));
    }
    all.push(figure(
        "allocations",
        figures.allocations.into(),
        "allocations/run",
    ));
    for (what, ratio) in [("to_floor", row.to_floor), ("to_axum", row.to_axum)] {
        all.extend(ratio.map(|ratio| figure(what, ratio.into(), "ratio")));
    }
    all
}
