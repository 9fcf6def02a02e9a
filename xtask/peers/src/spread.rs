//! Several samples of one figure.

/// The median of several samples, with the least and the greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// Of an even number of samples the greater of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// # Panics
    ///
    /// When there is no sample.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self {
            median: samples[samples.len() / 2],
            min: samples[0],
            max: samples[samples.len() - 1],
        }
    }

    /// The same in another unit.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self {
            median: self.median * factor,
            min: self.min * factor,
            max: self.max * factor,
        }
    }

    /// The least and the greatest, with so many digits behind the point.
    pub fn range(self, digits: usize) -> String {
        format!("{:.digits$}..{:.digits$}", self.min, self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "samples are handed on as they are")]
    fn the_median_is_the_one_in_the_middle_by_size() {
        let spread = Spread::of(vec![5.0, -1.0, 3.0]);

        assert_eq!([spread.min, spread.median, spread.max], [-1.0, 3.0, 5.0]);
    }
}
