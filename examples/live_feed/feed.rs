//! What all browsers are sent.

use std::convert::Infallible;

use peristyle::sse::Event;
use tokio::sync::broadcast;
use tokio_stream::{
    Stream, StreamExt,
    wrappers::{BroadcastStream, errors::BroadcastStreamRecvError},
};

/// How many events a browser may fall behind before it loses the oldest.
pub(crate) const KEPT: usize = 256;

/// A broadcast of encoded events. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Feed(broadcast::Sender<Event>);

impl Feed {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(KEPT))
    }

    /// Sends an event to every browser. It never waits; without a browser nobody gets it.
    pub(crate) fn publish(&self, name: &'static str, data: &str) {
        let _: Result<usize, _> = self.0.send(event(name, data));
    }

    /// The events from now on. Where some were lost, a `gap` says how many.
    pub(crate) fn subscribe(&self) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
        BroadcastStream::new(self.0.subscribe()).map(|received| match received {
            Ok(event) => Ok(event),
            Err(BroadcastStreamRecvError::Lagged(lost)) => Ok(event("gap", &lost.to_string())),
        })
    }
}

fn event(name: &'static str, data: &str) -> Event {
    let event = Event::builder().event(name).data(data).build();
    event.expect("a name without line breaks, and data")
}
