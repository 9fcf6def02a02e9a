//! Deliveries that are measured, and what the server used for them.

use std::time::Duration;

use peristyle_peers::Failure;

use crate::{
    crowd::Crowd,
    reading::Reading,
    site::{Site, Used},
};

/// From its beginning, when nothing is outstanding.
pub(super) struct Stretch {
    start: Duration,
    used: Option<Used>,
}

impl Stretch {
    pub(super) fn begin(site: &Site, crowd: &mut Crowd) -> Result<Self, Failure> {
        crowd.restart()?;
        Ok(Self {
            used: site.used()?,
            start: crowd.clock().now(),
        })
    }

    /// What it took for each of so many deliveries.
    ///
    /// # Errors
    ///
    /// When they were not as many.
    pub(super) fn end(
        self,
        site: &Site,
        crowd: &Crowd,
        expected: usize,
    ) -> Result<Vec<Reading>, Failure> {
        let wall = crowd.clock().since(self.start);
        let now = site.used()?;
        let count = crowd.ledger().deliveries();
        if count != expected as u64 || crowd.ledger().latency().count() != count {
            return Err(format!("{count} deliveries, not {expected}").into());
        }
        let each = micros_each(count);
        let mut readings = Vec::new();
        if let (Some(earlier), Some(later)) = (self.used, now) {
            let (cpu, user) = later.since(earlier);
            readings.push(Reading::new("cpu", "µs/delivery", each(cpu)));
            readings.push(Reading::new("user", "µs/delivery", each(cpu) * user));
        }
        readings.push(Reading::new("wall", "µs/delivery", each(wall)));
        readings.extend(latencies(crowd));
        Ok(readings)
    }
}

/// From when an event was due to its receipt.
pub(super) fn latencies(crowd: &Crowd) -> [Reading; 3] {
    let latency = crowd.ledger().latency();
    [
        Reading::new("p99", "µs", latency.percentile(99.0)),
        Reading::new("p50", "µs", latency.percentile(50.0)),
        Reading::new("longest", "µs", latency.max()),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn micros_each(count: u64) -> impl Fn(Duration) -> f64 {
    move |time| time.as_secs_f64() * 1e6 / count as f64
}
