//! What a feed has done so far.

use peristyle_core::End;

/// What a [`Feed`](super::Feed) has done since it was made, and how far behind its subscribers are.
///
/// Numbers that only grow are counters; take differences of them.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Metrics {
    /// Events that were published; repeats of an idempotency key are not.
    pub published: u64,
    /// Events that subscribers took from the log, before their filters.
    pub delivered: u64,
    /// Bytes of these events, encoded.
    pub delivered_bytes: u64,
    /// Events that left the log.
    pub evicted: u64,
    /// Gaps that subscribers were told of.
    pub gaps: u64,
    /// Subscribers at this moment.
    pub subscribers: usize,
    /// How many events there are after the position of the subscriber that is furthest behind. One
    /// that waits has been through all of them, whatever its topics.
    pub lag: u64,
    pub(super) ends: Ends,
}

impl Metrics {
    /// How many subscribers ended for this reason.
    pub fn ended(&self, why: End) -> u64 {
        let ends = &self.ends.0;
        let known = ends.iter().find(|(end, _)| *end == why);
        known.map_or(0, |(_, count)| *count)
    }
}

/// One for each reason there was.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends(Vec<(End, u64)>);

impl Ends {
    pub(super) fn count(&mut self, why: End) {
        match self.0.iter_mut().find(|(end, _)| *end == why) {
            Some((_, count)) => *count += 1,
            None => self.0.push((why, 1)),
        }
    }
}

/// What only a subscriber's turn at the log can tell.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) delivered: u64,
    pub(super) delivered_bytes: u64,
    pub(super) gaps: u64,
    pub(super) ends: Ends,
}
