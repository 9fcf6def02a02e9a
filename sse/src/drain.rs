//! What a stream does when its host shuts down.

use std::time::Duration;

use crate::{Event, Jitter};

/// What a stream does when its host asks it to end, through the
/// [`Control`](peristyle_core::Control) of the response.
///
/// However it ends, it ends cleanly between two events: the client takes it for a lost connection,
/// and comes back with the id of the last event (WHATWG HTML §9.2.3, "Processing model").
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Drain {
    /// Ends at once. The default: clients resume elsewhere. Events that were sent into a channel
    /// but not taken from it are dropped.
    #[default]
    EndNow,
    /// Sends this event, then ends as [`EndNow`](Self::EndNow) does.
    Last(Event),
    /// Goes on until the source ends, for what cannot be resumed. The host's own deadline remains.
    Finish,
    /// Goes on until the source ends, but no longer than this.
    FinishWithin(Duration),
    /// Goes on for a time of its own, then tells its client to wait for another before it comes back,
    /// and ends: streams that are drained together end one after another, and their clients come
    /// back so.
    ///
    /// It is told at every end in that time but that of the source, in a `retry:` without an event.
    /// A host drops what has not ended by its own deadline, without a word: let the longest `after`
    /// be shorter than that.
    Spread {
        /// For how long it goes on.
        after: Jitter,
        /// How long its client waits: see [`EventStream::retry`](crate::EventStream::retry).
        retry: Jitter,
    },
}
