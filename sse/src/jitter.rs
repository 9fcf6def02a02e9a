//! Times that differ from stream to stream.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use fastrand::Rng;

/// A time that is drawn anew for each stream, evenly between two bounds, so that many which began
/// together do not go on together.
///
/// A [`Duration`] is one that is the same for all. Clones draw from the same seed: keep one for all
/// streams, and give each a clone.
///
/// ```
/// use std::time::Duration;
///
/// use peristyle_sse::{Drain, Event, EventStream, Jitter};
///
/// # fn stream() -> EventStream<tokio_stream::Iter<std::vec::IntoIter<Result<Event, std::io::Error>>>> {
/// #     EventStream::new(tokio_stream::iter(vec![]))
/// # }
/// let seconds = |from, to| Jitter::between(Duration::from_secs(from), Duration::from_secs(to));
/// let retry = seconds(2, 10);
/// let age = seconds(30 * 60, 40 * 60);
/// let drain = Drain::Spread {
///     after: seconds(0, 20),
///     retry: seconds(1, 5),
/// };
///
/// let stream = stream()
///     .retry(retry.clone())
///     .max_age(age.clone())
///     .on_drain(drain.clone());
/// ```
#[derive(Clone, Debug)]
pub struct Jitter {
    pub(crate) shortest: Duration,
    /// How much longer it may be.
    pub(crate) spread: Duration,
    /// Of the next one. `None` when nothing is drawn.
    seed: Option<Arc<AtomicU64>>,
}

impl Jitter {
    /// From `shortest` to `longest`, which is taken for `shortest` when it is shorter.
    pub fn between(shortest: Duration, longest: Duration) -> Self {
        let spread = longest.saturating_sub(shortest);
        Self::from(shortest)
            .spread(spread)
            .seeded(fastrand::u64(..))
    }

    /// Draws from this seed, for tests: one after another the times are the same in each run.
    /// Default is a seed of its own for each value, which clones share.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(Arc::new(AtomicU64::new(seed)));
        self
    }

    fn spread(mut self, spread: Duration) -> Self {
        self.spread = spread;
        self
    }

    pub(crate) fn draw(&self) -> Duration {
        let Some(seed) = &self.seed else {
            return self.shortest;
        };
        let mut rng = Rng::with_seed(seed.fetch_add(STRIDE, Relaxed));
        let more = self.spread.mul_f64(rng.f64());
        self.shortest.saturating_add(more)
    }
}

/// The golden ratio in 64 bits: the first numbers of seeds that lie next to each other are alike.
const STRIDE: u64 = 0x9E37_79B9_7F4A_7C15;

impl From<Duration> for Jitter {
    fn from(time: Duration) -> Self {
        Self {
            shortest: time,
            spread: Duration::ZERO,
            seed: None,
        }
    }
}
