//! A shared log of events that many clients follow, with nothing lost between them.
//!
//! A [`Feed`] keeps what was published for a while, under numbers that are the ids of the events. A
//! subscriber is a position in it and a choice of topics: it has no queue, no copy of an event, and
//! no task. One that loses its connection comes back with the id of the last event it got, and goes
//! on from there.
//!
//! ```
//! use http::{Request, Response, StatusCode};
//! use peristyle_sse::{
//!     Event, EventBody,
//!     feed::{Feed, Follow, Following, Publish, Topics},
//! };
//!
//! type Events = Response<EventBody<Following>>;
//!
//! /// A client that comes for the first time gets the last ten events, one that comes back those
//! /// after the last that it got.
//! fn orders<B>(feed: &Feed, request: &Request<B>) -> Result<Events, StatusCode> {
//!     let topics: Topics = "orders/eu/**".parse().expect("it is a pattern");
//!     let follow = Follow::last(10).topics(topics);
//!     let follow = follow.resume_request(request.headers(), request.uri());
//!     match feed.follow(follow) {
//!         Ok(stream) => Ok(stream.into_response()),
//!         // The client has it all, and need not come back.
//!         Err(_finished) => Err(StatusCode::NO_CONTENT),
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let feed = Feed::new();
//! let paid = Publish::new(Event::data("paid")).topic("orders/eu/42".parse()?);
//! let cursor = feed.publish(paid);
//!
//! let first = Request::get("/orders").body(())?;
//! assert!(orders(&feed, &first).is_ok());
//! let again = Request::get("/orders").header("last-event-id", cursor.to_string()).body(())?;
//! assert!(orders(&feed, &again).is_ok());
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - *Order*: cursors are given in one order, in which every subscriber gets the events.
//! - *No loss, no repetition*: from a position, a subscriber gets each later event of its topics
//!   once, whether it was in the log before or comes while it follows, and whoever publishes
//!   meanwhile.
//! - *Honest gaps*: where events it asked for are no longer in the log, it is told before it gets
//!   any other; see [`Gap`].
//! - *One end*: a subscriber ends for exactly one [reason](peristyle_core::End), which everyone is told
//!   once.
//! - *Bounds*: the log has three; see [`FeedBuilder`]. A subscriber costs its place, and nobody
//!   waits for it; see [`Lag`] for what happens when it is too slow.
//!
//! A subscriber that has got no event yet has no cursor: coming back, it starts as a newcomer does.
//! [`Follow::first`] gives it a cursor at once.
//!
//! # What else there is
//!
//! A [`Publisher`] publishes through a chain of interceptors, which checks and completes events. A
//! subscriber's own chain, [`Follow::on_deliver`], filters and changes what is sent to it alone.
//! [`Feed::deliveries`] is the feed for other formats than an event stream, with the same cursors:
//! [lines](Deliveries::ndjson) of JSON, [pages](Deliveries::page) for long polling, and whatever else
//! is made of a `Stream`. A [`Run`] publishes what one piece of work has to say, and how it ended.
//!
//! # What it costs
//!
//! Publishing takes one lock, and wakes those whose topics the event has: followers of topics by
//! name are found by it, whatever the number of other topics; those of patterns are each compared
//! with it. A delivery takes the same lock for a moment, and shares the bytes, which were encoded
//! once. An idle subscriber has less than 300 bytes of memory beside its own future.
//!
//! Over plain HTTP/1 on `peristyle-server`, the response to a [`follow`](Feed::follow) writes itself to the
//! socket of its client: one task writes to many, and an event that many wait for is framed once for all of
//! them. A client that waits then takes about 1,000 bytes of memory in all, whatever the number of routes; over
//! TLS and HTTP/2 it has what its connection has.

mod builder;
mod chain;
#[cfg(feature = "conformance")]
pub mod conformance;
mod cursor;
mod deliveries;
mod delivery;
mod encoding;
mod follow;
mod following;
mod gap;
#[cfg_attr(
    not(all(unix, not(loom))),
    expect(dead_code, reason = "for those who write to sockets")
)]
mod lead;
mod log;
mod memory;
mod metrics;
mod peer;
mod publish;
mod run;
#[cfg(all(test, loom))]
#[path = "../../tests/schedules/mod.rs"]
mod schedules;
mod subscription;
mod sync;
mod topic;
mod topics;

use std::{any::Any, fmt, future::Future, sync::PoisonError};

use peristyle_core::End;
use tokio::time::Instant;

#[cfg(all(unix, not(loom)))]
pub(crate) use self::lead::{Common, Given, Lead, News, Told};
pub use self::{
    builder::FeedBuilder,
    chain::{Delivering, Publisher},
    cursor::{Cursor, Epoch, InvalidCursor},
    deliveries::Deliveries,
    delivery::{Delivery, Published},
    encoding::{JsonRecords, Lagged},
    follow::{Finished, Follow, Lag},
    following::Following,
    gap::{Gap, Reason},
    log::{Log, Page},
    metrics::Metrics,
    peer::{Peer, Presence},
    publish::{InvalidKey, Publish},
    run::Run,
    subscription::Subscription,
    topic::{InvalidTopic, Topic},
    topics::Topics,
};
use self::{
    memory::{Id, Place, Prepared, Retention, State},
    peer::{Hooks, Principal},
    sync::{Arc, AtomicU64, Mutex, MutexGuard, Ordering},
};
use crate::{Event, EventStream};

/// A log of events, and a handle on it: clones publish to and follow the same log.
#[derive(Clone)]
pub struct Feed(Arc<Shared>);

impl Feed {
    /// A feed with the default settings; see [`FeedBuilder`].
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// A feed with other settings than the default.
    pub fn builder() -> FeedBuilder {
        FeedBuilder::default()
    }

    /// Puts an event at the end of the log and wakes those who wait for it. Returns its cursor,
    /// which is its id.
    ///
    /// At the level `TRACE` it is an event of `tracing`, with the cursor and how many wakers were
    /// woken: many responses can share one.
    ///
    /// It never waits for a subscriber, and needs none. Whatever the number of publishers, the
    /// order of cursors is the order in which everyone gets the events.
    pub fn publish(&self, publish: impl Into<Publish>) -> Cursor {
        self.0.append(Prepared::new(publish.into()))
    }

    /// Publishes the last event of the feed, which goes to every subscriber whatever its topics,
    /// and ends their streams; see [`Publish::last`].
    pub fn finish(&self, last: Event) -> Cursor {
        self.publish(Publish::new(last).last())
    }

    /// The events for one client, to be sent as a response.
    ///
    /// # Errors
    ///
    /// When the client has got all that there will be, and should not come back: to be answered
    /// with 204.
    pub fn follow(&self, mut follow: Follow) -> Result<EventStream<Following>, Finished> {
        // The stream has a timer.
        let expires = follow.expires.take();
        let following = Following::new(self.deliveries(follow)?);
        let mut stream = EventStream::following(following, Following::end, Following::close);
        #[cfg(all(unix, not(loom)))]
        {
            stream = stream.offering(crate::sockets::offer());
        }
        if let Some(at) = expires {
            stream = stream.end_at(at, End::Expired);
        }
        Ok(stream)
    }

    /// What there is for one client, to be sent in another format than an event stream.
    ///
    /// # Errors
    ///
    /// As [`follow`](Self::follow).
    pub fn deliveries(&self, follow: Follow) -> Result<Deliveries, Finished> {
        let deliveries = Deliveries::new(follow, |follow| Subscription::new(&self.0, follow));
        if deliveries.is_finished() {
            return Err(Finished(()));
        }
        deliveries.join();
        Ok(deliveries)
    }

    /// The events for a follower in this process.
    pub fn subscribe(&self, follow: Follow) -> Subscription {
        let subscription = Subscription::new(&self.0, follow);
        subscription.join();
        subscription
    }

    /// The position of the newest event, or of the next one's place if there was none yet.
    pub fn cursor(&self) -> Cursor {
        let log = self.0.lock();
        log.cursor(log.tip())
    }

    /// The state of things, and a position that is not after it: following after this position,
    /// with the state [first](Follow::first), nothing falls between.
    ///
    /// An event published while the state is looked at may be in it, and comes again.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future drops that of `f`.
    pub async fn snapshot<F, Fut>(&self, f: F) -> (Cursor, Fut::Output)
    where
        F: FnOnce() -> Fut,
        Fut: Future,
    {
        let cursor = self.cursor();
        (cursor, f().await)
    }

    /// Who follows this topic now: by its name, by a pattern, or with all others.
    ///
    /// It looks at each of them while nobody publishes, and at every other that follows by pattern.
    pub fn presence(&self, topic: &Topic) -> Presence {
        self.0.lock().presence(topic)
    }

    /// Ends the subscribers whose principal is a `T` for which `f` is true, with
    /// [`End::Revoked`], and returns how many.
    ///
    /// Once it has returned they are given nothing more; a piece of a response that was given before
    /// may be on its way. Each leaves when it is next polled, for which it is woken, or dropped.
    ///
    /// Who comes afterwards is no concern of it: first see to it that the newcomer is refused, then
    /// revoke. A request that was let in before, and follows after, is caught by neither; give it a
    /// [time](Follow::expires_at), or a [filter](Follow::filter) that looks again.
    ///
    /// ```
    /// use peristyle_sse::feed::{Feed, Follow};
    ///
    /// struct User {
    ///     name: &'static str,
    /// }
    ///
    /// let feed = Feed::new();
    /// let ann = feed.subscribe(Follow::live().principal(User { name: "ann" }));
    /// let bob = feed.subscribe(Follow::live().principal(User { name: "bob" }));
    /// assert_eq!(feed.revoke(|user: &User| user.name == "bob"), 1);
    /// # drop((ann, bob));
    /// ```
    ///
    /// # Panics
    ///
    /// When `f` does; then nobody is revoked. No lock is held while it runs.
    pub fn revoke<T: Any>(&self, f: impl Fn(&T) -> bool) -> usize {
        let mut peers = self.0.lock().principals();
        peers.retain(|(_, principal)| principal.get().is_some_and(&f));
        self.0.revoke(&peers)
    }

    /// How much the log holds, and for how many.
    pub fn stats(&self) -> Stats {
        self.0.lock().stats()
    }

    /// What it has done so far. Looks at each subscriber while nobody publishes.
    pub fn metrics(&self) -> Metrics {
        self.0.lock().metrics()
    }

    fn with(epoch: Epoch, retention: Retention, hooks: Hooks) -> Self {
        let state = Mutex::new(State::new(epoch, retention));
        Self(Arc::new(Shared {
            state,
            hooks,
            revocations: AtomicU64::new(0),
            tip: AtomicU64::new(0),
        }))
    }
}

impl Default for Feed {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Feed")
            .field("cursor", &self.cursor())
            .field("stats", &self.stats())
            .finish()
    }
}

/// How much a [`Feed`] holds at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events in the log.
    pub events: usize,
    /// Their bytes; see [`FeedBuilder::max_bytes`].
    pub bytes: usize,
    /// Topics that are known: those with events in the log, those that are followed by name, and
    /// [quiet](FeedBuilder::max_quiet_topics) ones.
    pub topics: usize,
    /// Subscribers.
    pub subscribers: usize,
}

struct Shared {
    state: Mutex<State>,
    hooks: Hooks,
    /// How often somebody was revoked: who has seen this many is not one of them.
    revocations: AtomicU64,
    /// The offset of the newest event, or of one before it: who is woken for it sees it.
    tip: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, prepared: Prepared) -> Cursor {
        let now = Instant::now();
        let mut log = self.lock();
        let (cursor, wakers) = log.append(prepared, now);
        self.tip.store(log.tip(), Ordering::Release);
        drop(log);
        tracing::trace!(%cursor, woken = wakers.len(), "published an event");
        for waker in wakers {
            waker.wake();
        }
        cursor
    }

    /// Marks them, and returns how many there were.
    fn revoke(&self, revoked: &[(Id, Principal)]) -> usize {
        if revoked.is_empty() {
            return 0;
        }
        let mut log = self.lock();
        let (count, wakers) = log.revoke(revoked);
        // Before it can be seen that anyone is marked.
        self.revocations.fetch_add(1, Ordering::Release);
        drop(log);
        for waker in wakers {
            waker.wake();
        }
        count
    }

    fn enter(&self, follow: Follow) -> Place {
        let now = Instant::now();
        self.lock().enter(follow, now)
    }
}
