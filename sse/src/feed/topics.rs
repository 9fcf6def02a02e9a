//! Which topics a subscriber follows.

use std::str::FromStr;

use super::topic::{self, InvalidTopic, Kind, Topic};

/// The most topics and patterns that one subscriber names.
const MAX_TOPICS: usize = 256;

/// A choice of topics: all, or those that match any of up to 256 names and patterns.
///
/// - `orders/eu/42` is that topic and no other.
/// - `*` in a pattern is one segment: `orders/*/42`.
/// - `**` at its end is any number of segments, none included: `orders/**` is `orders` and all
///   below it. `**` alone is every topic.
///
/// Following names costs what is delivered, whatever else is published. Patterns are compared with
/// the topic of each event as it is published.
///
/// ```
/// use peristyle_sse::feed::Topics;
///
/// let topics = Topics::new(["orders/*/42", "news/**"])?;
/// assert!(topics.contains(&"orders/eu/42".parse()?));
/// assert!(topics.contains(&"news".parse()?));
/// assert!(!topics.contains(&"orders/eu/43".parse()?));
/// # Ok::<(), peristyle_sse::feed::InvalidTopic>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topics(Choice);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    All,
    /// Sorted, without repetitions.
    Exact(Box<[Topic]>),
    Matching(Box<[Pattern]>),
}

impl Topics {
    /// Every event, those without a topic included.
    pub const fn all() -> Self {
        Self(Choice::All)
    }

    /// The topics that match any of these names and patterns; none at all match no topics.
    ///
    /// # Errors
    ///
    /// When there are more than 256, or one of them is no [`Topic`] nor a pattern: `*` must be a
    /// whole segment, and `**` the last.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidTopic> {
        let patterns = names
            .into_iter()
            .take(MAX_TOPICS + 1)
            .map(Pattern::new)
            .collect::<Result<Vec<_>, _>>()?;
        if patterns.len() > MAX_TOPICS {
            return Err(Kind::TooMany.into());
        }
        Ok(Self(Choice::of(patterns)))
    }

    /// Whether events of `topic` are among them.
    pub fn contains(&self, topic: &Topic) -> bool {
        match &self.0 {
            Choice::All => true,
            Choice::Exact(topics) => topics.binary_search(topic).is_ok(),
            Choice::Matching(patterns) => matches_any(patterns, topic),
        }
    }

    pub(super) fn into_choice(self) -> Choice {
        self.0
    }
}

impl Default for Topics {
    /// [`Topics::all`].
    fn default() -> Self {
        Self::all()
    }
}

impl From<Topic> for Topics {
    fn from(topic: Topic) -> Self {
        Self(Choice::Exact(Box::new([topic])))
    }
}

impl FromStr for Topics {
    type Err = InvalidTopic;

    /// One name or pattern.
    fn from_str(name: &str) -> Result<Self, InvalidTopic> {
        Self::new([name])
    }
}

impl Choice {
    fn of(patterns: Vec<Pattern>) -> Self {
        let names: Option<Vec<Topic>> = patterns.iter().map(Pattern::exact).collect();
        match names {
            Some(mut names) => {
                names.sort_unstable();
                names.dedup();
                Self::Exact(names.into())
            }
            None => Self::Matching(patterns.into()),
        }
    }
}

pub(super) fn matches_any(patterns: &[Pattern], topic: &str) -> bool {
    patterns.iter().any(|pattern| pattern.matches(topic))
}

/// A path that may have wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    /// Without the `/**` at the end.
    path: Topic,
    wildcards: bool,
    /// It ended with `**`.
    open: bool,
}

impl Pattern {
    fn new(text: &str) -> Result<Self, InvalidTopic> {
        topic::check(text)?;
        let (path, open) = match text.strip_suffix("**") {
            None => (text, false),
            Some("") => ("", true),
            Some(path) => (path.strip_suffix('/').ok_or(Kind::Wildcard)?, true),
        };
        let misplaced = |segment: &str| segment.contains('*') && segment != "*";
        if path.split('/').any(misplaced) {
            return Err(Kind::Wildcard.into());
        }
        Ok(Self {
            path: Topic::unchecked(path),
            wildcards: path.contains('*'),
            open,
        })
    }

    fn exact(&self) -> Option<Topic> {
        (!self.open && !self.wildcards).then(|| self.path.clone())
    }

    fn matches(&self, topic: &str) -> bool {
        let Some(rest) = self.strip(topic) else {
            return false;
        };
        rest.is_empty() || (self.open && (self.path.is_empty() || rest.starts_with('/')))
    }

    /// What follows the path in the topic, which need not start at a segment.
    fn strip<'t>(&self, topic: &'t str) -> Option<&'t str> {
        if !self.wildcards {
            return topic.strip_prefix(self.path.as_str());
        }
        let mut rest = topic;
        for (number, segment) in self.path.split('/').enumerate() {
            if number > 0 {
                rest = rest.strip_prefix('/')?;
            }
            rest = match segment {
                "*" => &rest[rest.find('/').unwrap_or(rest.len())..],
                name => rest.strip_prefix(name)?,
            };
        }
        Some(rest)
    }
}
