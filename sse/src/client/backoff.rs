//! How long to wait before connecting again.

use std::time::Duration;

use fastrand::Rng;

/// The first delay after a failed try where the server asks for none, and what growth starts from.
const FLOOR: Duration = Duration::from_secs(1);

/// The delays between the tries of an [`EventSource`](super::EventSource) to connect.
///
/// The first is the reconnection time of WHATWG HTML §9.2.2, which the server sets with `retry:`;
/// [`first`](Self::first) holds until it does. Each try in a row that comes to nothing doubles the
/// delay, starting from at least a second, up to [`max`](Self::max). A connection that brought an
/// event, or that stayed for longer than the delay before it and for more than a second, starts
/// anew.
///
/// Up to half of each delay is added to it at random, so that the clients of a server that restarts
/// do not come back at the same moment. The standard allows more than the reconnection time, never
/// less.
///
/// ```
/// use std::time::Duration;
///
/// use peristyle_sse::client::Backoff;
///
/// let patient = Backoff::default().max(Duration::from_secs(600));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    max: Duration,
    max_retry: Duration,
    seed: Option<u64>,
}

impl Backoff {
    /// The reconnection time until the server sets one. Default is 3 seconds, which is usual for
    /// browsers.
    #[must_use]
    pub fn first(mut self, delay: Duration) -> Self {
        self.first = delay;
        self
    }

    /// What delays grow to. Default is one minute: a server that is back is found again soon.
    ///
    /// A reconnection time that is longer is kept, and does not grow.
    #[must_use]
    pub fn max(mut self, delay: Duration) -> Self {
        self.max = delay;
        self
    }

    /// The longest that a server can ask for, with `retry:` or `Retry-After`; what is longer is
    /// clamped. Default is one hour: a mistake of the server's is mended without a restart of the
    /// client.
    #[must_use]
    pub fn max_retry(mut self, delay: Duration) -> Self {
        self.max_retry = delay;
        self
    }

    /// Makes the random part of the delays the same in each run, for tests. Default is a seed of its
    /// own for each source.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    pub(super) fn delays(self) -> Delays {
        Delays {
            backoff: self,
            rng: self.seed.map_or_else(Rng::new, Rng::with_seed),
            failures: 0,
            last: Duration::ZERO,
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            first: Duration::from_secs(3),
            max: Duration::from_secs(60),
            max_retry: Duration::from_secs(3600),
            seed: None,
        }
    }
}

/// What the server asks for.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wish {
    /// The `retry:` of its streams, which sets the reconnection time.
    pub(super) retry: Option<Duration>,
    /// The `Retry-After` of one response, which holds once.
    pub(super) retry_after: Option<Duration>,
}

/// The delays of one source.
#[derive(Debug)]
pub(super) struct Delays {
    backoff: Backoff,
    rng: Rng,
    /// The tries in a row that came to nothing.
    failures: u32,
    last: Duration,
}

impl Delays {
    /// A connection brought an event.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    /// A connection that brought no event was open for so long.
    pub(super) fn stayed(&mut self, time: Duration) {
        if time > self.last.max(FLOOR) {
            self.reset();
        }
    }

    /// The delay before the next try.
    pub(super) fn next(&mut self, wish: Wish) -> Duration {
        let clamp = |delay: Duration| delay.min(self.backoff.max_retry);
        let base = wish.retry.map_or(self.backoff.first, clamp);
        let asked = wish.retry_after.map_or(Duration::ZERO, clamp);
        let delay = self.grown(base).max(asked);
        self.failures = self.failures.saturating_add(1);
        self.last = delay.saturating_add((delay / 2).mul_f64(self.rng.f64()));
        self.last
    }

    fn grown(&self, base: Duration) -> Duration {
        let Some(doublings) = self.failures.checked_sub(1) else {
            return base;
        };
        let start = base.saturating_mul(2).max(FLOOR);
        let factor = 1_u32.checked_shl(doublings).unwrap_or(u32::MAX);
        start.saturating_mul(factor).min(self.backoff.max).max(base)
    }
}
