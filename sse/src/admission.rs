//! How many streams may begin in a time.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::Unavailable;

/// Lets only so many streams begin in a second: a token bucket, which clones share.
///
/// After a restart all clients come back at once. Those beyond the limit are told to come back
/// later, each at another time, for next to nothing: see [`Unavailable`].
///
/// ```
/// use http::{HeaderMap, Response};
/// use peristyle_sse::Admission;
///
/// fn refused(admission: &Admission, request: &HeaderMap) -> Option<Response<String>> {
///     let refused = admission.admit().err()?;
///     Some(refused.answer(request))
/// }
///
/// let admission = Admission::per_second(100).burst(1);
/// assert!(refused(&admission, &HeaderMap::new()).is_none());
/// assert_eq!(refused(&admission, &HeaderMap::new()).unwrap().status(), 503);
/// ```
#[derive(Clone, Debug)]
pub struct Admission {
    interval: Duration,
    /// How long an empty bucket takes to be full.
    depth: Duration,
    refusal: Unavailable,
    /// When the bucket is full again. `None` before the first.
    full: Arc<Mutex<Option<Instant>>>,
}

impl Admission {
    /// So many in each second, and as many at once.
    ///
    /// # Panics
    ///
    /// When `streams` is 0.
    #[track_caller]
    pub fn per_second(streams: u32) -> Self {
        assert!(streams > 0, "somebody must be let in");
        Self {
            interval: Duration::from_secs(1) / streams,
            depth: Duration::from_secs(1),
            refusal: Unavailable::new(),
            full: Arc::default(),
        }
    }

    /// How many may begin at once when none has for long. Default is as many as in a second.
    ///
    /// # Panics
    ///
    /// When `streams` is 0.
    #[must_use]
    #[track_caller]
    pub fn burst(mut self, streams: u32) -> Self {
        assert!(streams > 0, "somebody must be let in");
        self.depth = self.interval.saturating_mul(streams);
        self
    }

    /// What those beyond the limit are told. Default is [`Unavailable::new`].
    ///
    /// Let its [`spread`](Unavailable::spread) be as long as it takes to let everyone in: ten thousand
    /// clients at a hundred in a second are back after a hundred seconds.
    #[must_use]
    pub fn refusal(mut self, refusal: Unavailable) -> Self {
        self.refusal = refusal;
        self
    }

    /// Lets one in. Who is refused costs no token.
    ///
    /// # Errors
    ///
    /// When there are too many: what to answer with.
    pub fn admit(&self) -> Result<(), Unavailable> {
        if self.take(Instant::now()) {
            Ok(())
        } else {
            Err(self.refusal.clone())
        }
    }

    fn take(&self, now: Instant) -> bool {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let next = full.unwrap_or(now).max(now).checked_add(self.interval);
        let next = next.filter(|next| next.duration_since(now) <= self.depth);
        if next.is_some() {
            *full = next;
        }
        next.is_some()
    }
}
