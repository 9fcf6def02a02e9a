//! What is published.

use std::{error::Error, fmt, sync::Arc};

use super::topic::{MAX_LEN, Topic};
use crate::Event;

/// An event to be published, with what subscribers choose by.
///
/// ```
/// use peristyle_sse::{
///     Event,
///     feed::{Feed, Publish},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let feed = Feed::new();
/// let price = Publish::new(Event::data("1.25")).topic("prices/eu".parse()?).key("apples")?;
/// let cursor = feed.publish(price);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is in the log when it is given to `Feed::publish`"]
pub struct Publish {
    pub(super) event: Event,
    pub(super) topic: Option<Topic>,
    pub(super) keys: Option<Keys>,
    pub(super) last: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) key: Option<Arc<str>>,
    pub(super) idempotency: Option<Arc<str>>,
}

impl Keys {
    pub(super) fn len(&self) -> usize {
        let keys = [&self.key, &self.idempotency];
        keys.into_iter().flatten().map(|key| key.len()).sum()
    }
}

impl Publish {
    /// An event without a topic, which gets to those who follow all topics.
    ///
    /// Its id, if it has one, gives way to its cursor.
    pub const fn new(event: Event) -> Self {
        Self {
            event,
            topic: None,
            keys: None,
            last: false,
        }
    }

    /// What it is about. Default is no topic.
    pub fn topic(mut self, topic: Topic) -> Self {
        self.topic = Some(topic);
        self
    }

    /// What it is the state of: an event takes the place of earlier ones with its key and topic for
    /// those who follow under [`Lag::Latest`](super::Lag::Latest). Default is no key.
    ///
    /// # Errors
    ///
    /// When `key` is longer than 256 bytes.
    pub fn key(mut self, key: &str) -> Result<Self, InvalidKey> {
        self.keys.get_or_insert_default().key = Some(checked(key)?);
        Ok(self)
    }

    /// Makes publishing safe to repeat: while an event with this key is in the log, publishing
    /// gives its cursor and changes nothing. The key holds for all topics of the feed. Default is
    /// no key.
    ///
    /// # Errors
    ///
    /// When `key` is longer than 256 bytes.
    pub fn idempotency_key(mut self, key: &str) -> Result<Self, InvalidKey> {
        self.keys.get_or_insert_default().idempotency = Some(checked(key)?);
        Ok(self)
    }

    /// Marks it as the last of its topic, or of the whole feed if it has none.
    ///
    /// Streams of those who follow nothing but finished topics end after it, and
    /// [`Feed::follow`](super::Feed::follow) tells those who come back that it is
    /// [`Finished`](super::Finished). The last of a feed goes to every subscriber, whatever its
    /// topics. Publishing to the topic, or to the feed, opens it again.
    pub const fn last(mut self) -> Self {
        self.last = true;
        self
    }

    /// The event.
    pub const fn event_ref(&self) -> &Event {
        &self.event
    }

    /// What it is about.
    pub const fn topic_ref(&self) -> Option<&Topic> {
        self.topic.as_ref()
    }

    /// What it is the state of.
    pub fn key_ref(&self) -> Option<&str> {
        self.keys.as_ref()?.key.as_deref()
    }

    /// What makes it safe to repeat.
    pub fn idempotency_key_ref(&self) -> Option<&str> {
        self.keys.as_ref()?.idempotency.as_deref()
    }

    /// Whether it is marked as the last.
    pub const fn is_last(&self) -> bool {
        self.last
    }
}

impl From<Event> for Publish {
    fn from(event: Event) -> Self {
        Self::new(event)
    }
}

fn checked(key: &str) -> Result<Arc<str>, InvalidKey> {
    if key.len() > MAX_LEN {
        return Err(InvalidKey(()));
    }
    Ok(key.into())
}

/// Why a text is no key: it is longer than 256 bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidKey(());

impl fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("key longer than 256 bytes")
    }
}

impl Error for InvalidKey {}
