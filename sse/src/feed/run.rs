//! One piece of work whose events are followed.

use std::fmt;

use super::{Cursor, Feed, Publish, Topic};
use crate::Event;

/// A piece of work that publishes to a topic of its own, such as a build or the answer of a language
/// model, and says how it ended.
///
/// It belongs into a task that does not end with the request which started it. Viewers follow the
/// topic: they come, leave, and come back in the middle, and the work goes on without them.
///
/// ```
/// use peristyle_sse::{
///     Event,
///     feed::{Feed, Follow, InvalidTopic, Topic},
/// };
///
/// async fn build(feed: Feed, topic: Topic) -> std::io::Result<()> {
///     let run = feed.run(topic);
///     for step in ["fetch", "compile"] {
///         run.publish(Event::data(step));
///         tokio::task::yield_now().await;
///         // Leaving here by `?`, by a panic or by being dropped, the run has failed.
///     }
///     run.finish(Event::data("done"));
///     Ok(())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let feed = Feed::new();
/// let topic: Topic = "builds/7".parse()?;
/// let mut builds = tokio::task::JoinSet::new();
/// builds.spawn(build(feed.clone(), topic.clone()));
///
/// // By each request of a viewer:
/// let stream = feed.follow(Follow::earliest().topics(topic.clone()))?;
///
/// builds.join_next().await.expect("there is one")??;
/// let all = Follow::after(feed.cursor()).topics(topic);
/// assert!(feed.follow(all).is_err(), "to be answered with 204");
/// # Ok(())
/// # }
/// ```
///
/// Its last event is [`finish`](Self::finish)'s, or that of its [failure](Self::on_failure) when it
/// is dropped before. Either ends the streams of those who follow nothing else, and is
/// [`Finished`](super::Finished) for those who come back; so a viewer that sees a stream end without
/// one of the two has only lost its connection.
///
/// A viewer that comes when the feed has forgotten a run's first events is told of a
/// [gap](super::Gap): the bounds of the [feed](super::FeedBuilder) are those of what can be seen
/// again. A log in memory ends with its process, and nothing says of a run that it ended so but a
/// [cursor of another epoch](super::Reason::Epoch). Two runs with one topic at once are mixed up, and the first that ends ends both for their
/// viewers.
#[must_use = "dropping it is its failure"]
pub struct Run {
    feed: Feed,
    topic: Topic,
    failure: Event,
    over: bool,
}

impl Feed {
    /// Begins a piece of work that publishes to this topic. Nothing is published yet.
    ///
    /// A topic of a run that has ended is opened by the first event.
    #[expect(clippy::missing_panics_doc, reason = "the name is a valid one")]
    pub fn run(&self, topic: Topic) -> Run {
        let failure = Event::builder().event("failed").data("");
        Run {
            feed: self.clone(),
            topic,
            failure: failure.build().expect("the name has no line break"),
            over: false,
        }
    }
}

impl Run {
    /// The last event when it is dropped unfinished. Default is an event named `failed` with no
    /// text.
    pub fn on_failure(mut self, event: Event) -> Self {
        self.failure = event;
        self
    }

    /// Publishes an event of the work.
    pub fn publish(&self, event: Event) -> Cursor {
        self.feed.publish(self.in_topic(event))
    }

    /// Publishes the last event of the work: that it went well, or in words why it did not.
    pub fn finish(mut self, last: Event) -> Cursor {
        self.over = true;
        self.feed.publish(self.in_topic(last).last())
    }

    /// What it publishes to.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    fn in_topic(&self, event: Event) -> Publish {
        Publish::new(event).topic(self.topic.clone())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if !self.over {
            let failure = self.in_topic(self.failure.clone());
            self.feed.publish(failure.last());
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run")
            .field("topic", &self.topic)
            .finish_non_exhaustive()
    }
}
