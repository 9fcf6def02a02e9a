//! The table: one row for each peer at each depth.

use std::fmt;

use peristyle_peers::Spread;

use crate::{
    measure::Figures,
    peer::{AXUM, FLOOR, Peer},
};

pub(crate) struct Row {
    pub(crate) peer: &'static str,
    pub(crate) depth: usize,
    /// `None` for a depth that this peer cannot reach.
    pub(crate) figures: Option<Figures>,
    pub(crate) to_floor: Option<f64>,
    pub(crate) to_axum: Option<f64>,
}

impl Row {
    pub(crate) fn all(depth: usize, measured: &[(&Peer, Option<Figures>)]) -> Vec<Self> {
        let cost = |name| {
            let (_, figures) = measured.iter().find(|(peer, _)| peer.name == name)?;
            figures.map(|figures| figures.per_interceptor)
        };
        let (floor, axum) = (cost(FLOOR), cost(AXUM));
        let row = |(peer, figures): &(&Peer, Option<Figures>)| Self {
            peer: peer.name,
            depth,
            figures: *figures,
            to_floor: figures.and_then(|it| ratio(it.per_interceptor, floor)),
            to_axum: figures.and_then(|it| ratio(it.per_interceptor, axum)),
        };
        measured.iter().map(row).collect()
    }
}

/// `None` without the other, and where what either costs is lost in the noise.
fn ratio(cost: Spread, other: Option<Spread>) -> Option<f64> {
    let other = other?;
    (cost.min > 0.0 && other.min > 0.0).then(|| cost.median / other.median)
}

pub(crate) fn heading() -> String {
    format!(
        "{:>5}  {:<12}  {:>14}  {:<23}  {:>10}  {:>8}  {:>8}",
        "depth", "peer", "ns/interceptor", "min..max", "allocs/run", "to floor", "to axum",
    )
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>5}  {:<12}  ", self.depth, self.peer)?;
        let Some(figures) = &self.figures else {
            return write!(f, "{:>14}", "-");
        };
        let Spread {
            median, min, max, ..
        } = figures.per_interceptor;
        let spread = format!("{min:.2}..{max:.2}");
        let allocations = figures.allocations;
        let (floor, axum) = (shown(self.to_floor), shown(self.to_axum));
        write!(
            f,
            "{median:>14.2}  {spread:<23}  {allocations:>10}  {floor:>8}  {axum:>8}"
        )
    }
}

fn shown(ratio: Option<f64>) -> String {
    match ratio {
        None => "-".to_owned(),
        Some(small) if small < 0.01 => format!("{small:.1e}"),
        Some(ratio) => format!("{ratio:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(min: f64, median: f64, max: f64) -> Spread {
        Spread::of(vec![min, median, max])
    }

    #[test]
    fn a_ratio_is_that_of_the_medians() {
        let (cost, other) = (spread(1.0, 3.0, 9.0), spread(1.0, 2.0, 9.0));

        assert_eq!(ratio(cost, Some(other)), Some(1.5));
    }

    #[test]
    fn there_is_no_ratio_to_noise_or_to_what_was_not_reached() {
        let (cost, noise) = (spread(1.0, 3.0, 9.0), spread(-1.0, 2.0, 9.0));

        assert_eq!(ratio(cost, Some(noise)), None);
        assert_eq!(ratio(noise, Some(cost)), None);
        assert_eq!(ratio(cost, None), None);
    }

    #[test]
    fn a_small_ratio_keeps_its_digits() {
        assert_eq!(shown(Some(12.345)), "12.35");
        assert_eq!(shown(Some(0.000_081)), "8.1e-5");
        assert_eq!(shown(None), "-");
    }
}
