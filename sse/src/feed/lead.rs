//! One subscriber that waits for many.

use std::{
    mem, ptr,
    task::{Context, Poll},
};

use peristyle_core::End;

use super::{
    Following, Lag, Shared,
    memory::{Batch, Place, Same, Turn},
    sync::{Arc, Ordering},
};
use crate::Event;

/// A subscriber for many that have all been given the same, and wait for the same: they are given what it is given.
///
/// A subscription that falls in is not polled, and not woken for events, until it falls out. It goes on by itself then, and whatever
/// is not as usual is its own: gaps and lag, the end of the feed, revoking.
pub(crate) struct Lead {
    shared: Arc<Shared>,
    place: Place,
    /// Where it was before it was given what it has now.
    before: u64,
    /// What its members were given that the log has not counted.
    told: Told,
    /// No member is left of those that were revoked up to this count of revocations.
    revocations: u64,
    /// How many there were when the last news came.
    since_news: Option<u64>,
}

/// What subscriptions must have in common to follow one lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Common {
    feed: usize,
    same: Same,
    lag: Lag,
}

/// What there is for those who follow a lead.
pub(crate) enum News {
    Events(Vec<Event>),
    /// Each has to see for itself.
    Apart,
}

/// How much those who follow a lead were given, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) events: u64,
    /// Of the events, encoded.
    pub(crate) bytes: u64,
}

/// What somebody who falls out has been given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Given {
    /// All that the lead was given.
    All,
    /// All but the last news.
    Before,
}

impl Common {
    /// `None` when it follows what hardly anybody else does.
    pub(crate) fn of(following: &Following) -> Option<Self> {
        let subscription = following.plain()?;
        let place = &subscription.place;
        Some(Self {
            same: subscription.shared.lock().same(place.id)?,
            feed: ptr::from_ref(&*subscription.shared).addr(),
            lag: place.lag,
        })
    }
}

impl Lead {
    /// For who follows the same as this one; `None` when nobody else does.
    pub(crate) fn like(following: &Following) -> Option<Self> {
        let subscription = following.plain()?;
        let shared = Arc::clone(&subscription.shared);
        let revocations = shared.revocations.load(Ordering::Acquire);
        let place = shared.lock().lead(&subscription.place)?;
        Some(Self {
            before: place.position,
            told: Told::default(),
            place,
            shared,
            revocations,
            since_news: None,
        })
    }

    /// Whether it is one from now on: it must wait for what comes after the lead's news.
    pub(crate) fn fall_in(&mut self, following: &Following) -> bool {
        let Some(subscription) = following.plain() else {
            return false;
        };
        let mut log = self.shared.lock();
        log.fall_in(subscription.place.id, &mut self.place)
    }

    /// It goes on by itself. It must be polled: it is woken for nothing before.
    pub(crate) fn fall_out(&mut self, following: &mut Following, given: Given) {
        let subscription = following.subscription();
        let position = match given {
            Given::All => None,
            Given::Before => Some(self.before),
        };
        let mut log = self.shared.lock();
        let waker = log.fall_out(&mut subscription.place, &mut self.place, position);
        let cursor = log.cursor(subscription.place.position);
        drop(log);
        drop(waker);
        subscription.went_on(cursor);
    }

    /// Whether there may be members that were revoked. They have been woken, and must fall out before they are given anything.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.shared.revocations.load(Ordering::Acquire) != self.revocations
    }

    /// Somebody was given so much.
    pub(crate) fn count(&mut self, told: Told) {
        self.told.events += told.events;
        self.told.bytes += told.bytes;
    }

    /// Has the log count what was given.
    pub(crate) fn settle(&mut self) {
        let told = mem::take(&mut self.told);
        self.shared.lock().count(told);
    }

    /// What comes after the last news, once all were given that or have fallen out: those among them, too, of whom there was a doubt.
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<News> {
        if let Some(revocations) = self.since_news.take() {
            self.revocations = revocations;
        }
        let revocations = self.shared.revocations.load(Ordering::Acquire);
        let mut waker = Some(cx.waker().clone());
        let mut batch = Batch::default();
        let mut log = self.shared.lock();
        self.before = log.lead_from(&mut self.place);
        log.count(mem::take(&mut self.told));
        let turn = log.next(&mut self.place, &mut waker, &mut batch);
        log.lead_is_at(&self.place);
        drop(log);
        match turn {
            Turn::Batch => {
                self.since_news = Some(revocations);
                Poll::Ready(News::Events(batch.into_events().collect()))
            }
            Turn::Armed | Turn::Idle => Poll::Pending,
            Turn::Yield => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Turn::Gap(_) | Turn::Revoked | Turn::Finished | Turn::Lagged => {
                self.place.position = self.before;
                Poll::Ready(News::Apart)
            }
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        let mut log = self.shared.lock();
        log.count(self.told);
        let left = log.leave(self.place.id, End::Finished);
        drop(log);
        drop(left);
    }
}

#[cfg(test)]
#[cfg(not(loom))]
mod tests {
    use futures_core::Stream;
    use tokio_test::{assert_pending, task};

    use super::*;
    use crate::{
        Event,
        feed::{Feed, Follow, Publish, Subscription, Topic, Topics},
    };

    fn of(topic: &str, data: &str) -> Publish {
        Publish::new(Event::data(data)).topic(topic.parse().unwrap())
    }

    /// Follows a topic that has others, who read nothing.
    struct Crowd {
        feed: Feed,
        others: Vec<Subscription>,
        following: task::Spawn<Following>,
        lead: Lead,
    }

    impl Crowd {
        /// Of two, with the one that is looked at behind its lead.
        fn of(feed: Feed) -> Self {
            let topic: Topics = "a".parse().unwrap();
            Self::following(feed, Follow::live().topics(topic))
        }

        fn following(feed: Feed, follow: Follow) -> Self {
            let follow = follow.principal("one");
            let others = (0..8).map(|_| feed.subscribe(follow.clone().principal("other")));
            let others = others.collect();
            let following = Following::new(feed.deliveries(follow).unwrap());
            let mut following = task::spawn(following);
            assert_pending!(following.enter(|cx, following| following.poll_next(cx)));
            let mut lead = Lead::like(&following).unwrap();
            assert!(lead.poll(&noop()).is_pending());
            assert!(lead.fall_in(&following));
            Self {
                feed,
                others,
                following,
                lead,
            }
        }

        fn fall_out(&mut self, given: Given) {
            self.lead.fall_out(&mut self.following, given);
        }

        /// What it is given next by itself, `None` at the end.
        fn next(&mut self) -> Poll<Option<String>> {
            let next = self
                .following
                .enter(|cx, following| following.poll_next(cx));
            next.map(|next| next.map(|event| text(event.unwrap())))
        }

        fn lead(&mut self) -> Option<Vec<String>> {
            match self.lead.poll(&noop()) {
                Poll::Ready(News::Events(events)) => Some(events.into_iter().map(text).collect()),
                Poll::Ready(News::Apart) => None,
                Poll::Pending => panic!("there is something to tell"),
            }
        }
    }

    fn text(event: Event) -> String {
        String::from_utf8(event.into_bytes().into()).unwrap()
    }

    fn noop() -> Context<'static> {
        Context::from_waker(std::task::Waker::noop())
    }

    #[test]
    fn one_behind_a_lead_is_present_and_waits_as_the_lead_does() {
        let all = Crowd::following(Feed::new(), Follow::live());
        for mut crowd in [all, Crowd::of(Feed::new())] {
            is_present_and_waits(&mut crowd);
            drop(crowd.lead);
            assert_eq!(crowd.feed.stats().subscribers, 9);
        }
    }

    fn is_present_and_waits(crowd: &mut Crowd) {
        let topic: Topic = "a".parse().unwrap();
        assert_eq!(crowd.feed.presence(&topic).followers(), 9);
        crowd.feed.publish(of("a", "1"));
        assert!(!crowd.following.is_woken());
        assert_eq!(crowd.lead().unwrap().len(), 1);
        crowd.lead.count(Told {
            events: 1,
            bytes: 7,
        });
        crowd.lead.settle();
        let metrics = crowd.feed.metrics();
        assert_eq!((metrics.delivered, metrics.delivered_bytes), (1, 7));
        assert_eq!(crowd.feed.presence(&topic).followers(), 9);
    }

    #[test]
    fn lag_is_that_of_the_lead() {
        let feed = Feed::new();
        let mut crowd = Crowd::of(feed.clone());
        crowd.others.clear();
        assert_eq!(feed.metrics().lag, 0);
        feed.publish(of("b", "passes"));
        assert_eq!(feed.metrics().lag, 0);
        feed.publish(of("a", "1"));
        feed.publish(of("a", "2"));
        assert_eq!(feed.metrics().lag, 2);
        assert_eq!(crowd.lead().unwrap().len(), 2);
        assert_eq!(feed.metrics().lag, 0);
    }

    #[test]
    fn one_goes_on_after_what_it_was_given() {
        for given in [Given::All, Given::Before] {
            let mut crowd = Crowd::of(Feed::new());
            let first = crowd.feed.publish(of("a", "1"));
            assert_eq!(crowd.lead().unwrap(), [format!("id: {first}\ndata: 1\n\n")]);
            let second = crowd.feed.publish(of("a", "2"));
            crowd.fall_out(given);
            if given == Given::Before {
                let expected = Some(format!("id: {first}\ndata: 1\n\n"));
                assert_eq!(crowd.next(), Poll::Ready(expected));
            }
            let expected = Some(format!("id: {second}\ndata: 2\n\n"));
            assert_eq!(crowd.next(), Poll::Ready(expected));
            assert_pending!(crowd.next());
            crowd.feed.publish(of("a", "3"));
            assert!(crowd.following.is_woken());
        }
    }

    #[test]
    fn one_that_fell_out_before_the_lead_looked_goes_on_where_it_fell_in() {
        let mut crowd = Crowd::of(Feed::new());
        let cursor = crowd.feed.publish(of("a", "1"));
        crowd.fall_out(Given::All);
        let expected = Some(format!("id: {cursor}\ndata: 1\n\n"));
        assert_eq!(crowd.next(), Poll::Ready(expected));
        assert_eq!(crowd.lead().unwrap().len(), 1);
    }

    #[test]
    fn what_has_left_the_log_and_nobody_asked_for_is_missed_by_nobody() {
        for published in ["b", "a"] {
            let mut crowd = Crowd::of(Feed::builder().max_events(2).build());
            for _ in 0..5 {
                crowd.feed.publish(of("b", "theirs"));
            }
            let cursor = crowd.feed.publish(of(published, "last"));
            crowd.fall_out(Given::All);
            if published == "b" {
                assert_pending!(crowd.next());
            } else {
                let expected = Some(format!("id: {cursor}\ndata: last\n\n"));
                assert_eq!(crowd.next(), Poll::Ready(expected));
            }
        }
    }

    #[test]
    fn a_lead_that_has_missed_something_leaves_it_to_each_to_say_so() {
        let mut crowd = Crowd::of(Feed::builder().max_events(2).build());
        for number in 0..5 {
            crowd.feed.publish(of("a", &number.to_string()));
        }
        assert_eq!(crowd.lead(), None);
        crowd.fall_out(Given::All);
        assert_eq!(crowd.next(), Poll::Ready(None));
        assert_eq!(crowd.following.end(), End::Lagged);
    }

    #[test]
    fn after_the_last_event_each_ends() {
        let mut crowd = Crowd::of(Feed::new());
        crowd.feed.finish(Event::data("end"));
        assert!(!crowd.following.is_woken());
        assert_eq!(crowd.lead().unwrap().len(), 1);
        assert_eq!(crowd.lead(), None);
        crowd.fall_out(Given::All);
        assert_eq!(crowd.next(), Poll::Ready(None));
        assert_eq!(crowd.following.end(), End::Finished);
    }

    #[test]
    fn one_that_is_revoked_is_woken_and_its_lead_in_doubt() {
        let mut crowd = Crowd::of(Feed::new());
        assert!(!crowd.lead.is_in_doubt());
        assert_eq!(crowd.feed.revoke(|name: &&str| *name == "one"), 1);
        assert!(crowd.following.is_woken() && crowd.lead.is_in_doubt());
        crowd.fall_out(Given::All);
        crowd.feed.publish(of("a", "1"));
        assert_eq!(crowd.next(), Poll::Ready(None));
        assert_eq!(crowd.following.end(), End::Revoked);
    }

    #[test]
    fn who_has_not_all_that_its_lead_has_stays_by_itself() {
        let mut crowd = Crowd::of(Feed::new());
        crowd.fall_out(Given::All);
        assert!(!crowd.lead.fall_in(&crowd.following), "it was not polled");
        assert_pending!(crowd.next());
        crowd.feed.publish(of("a", "1"));
        assert!(!crowd.lead.fall_in(&crowd.following), "it was woken");
        assert!(crowd.next().is_ready());
        assert_pending!(crowd.next());
        assert!(!crowd.lead.fall_in(&crowd.following), "the lead was woken");
        assert_eq!(crowd.lead().unwrap().len(), 1);
        assert!(crowd.lead.fall_in(&crowd.following));
    }

    #[test]
    fn only_those_that_get_the_log_as_it_is_have_something_in_common() {
        let feed = Feed::new();
        let topics: Topics = "a".parse().unwrap();
        let follow = Follow::live().topics(topics);
        let following = |follow: Follow| Following::new(feed.deliveries(follow).unwrap());
        let others: Vec<_> = (0..6).map(|_| feed.subscribe(follow.clone())).collect();
        assert_eq!(
            Common::of(&following(follow.clone())),
            None,
            "it is nearly alone"
        );
        let more = feed.subscribe(follow.clone());
        let plain = Common::of(&following(follow.clone())).unwrap();
        assert_eq!(Common::of(&following(follow.clone())), Some(plain));
        let lag = follow.clone().lag(Lag::Latest);
        assert_ne!(Common::of(&following(lag)), Some(plain));
        for other in [
            follow.clone().filter(|_| true),
            follow.clone().first(Event::data("first")),
            follow.clone().expires_at(tokio::time::Instant::now()),
            follow.clone().topics(Topics::new(["a", "b"]).unwrap()),
            follow.clone().topics(Topics::new(["a/**"]).unwrap()),
            follow.clone().resume(Some("senseless")),
        ] {
            assert_eq!(Common::of(&following(other)), None);
        }
        let elsewhere = Feed::new();
        let there: Vec<_> = (0..8)
            .map(|_| elsewhere.subscribe(follow.clone()))
            .collect();
        let following = Following::new(elsewhere.deliveries(follow).unwrap());
        assert_ne!(Common::of(&following).unwrap(), plain);
        drop((others, more, there));
    }
}
