//! Settings of a feed.

use std::{sync::Arc, time::Duration};

use peristyle_core::End;

use super::{Epoch, Feed, Peer, memory::Retention, peer::Hooks};

/// Settings of a [`Feed`]: how long events stay in its log, and its epoch.
///
/// All three bounds hold, and whatever is over one of them leaves the log, the oldest first. That
/// happens when something is published, when a subscriber comes, and when one reads: nothing is
/// spawned for it. Besides what is counted, an event takes about 150 bytes.
#[derive(Clone, Debug, Default)]
#[must_use = "a feed is made by `build`"]
pub struct FeedBuilder {
    retention: Retention,
    epoch: Option<Epoch>,
    hooks: Hooks,
}

impl FeedBuilder {
    /// How many events the log keeps at most. Default is 10,000.
    ///
    /// # Panics
    ///
    /// When it is 0.
    #[track_caller]
    pub fn max_events(mut self, events: usize) -> Self {
        assert!(events > 0, "a log keeps at least one event");
        self.retention.max_events = events;
        self
    }

    /// How many bytes the events in the log have at most, encoded, with their topics and keys.
    /// Default is 16 MiB.
    ///
    /// The newest event stays in the log also if it alone is larger.
    pub fn max_bytes(mut self, bytes: usize) -> Self {
        self.retention.max_bytes = bytes;
        self
    }

    /// How old an event in the log becomes at most. Default is 5 minutes.
    pub fn max_age(mut self, age: Duration) -> Self {
        self.retention.max_age = age;
        self
    }

    /// How many topics that have no event in the log, and that nobody follows, are remembered at
    /// most. Default is 10,000.
    ///
    /// Who comes back to a topic by its name is told exactly whether it missed something, and that
    /// the topic is finished, for as long as the topic is remembered. After that a gap is said when
    /// something *may* be missing. A topic takes about 300 bytes.
    pub fn max_quiet_topics(mut self, topics: usize) -> Self {
        self.retention.max_quiet_topics = topics;
        self
    }

    /// The epoch of its cursors. Default is a [random](Epoch::random) one.
    ///
    /// For tests: a log that starts empty, under an epoch that had events, takes the cursors of
    /// that time for its own.
    pub fn epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// Calls `f` with each subscriber that joins, before it gets anything. Given again, it replaces
    /// the function before.
    ///
    /// Whoever is refused with [`Finished`](super::Finished) has not joined. No lock is held: `f`
    /// may use the [feed](Peer::feed). It is called where the subscriber is made, so it must not block. A panic
    /// of it is reported through `tracing`, and changes nothing for the subscriber.
    ///
    /// ```
    /// use peristyle_sse::{Event, feed::{Feed, Follow, Topics}};
    ///
    /// let feed = Feed::builder()
    ///     .on_join(|peer| println!("{:?} joins {:?}", peer.principal::<String>(), peer.topics()))
    ///     .on_leave(|peer, end| println!("{:?} left: {end}", peer.principal::<String>()))
    ///     .build();
    ///
    /// let room: Topics = "rooms/7".parse()?;
    /// let ann = feed.subscribe(Follow::live().topics(room).principal("ann".to_owned()));
    /// let presence = feed.presence(&"rooms/7".parse()?);
    /// assert_eq!(presence.followers(), 1);
    /// assert_eq!(presence.principals::<String>().collect::<Vec<_>>(), ["ann"]);
    /// # Ok::<(), peristyle_sse::feed::InvalidTopic>(())
    /// ```
    pub fn on_join(mut self, f: impl Fn(&Peer) + Send + Sync + 'static) -> Self {
        self.hooks.join = Some(Arc::new(f));
        self
    }

    /// Calls `f` with each subscriber that has joined, once, when it has ended, and why: it is no
    /// longer [present](Feed::presence). Given again, it replaces the function before.
    ///
    /// The reason is the one that [`EventStream::on_end`](crate::EventStream::on_end) is told, or
    /// [`Subscription::end`](super::Subscription::end); one that is dropped before its end is a peer
    /// that left ([`End::PeerLeft`]). Else as [`on_join`](Self::on_join).
    pub fn on_leave(mut self, f: impl Fn(&Peer, End) + Send + Sync + 'static) -> Self {
        self.hooks.leave = Some(Arc::new(f));
        self
    }

    /// The feed.
    pub fn build(self) -> Feed {
        let epoch = self.epoch.unwrap_or_else(Epoch::random);
        Feed::with(epoch, self.retention, self.hooks)
    }
}
