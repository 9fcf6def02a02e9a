//! Comments that keep a silent connection open.

use std::{error::Error, fmt, time::Duration};

use fastrand::Rng;
use tokio::time::Instant;

/// After how much silence a stream sends a comment, which clients read and drop.
///
/// Proxies close connections on which nothing happens (WHATWG HTML §9.2.7, "Authoring notes"), and
/// writing is how a client that vanished without a word is noticed. Default is 15 seconds.
///
/// Each silence is up to 20 % shorter or longer than the period, so that many streams do not write
/// at the same moment. Every event starts it anew: a busy stream sends no comments.
///
/// A stream has one timer, for whatever it waits for next, in the wheel that all of a tokio runtime
/// share; an event does not touch it.
///
/// ```
/// use std::time::Duration;
///
/// use peristyle_sse::KeepAlive;
///
/// let often = KeepAlive::every(Duration::from_secs(5))?;
/// assert!(KeepAlive::every(Duration::ZERO).is_err());
/// # Ok::<(), peristyle_sse::InvalidKeepAlive>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// `None` when it is off.
    period: Option<Duration>,
    seed: Option<u64>,
}

impl KeepAlive {
    /// No comments, however long the silence.
    pub const OFF: Self = Self::after(None);

    /// A comment after a silence of about `period`.
    ///
    /// # Errors
    ///
    /// When `period` is zero: the stream would send nothing but comments.
    pub fn every(period: Duration) -> Result<Self, InvalidKeepAlive> {
        if period.is_zero() {
            return Err(InvalidKeepAlive(()));
        }
        Ok(Self::after(Some(period)))
    }

    /// Makes the lengths of the silences the same in each run and each stream, for tests. Default
    /// is a seed of its own for each stream.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// For one stream; `None` when it is off.
    pub(crate) fn pulse(self) -> Option<Pulse> {
        let period = self.period?;
        let rng = self.seed.map_or_else(Rng::new, Rng::with_seed);
        Some(Pulse {
            period,
            rng,
            due: Due::Unknown,
        })
    }

    const fn after(period: Option<Duration>) -> Self {
        Self { period, seed: None }
    }
}

impl Default for KeepAlive {
    fn default() -> Self {
        Self::after(Some(Duration::from_secs(15)))
    }
}

/// When the next comment of one stream is due.
#[derive(Debug)]
pub(crate) struct Pulse {
    period: Duration,
    /// What it draws next is the length of this silence.
    rng: Rng,
    due: Due,
}

#[derive(Debug, Clone, Copy)]
enum Due {
    /// The silence begins when the stream has to wait: a busy one need not look at the clock at every event.
    Unknown,
    /// `None` when it is beyond what the clock can tell.
    At(Option<Instant>),
}

impl Pulse {
    /// An event was sent.
    pub(crate) fn put_off(&mut self) {
        self.due = Due::Unknown;
    }

    /// An event was sent then. Returns when the comment is due.
    pub(crate) fn put_off_from(&mut self, at: Instant) -> Option<Instant> {
        let at = at.checked_add(self.silence());
        self.due = Due::At(at);
        at
    }

    /// A comment was sent: the next silence begins.
    pub(crate) fn restart(&mut self) {
        self.rng.u64(..);
        self.put_off_from(Instant::now());
    }

    /// Asked for when there is nothing to send.
    pub(crate) fn due(&mut self) -> Option<Instant> {
        match self.due {
            Due::At(at) => at,
            Due::Unknown => self.put_off_from(Instant::now()),
        }
    }

    fn silence(&self) -> Duration {
        let fifth = self.period / 5;
        let most =
            u64::try_from(fifth.as_nanos()).map_or(u64::MAX, |fifth| fifth.saturating_mul(2));
        let random = Duration::from_nanos(self.rng.clone().u64(..=most));
        self.period.saturating_sub(fifth).saturating_add(random)
    }
}

/// Why [`KeepAlive::every`] refused a period: it is zero.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKeepAlive(());

impl fmt::Display for InvalidKeepAlive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("keep-alive period of zero")
    }
}

impl Error for InvalidKeepAlive {}
