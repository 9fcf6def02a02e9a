//! What is known of several worlds, for programs.

use serde_json::{Value, json};

use super::{Pair, record::Account};

pub(super) fn of(pairs: &[Pair], clients: usize, seed: u64) -> String {
    let worlds: Vec<_> = pairs.iter().map(both).collect();
    let figures = json!({"clients": clients, "seed": seed, "worlds": worlds});
    format!("{figures:#}\n")
}

fn both(pair: &Pair) -> Value {
    json!({
        "manner": pair.spread.plan.manner.name(),
        "spread": world(&pair.spread),
        "control": world(&pair.control),
    })
}

fn world(account: &Account) -> Value {
    let (counts, tally) = (&account.counts, account.tally());
    let absences = account.absences();
    let percentile = |part: usize| absences[part * (absences.len() - 1) / 100].as_secs_f64();
    // Enough for a curve.
    let percentiles: Vec<_> = (0..=100).map(percentile).collect();
    json!({
        "connects_per_second": counts.attempts_since(),
        "peak_connects_per_second": account.peak(),
        "seconds_until_live_again": {
            "median": percentile(50),
            "p99": percentile(99),
            "max": percentile(100),
            "percentiles": percentiles,
        },
        "streams_lost": absences.len(),
        "refused": counts.refused,
        "unconnected": counts.unconnected,
        "given_up": counts.given_up,
        "published": account.published,
        "delivered": tally.got,
        "lost": tally.lost,
        "repeated": tally.repeated,
        "reordered": tally.reordered,
        "gaps": tally.gaps,
        "digest": format!("{:016x}", account.digest),
    })
}
