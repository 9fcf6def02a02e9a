//! What a subscriber gets.

use std::sync::Arc;

use super::{Cursor, Gap, Topic, publish::Keys};
use crate::Event;

/// What a [`Subscription`](super::Subscription) or [`Deliveries`](super::Deliveries) give next.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Delivery {
    /// An event.
    Event(Published),
    /// Events may be missing before the next.
    Gap(Gap),
    /// The events after the one before this, up to and with the one at this position, were withheld
    /// by a [chain](super::Follow::on_deliver). A [`Subscription`](super::Subscription) has none.
    Withheld(Cursor),
}

impl Delivery {
    /// What says so in an event stream: the event, the [gap](Gap::to_event), or nothing but an id,
    /// which moves the client's cursor (WHATWG HTML §9.2.6, "dispatch the event").
    #[expect(clippy::missing_panics_doc, reason = "a cursor is always a valid id")]
    pub fn into_event(self) -> Event {
        match self {
            Self::Event(event) => event.into_event(),
            Self::Gap(gap) => gap.to_event(),
            Self::Withheld(cursor) => Event::builder()
                .id(&cursor.to_string())
                .build()
                .expect("a cursor has nothing that is refused"),
        }
    }
}

/// An event of a feed; clones share it.
#[derive(Clone, Debug)]
pub struct Published {
    pub(super) event: Event,
    pub(super) cursor: Cursor,
    pub(super) topic: Option<Topic>,
    pub(super) keys: Option<Arc<Keys>>,
}

impl Published {
    /// The event as it goes over the wire, with its cursor as the id.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event as it goes over the wire, with its cursor as the id.
    pub fn into_event(self) -> Event {
        self.event
    }

    /// Where in the feed it is.
    pub fn cursor(&self) -> Cursor {
        self.cursor
    }

    /// What it is about.
    pub fn topic(&self) -> Option<&Topic> {
        self.topic.as_ref()
    }

    /// What it is the state of; see [`Publish::key`](super::Publish::key).
    pub fn key(&self) -> Option<&str> {
        self.keys.as_ref()?.key.as_deref()
    }
}
