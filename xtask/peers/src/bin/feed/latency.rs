//! Latencies of deliveries.

use std::time::Duration;

use hdrhistogram::Histogram;
use peristyle_peers::Failure;

/// Of what is recorded, the thousandth part at most is lost.
const DIGITS: u8 = 3;

/// From when an event was due to be published to its receipt by each follower.
///
/// It is counted from when the event was due: one that is published late, because the server was busy with another, has waited
/// for the server too.
#[derive(Debug)]
pub(crate) struct Latency(Histogram<u64>);

impl Latency {
    pub(crate) fn new() -> Result<Self, Failure> {
        Ok(Self(Histogram::new(DIGITS)?))
    }

    pub(crate) fn record(&mut self, latency: Duration) -> Result<(), Failure> {
        self.0.record(u64::try_from(latency.as_nanos())?)?;
        Ok(())
    }

    pub(crate) fn count(&self) -> u64 {
        self.0.len()
    }

    /// Microseconds that so many of a hundred do not exceed.
    pub(crate) fn percentile(&self, percent: f64) -> f64 {
        micros(self.0.value_at_percentile(percent))
    }

    /// The longest, in microseconds.
    pub(crate) fn max(&self) -> f64 {
        micros(self.0.max())
    }
}

#[expect(clippy::cast_precision_loss, reason = "it has three digits")]
fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_a_hundred_is_beyond_the_99th_percentile() {
        let mut latency = Latency::new().unwrap();
        for _ in 0..99 {
            latency.record(Duration::from_micros(10)).unwrap();
        }
        latency.record(Duration::from_secs(1)).unwrap();
        assert_eq!(latency.count(), 100);
        for (percent, expected) in [(50.0, 10.0), (99.0, 10.0), (99.5, 1e6)] {
            let measured = latency.percentile(percent);
            assert!((measured / expected - 1.0).abs() < 0.001, "{measured}");
        }
        assert!((latency.max() / 1e6 - 1.0).abs() < 0.001);
    }
}
