//! Where a subscriber starts, what it asks for, and what happens when it is slow.

use std::{any::Any, error::Error, fmt, future::Future, sync::Arc};

use http::{HeaderMap, Uri};
use peristyle_core::{BoxError, BoxFuture, Chain};
use tokio::time::Instant;

use super::{Cursor, Delivering, Gap, Published, Topics, peer::Principal};
use crate::{Event, LastEventId};

/// How a subscriber follows a [`Feed`](super::Feed).
///
/// ```
/// use peristyle_sse::feed::{Follow, Lag, Topics};
///
/// # fn follow(last_event_id: Option<&str>) -> Result<Follow, peristyle_sse::feed::InvalidTopic> {
/// let follow = Follow::last(10)
///     .resume(last_event_id)
///     .topics(Topics::new(["orders/eu/**"])?)
///     .lag(Lag::Gap);
/// # Ok(follow)
/// # }
/// ```
#[derive(Clone)]
#[must_use = "it is for `Feed::follow` or `Feed::subscribe`"]
pub struct Follow {
    pub(super) start: Start,
    pub(super) topics: Topics,
    pub(super) lag: Lag,
    pub(super) first: Option<Event>,
    pub(super) on_gap: Option<OnGap>,
    pub(super) on_deliver: Option<Chain<Delivering>>,
    pub(super) principal: Option<Principal>,
    pub(super) filter: Option<Filter>,
    pub(super) expires: Option<Instant>,
}

/// What takes the place of a gap.
pub(super) type OnGap =
    Arc<dyn Fn(Gap) -> BoxFuture<'static, Result<Event, BoxError>> + Send + Sync>;

/// Which events are given out.
pub(super) type Filter = Arc<dyn Fn(&Published) -> bool + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub(super) enum Start {
    Live,
    Earliest,
    Last(usize),
    Since(Instant),
    After(Cursor),
    /// A client had a cursor that is none.
    Unknown,
}

impl Follow {
    /// What is published from now on.
    pub fn live() -> Self {
        Self::starting(Start::Live)
    }

    /// All that the log has, and what is published from now on.
    pub fn earliest() -> Self {
        Self::starting(Start::Earliest)
    }

    /// The last `count` events in the log of the topics that are followed, and what is published
    /// from now on.
    ///
    /// With patterns, the log is searched for them, from its end.
    pub fn last(count: usize) -> Self {
        Self::starting(Start::Last(count))
    }

    /// What was published at this time or later. What is in the log no longer is a [`Gap`].
    pub fn since(time: Instant) -> Self {
        Self::starting(Start::Since(time))
    }

    /// What was published after this position. What is in the log no longer is a [`Gap`].
    pub fn after(cursor: Cursor) -> Self {
        Self::starting(Start::After(cursor))
    }

    /// For a client that comes back with the id of the last event it got: starts after it instead.
    /// `None` changes nothing.
    ///
    /// An id that is no cursor of this log is a [`Gap`] for an unknown reason; one of another
    /// epoch, a gap followed by all that is in the log.
    pub fn resume(self, last_event_id: Option<&str>) -> Self {
        // An empty id is one that was reset (WHATWG HTML §9.2.6).
        match last_event_id.filter(|id| !id.is_empty()) {
            Some(id) => self.resuming(id.parse().ok()),
            None => self,
        }
    }

    /// For the client of this request: starts after the event that it says it got last, by its
    /// header or its query; see [`LastEventId`]. As [`resume`](Self::resume), but that it also tells
    /// a client which says something that [makes no sense](LastEventId#what-makes-no-sense) from one
    /// that says nothing: it comes back, and is told of a [`Gap`] for an unknown reason.
    ///
    /// ```
    /// use http::Request;
    /// use peristyle_sse::feed::Follow;
    ///
    /// fn follow<B>(request: &Request<B>) -> Follow {
    ///     Follow::last(10).resume_request(request.headers(), request.uri())
    /// }
    /// ```
    pub fn resume_request(self, headers: &HeaderMap, uri: &Uri) -> Self {
        match LastEventId::of(headers, uri) {
            Some(last) => self.resuming(last.as_str().and_then(|id| id.parse().ok())),
            None => self,
        }
    }

    /// Which topics. Default is all.
    pub fn topics(mut self, topics: impl Into<Topics>) -> Self {
        self.topics = topics.into();
        self
    }

    /// What happens when the subscriber is too slow. Default is [`Lag::Resume`].
    pub fn lag(mut self, lag: Lag) -> Self {
        self.lag = lag;
        self
    }

    /// Sends this event before any other, with the position at which the subscriber starts as its
    /// id, unless a [`resume`](Self::resume) or [`resume_request`](Self::resume_request) after this
    /// finds that it comes back. Default is none.
    ///
    /// For the state at that position: see [`Feed::snapshot`](super::Feed::snapshot).
    pub fn first(mut self, event: Event) -> Self {
        self.first = Some(event);
        self
    }

    /// Who it is, in a type of the program's own: a user's name, a session, an `Arc` of either. Default
    /// is nobody.
    ///
    /// It is there for [`Feed::revoke`](super::Feed::revoke) and
    /// [`Feed::presence`](super::Feed::presence), and for those who are told of who
    /// [joins](super::FeedBuilder::on_join) and leaves. Clones of this share it.
    pub fn principal(mut self, principal: impl Any + Send + Sync) -> Self {
        self.principal = Some(Principal::new(principal));
        self
    }

    /// Ends the subscriber at this time, with [`End::Expired`](peristyle_core::End::Expired): when
    /// its access token does, for instance. Default is never. Given again, it replaces the time before.
    ///
    /// At that time and later it is given nothing, also of what was waiting for it. A subscriber in
    /// this process then needs a tokio runtime with time enabled.
    pub fn expires_at(mut self, time: Instant) -> Self {
        self.expires = Some(time);
        self
    }

    /// Gives out the events for which `f` is true, and passes over the others: those of the log and
    /// those that come alike. Default is all. Given again, it replaces the function before.
    ///
    /// `f` is asked when the subscriber reads, once for each event, where the subscriber is polled:
    /// it must not block. No lock is held, and no publisher meets it. A panic of it ends the
    /// subscriber with [`End::Failed`](peristyle_core::End::Failed), and a stream with an error.
    ///
    /// The log knows nothing of it: the subscriber is woken by events of its topics that `f` may
    /// pass over, [`last`](Self::last) and [`Lag::Latest`] count them, and one of them that is gone
    /// is a gap, since nobody can tell any more.
    pub fn filter(mut self, f: impl Fn(&Published) -> bool + Send + Sync + 'static) -> Self {
        self.filter = Some(Arc::new(f));
        self
    }

    /// Sends the event that `f` makes in place of a gap: the state of things, after which nothing
    /// is missing. For [`Feed::follow`](super::Feed::follow) and
    /// [`Feed::deliveries`](super::Feed::deliveries) only.
    ///
    /// The position is taken before `f` is called, and is the [`to`](Gap::to) of its gap: what is
    /// published meanwhile follows. An error ends the stream with it.
    pub fn on_gap<F, Fut, E>(mut self, f: F) -> Self
    where
        F: Fn(Gap) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Event, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        self.on_gap = Some(Arc::new(move |gap| {
            let event = f(gap);
            Box::pin(async move { event.await.map_err(Into::into) })
        }));
        self
    }

    /// `None` is a cursor that is none.
    fn resuming(mut self, cursor: Option<Cursor>) -> Self {
        self.start = cursor.map_or(Start::Unknown, Start::After);
        self.first = None;
        self
    }

    fn starting(start: Start) -> Self {
        Self {
            start,
            topics: Topics::all(),
            lag: Lag::default(),
            first: None,
            on_gap: None,
            on_deliver: None,
            principal: None,
            filter: None,
            expires: None,
        }
    }
}

impl fmt::Debug for Follow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Follow")
            .field("start", &self.start)
            .field("topics", &self.topics)
            .field("lag", &self.lag)
            .finish_non_exhaustive()
    }
}

/// What happens to a subscriber so slow that the log does not keep what it has yet to get.
///
/// Whatever it is, nobody waits for the subscriber and nothing is kept for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Lag {
    /// Its stream ends, so that the client comes back and is told of the gap. The default.
    #[default]
    Resume,
    /// It is told of the gap, and goes on with the oldest event in the log.
    Gap,
    /// It gets of the events with one topic and key only the newest, whenever more than one is
    /// waiting: for values of which only the last one matters. What is replaced before it was sent
    /// is no gap; what is evicted without being replaced is one, as with [`Gap`](Self::Gap).
    Latest,
}

/// The subscriber has got all that there will be: to be answered with 204, after which an
/// `EventSource` does not come back (WHATWG HTML §9.2.3, "Processing model").
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished(pub(super) ());

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the feed or its topics are finished")
    }
}

impl Error for Finished {}
