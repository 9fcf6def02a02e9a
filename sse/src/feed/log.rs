//! The seam behind which a log may be kept elsewhere.

use std::{convert::Infallible, future::Future, future::poll_fn};

use peristyle_core::BoxError;

use super::{Cursor, Epoch, Feed, Follow, Publish, Subscription};

/// A log of events that several processes may share: what a [`Feed`] is in memory.
///
/// Events have offsets, which grow in the order in which everyone reads them, and never change. They
/// need not be without gaps. Implementations pass the checks of `feed::conformance` (feature
/// `conformance`).
///
/// A log that loses its connection fails what was asked of it, at any call, and works again later:
/// whoever reads goes on from the position it had. An append that failed may have been made all the
/// same; one with an [idempotency key](Publish::idempotency_key) is safe to repeat.
pub trait Log: Send + Sync {
    /// Why the log cannot be reached.
    type Error: Into<BoxError> + Send;

    /// Which life of the log this is. It changes only when events are gone that had been read, or
    /// offsets start anew.
    ///
    /// # Errors
    ///
    /// When the log cannot be reached.
    fn epoch(&self) -> impl Future<Output = Result<Epoch, Self::Error>> + Send;

    /// Puts an event at the end, and returns where it is, unless the log has an event with its
    /// idempotency key: then nothing changes, and that one's cursor is returned.
    ///
    /// Whoever reads sees it once this has returned, and may before.
    ///
    /// # Errors
    ///
    /// When the log cannot be reached; the event may be in the log all the same.
    ///
    /// # Cancel safety
    ///
    /// If the future is dropped, the event may be in the log or not.
    fn append(&self, publish: Publish) -> impl Future<Output = Result<Cursor, Self::Error>> + Send;

    /// The first events after this offset, at most `limit`. There may be more even if there are
    /// fewer than that, but there are none only at the end of the log.
    ///
    /// # Errors
    ///
    /// When the log cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Reading changes nothing.
    fn read(
        &self,
        after: u64,
        limit: usize,
    ) -> impl Future<Output = Result<Page, Self::Error>> + Send;

    /// Waits until there is an event after this offset, for as long as it takes.
    ///
    /// # Errors
    ///
    /// When the log cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Waiting changes nothing.
    fn tail(&self, after: u64) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// A part of a [`Log`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Page {
    /// The offset of the oldest event in the log, or of the next one if it has none: whoever reads
    /// on from before the one ahead of it may have missed events.
    pub first: u64,
    /// Events with their offsets, in their order.
    pub events: Vec<(u64, Publish)>,
}

impl Page {
    /// These events of a log whose oldest event is at `first`.
    pub fn new(first: u64, events: Vec<(u64, Publish)>) -> Self {
        Self { first, events }
    }

    /// Whether events after this offset may be gone.
    pub fn is_missing(&self, after: u64) -> bool {
        after.saturating_add(1) < self.first
    }
}

/// A feed is the log in memory: nothing in it ever waits but [`tail`](Log::tail).
impl Log for Feed {
    type Error = Infallible;

    async fn epoch(&self) -> Result<Epoch, Infallible> {
        Ok(self.cursor().epoch())
    }

    async fn append(&self, publish: Publish) -> Result<Cursor, Infallible> {
        Ok(self.publish(publish))
    }

    async fn read(&self, after: u64, limit: usize) -> Result<Page, Infallible> {
        Ok(self.0.lock().page(after, limit))
    }

    async fn tail(&self, after: u64) -> Result<(), Infallible> {
        let waits = Subscription::new(&self.0, Follow::live());
        poll_fn(|cx| waits.poll_tip(after, cx)).await;
        Ok(())
    }
}
