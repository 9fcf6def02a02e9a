//! The names under which events are published.

use std::{borrow::Borrow, error::Error, fmt, ops::Deref, str::FromStr, sync::Arc};

/// The longest topic, pattern or key, in bytes.
pub(super) const MAX_LEN: usize = 256;

/// What an event is about: a path of segments such as `orders/eu/42`.
///
/// At most 256 bytes; segments are separated by `/`, none is empty, and none has a control
/// character or `*`, which [patterns](super::Topics) use. Clones share the text.
///
/// ```
/// use peristyle_sse::feed::Topic;
///
/// let topic: Topic = "orders/eu/42".parse()?;
/// assert_eq!(topic.as_str(), "orders/eu/42");
/// assert!("orders//42".parse::<Topic>().is_err());
/// # Ok::<(), peristyle_sse::feed::InvalidTopic>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic(Arc<str>);

impl Topic {
    /// The topic with this name.
    ///
    /// # Errors
    ///
    /// When `name` is longer than 256 bytes, or has an empty segment, a control character or `*`.
    pub fn new(name: &str) -> Result<Self, InvalidTopic> {
        check(name)?;
        if name.contains('*') {
            return Err(Kind::Wildcard.into());
        }
        Ok(Self(name.into()))
    }

    /// For what was checked, or is no topic by itself.
    pub(super) fn unchecked(name: &str) -> Self {
        Self(name.into())
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What holds for topics and patterns alike.
pub(super) fn check(name: &str) -> Result<(), InvalidTopic> {
    if name.len() > MAX_LEN {
        return Err(Kind::TooLong.into());
    }
    if name.chars().any(char::is_control) {
        return Err(Kind::Control.into());
    }
    if name.split('/').any(str::is_empty) {
        return Err(Kind::EmptySegment.into());
    }
    Ok(())
}

impl FromStr for Topic {
    type Err = InvalidTopic;

    fn from_str(name: &str) -> Result<Self, InvalidTopic> {
        Self::new(name)
    }
}

impl Deref for Topic {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Topic {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Why a text is no [`Topic`], or texts are no [`Topics`](super::Topics).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidTopic(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    TooLong,
    Control,
    EmptySegment,
    Wildcard,
    TooMany,
}

impl InvalidTopic {
    /// Whether there were too many topics at once, rather than one that is invalid.
    pub fn is_too_many(&self) -> bool {
        self.0 == Kind::TooMany
    }
}

impl From<Kind> for InvalidTopic {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for InvalidTopic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::TooLong => "topic longer than 256 bytes",
            Kind::Control => "control character in a topic",
            Kind::EmptySegment => "empty segment in a topic",
            Kind::Wildcard => "misplaced `*` in a topic",
            Kind::TooMany => "more than 256 topics",
        })
    }
}

impl Error for InvalidTopic {}
