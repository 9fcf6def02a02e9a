//! A follower that checks what it gets against the list.

use std::{task::Poll, time::Duration};

use peristyle_core::End;
use peristyle_sse::feed::{
    Cursor, Delivery, Feed, Follow, Gap, Lag, Published, Reason, Subscription,
};
use tokio::time::Instant;
use tokio_test::task::{self, Spawn};

use super::{topics, twin::Twin};

/// How a newcomer starts.
#[derive(Clone, Copy)]
pub(super) enum Start {
    Live,
    Earliest,
    Last(usize),
    Hostile,
}

pub(super) struct Follower {
    names: Option<&'static [&'static str]>,
    lag: Lag,
    access: Access,
    connection: Option<Spawn<Subscription>>,
    /// The last id it got, as a client keeps it.
    id: Option<String>,
    /// It has got everything up to here, or was told.
    position: u64,
    /// It was told to wait, and has not been woken.
    waits: bool,
    /// The gap that it must be told of first.
    gap: Option<(Option<Cursor>, Reason)>,
    revoked: bool,
    expires: Option<Instant>,
}

/// What a follower may have.
#[derive(Clone, Copy)]
pub(super) struct Access {
    pub(super) principal: Option<u32>,
    /// From each time it connects.
    pub(super) life: Option<Duration>,
    /// Events with an odd number of bytes are not for it.
    pub(super) even: bool,
}

impl Follower {
    pub(super) fn new(names: Option<&'static [&'static str]>, lag: Lag, access: Access) -> Self {
        Self {
            names,
            lag,
            access,
            connection: None,
            id: None,
            position: 0,
            waits: false,
            gap: None,
            revoked: false,
            expires: None,
        }
    }

    pub(super) fn is_connected(&self) -> bool {
        self.connection.is_some()
    }

    pub(super) fn disconnect(&mut self) {
        self.connection = None;
    }

    pub(super) fn connect(&mut self, start: Start, twin: &mut Twin, feed: &Feed) {
        let follow = match start {
            Start::Live => Follow::live(),
            Start::Earliest => Follow::earliest(),
            Start::Last(count) => Follow::last(count),
            Start::Hostile => Follow::earliest().resume(Some("hostile")),
        };
        self.open(follow, feed);
        sync(twin, feed);
        self.gap = None;
        self.position = match start {
            Start::Live | Start::Hostile => twin.tip(),
            Start::Earliest => twin.first() - 1,
            Start::Last(count) => twin.before_last(count, self.names, self.lag),
        };
        if matches!(start, Start::Hostile) {
            self.gap = Some((None, Reason::Unknown));
        }
    }

    /// Comes back with the id it has, or as a newcomer.
    pub(super) fn reconnect(&mut self, twin: &mut Twin, feed: &Feed) {
        let Some(id) = self.id.clone() else {
            return self.connect(Start::Live, twin, feed);
        };
        let follow = Follow::live().resume(Some(&id));
        self.open(follow, feed);
        sync(twin, feed);
        let cursor: Cursor = id.parse().expect("a cursor");
        if cursor.epoch() != feed.cursor().epoch() {
            self.position = twin.first() - 1;
            self.gap = Some((Some(cursor), Reason::Epoch));
            return;
        }
        self.position = cursor.offset();
        let lost = self.has_lost(twin, self.position);
        self.gap = lost.then_some((Some(cursor), Reason::Evicted));
    }

    fn open(&mut self, follow: Follow, feed: &Feed) {
        let mut follow = follow.topics(topics(self.names)).lag(self.lag);
        if let Some(principal) = self.access.principal {
            follow = follow.principal(principal);
        }
        if self.access.even {
            follow = follow.filter(|event| event.event().as_bytes().len() % 2 == 0);
        }
        self.expires = self.access.life.map(|life| Instant::now() + life);
        if let Some(at) = self.expires {
            follow = follow.expires_at(at);
        }
        self.connection = Some(task::spawn(feed.subscribe(follow)));
        self.waits = false;
        self.revoked = false;
    }

    /// Whether this revokes it, which it learns at once.
    pub(super) fn revoke(&mut self, principal: u32) -> bool {
        if self.revoked || self.access.principal != Some(principal) {
            return false;
        }
        let Some(connection) = &self.connection else {
            return false;
        };
        assert!(!self.waits || connection.is_woken());
        self.waits = false;
        self.revoked = true;
        true
    }

    /// It is woken when its time is over.
    pub(super) fn check_expired(&mut self) {
        let Some(connection) = self.connection.as_ref().filter(|_| self.waits) else {
            return;
        };
        let expired = self.expires.is_some_and(|at| at <= Instant::now());
        assert_eq!(connection.is_woken(), expired);
        self.waits = !expired;
    }

    /// Why it has to end, whatever there is for it.
    fn must_end(&self) -> Option<End> {
        if self.revoked {
            return Some(End::Revoked);
        }
        let expired = self.expires.is_some_and(|at| at <= Instant::now());
        expired.then_some(End::Expired)
    }

    /// Polls until it has to wait, or is at the end, but at most this often.
    pub(super) fn take(&mut self, twin: &mut Twin, feed: &Feed, times: usize) {
        for _ in 0..times {
            let Some(connection) = &mut self.connection else {
                return;
            };
            let polled = connection.poll_next();
            sync(twin, feed);
            if let Some(why) = self.must_end() {
                assert!(matches!(polled, Poll::Ready(None)), "{polled:?}");
                let end = self.connection.take().and_then(|it| it.end());
                assert_eq!(end, Some(why));
                return;
            }
            match polled {
                Poll::Pending => return self.must_wait(twin),
                Poll::Ready(Some(Delivery::Event(event))) => self.gets(&event, twin),
                Poll::Ready(Some(Delivery::Gap(gap))) => self.misses(gap, twin),
                Poll::Ready(Some(_)) => panic!("neither an event nor a gap"),
                Poll::Ready(None) => return self.is_over(twin),
            }
        }
    }

    fn gets(&mut self, event: &Published, twin: &Twin) {
        assert_eq!(self.gap, None, "an event before the gap");
        let offset = event.cursor().offset();
        assert!(
            offset > self.position,
            "{offset} again after {}",
            self.position
        );
        let text = &twin.event(offset).text;
        assert!(self.is_for(text), "{offset} is not for it");
        assert_eq!(event.event().as_bytes(), text);
        self.must_have_all(offset - 1, twin);
        self.position = offset;
        let id = text.lines().find_map(|line| line.strip_prefix("id: "));
        self.id = id.map(str::to_owned);
    }

    fn misses(&mut self, gap: Gap, twin: &Twin) {
        let (from, reason) = self.gap.take().unwrap_or_else(|| {
            assert_ne!(self.lag, Lag::Resume);
            assert!(self.has_lost(twin, self.position), "a gap of nothing");
            (gap.from, Reason::Lagged)
        });
        assert_eq!((gap.from, gap.reason), (from, reason));
        if reason == Reason::Lagged {
            let from = gap.from.map_or(0, Cursor::offset);
            assert!(from >= self.position);
            self.must_have_all(from, twin);
        }
        let to = gap.to.offset();
        assert!(
            to < twin.first() || to == self.position,
            "more is missing than must be"
        );
        self.position = self.position.max(to);
        self.id = Some(gap.to.to_string());
    }

    fn must_wait(&mut self, twin: &Twin) {
        assert_eq!(self.gap, None);
        self.must_have_all(twin.tip(), twin);
        assert!(
            !twin.is_finished(self.names),
            "it waits for what cannot come"
        );
        self.waits = true;
        self.position = twin.tip();
    }

    fn is_over(&mut self, twin: &Twin) {
        let end = self.connection.take().and_then(|it| it.end());
        match end {
            Some(End::Finished) => {
                self.must_have_all(twin.tip(), twin);
                assert!(twin.is_finished(self.names));
            }
            Some(End::Lagged) => {
                assert_eq!(self.lag, Lag::Resume);
                assert!(
                    self.has_lost(twin, self.position),
                    "it lagged behind nothing"
                );
            }
            end => panic!("{end:?}"),
        }
    }

    /// Nothing that it asked for is between its position and this offset, with it.
    fn must_have_all(&self, offset: u64, twin: &Twin) {
        for missing in self.position + 1..=offset {
            let replaced = self.lag == Lag::Latest && twin.is_replaced(missing);
            let asked = twin.is_asked(missing, self.names);
            let asked = asked && self.is_for(&twin.event(missing).text);
            assert!(!asked || replaced, "{missing} is missing up to {offset}");
        }
    }

    fn is_for(&self, text: &str) -> bool {
        !self.access.even || text.len() % 2 == 0
    }

    /// Whether the log has lost what it asked for after this position; patterns are not known so
    /// well.
    fn has_lost(&self, twin: &Twin, position: u64) -> bool {
        let patterns = self
            .names
            .is_some_and(|names| names.iter().any(|it| it.contains('*')));
        let mut lost = position + 1..twin.first();
        lost.any(|offset| {
            (patterns || twin.is_asked(offset, self.names)) && twin.is_lost(offset, self.lag)
        })
    }

    /// It is woken by what it asked for, and by nothing else, which is then behind it.
    pub(super) fn check_woken(&mut self, twin: &Twin) {
        let Some(connection) = self.connection.as_ref().filter(|_| self.waits) else {
            return;
        };
        let mut new = self.position + 1..=twin.tip();
        let woken = new.find(|offset| twin.is_asked(*offset, self.names));
        assert_eq!(connection.is_woken(), woken.is_some());
        self.waits = woken.is_none();
        self.position = woken.map_or_else(|| twin.tip(), |offset| offset - 1);
    }
}

/// The list learns what the log has let go of for its age.
fn sync(twin: &mut Twin, feed: &Feed) {
    let stats = feed.stats();
    let first = feed.cursor().offset() + 1 - stats.events as u64;
    twin.check_retained(first, stats.bytes);
}
