//! A feed of many topics, each of which somebody in this process follows.

use std::{
    pin::pin,
    task::{Context, Poll, Waker},
    time::Duration,
};

use futures_core::Stream;
use peristyle_peers::Failure;
use peristyle_sse::{
    Event,
    feed::{Cursor, Delivery, Feed, Follow, Publish, Subscription, Topic},
};
use rustix::time::{ClockId, clock_gettime};

use super::{Case, Stand};
use crate::{message, reading::Reading};

const EVENTS: usize = 100_000;
/// Has no divisor in common with the numbers of topics: all of them have their turn, and none its neighbour's.
const STRIDE: usize = 7_919;

pub(super) fn round(_: &Stand<'_>, case: &Case) -> Result<Vec<Reading>, Failure> {
    let mut topics = Topics::followed(case.topics)?;
    let count = case.topics;
    let each_in_turn = |event| event * STRIDE % count;
    // The log is full then.
    topics.publish(each_in_turn)?;
    let one = topics.publish(|_| 0)?;
    let any = topics.publish(each_in_turn)?;
    Ok(vec![
        Reading::new("one", "ns/event", one),
        Reading::new("any", "ns/event", any),
    ])
}

struct Topics {
    feed: Feed,
    followed: Vec<(Topic, Subscription)>,
}

impl Topics {
    fn followed(count: usize) -> Result<Self, Failure> {
        let feed = Feed::new();
        let follow = |number| {
            let topic: Topic = format!("topics/{number}").parse()?;
            let subscription = feed.subscribe(Follow::live().topics(topic.clone()));
            Ok::<_, Failure>((topic, subscription))
        };
        let followed = (0..count).map(follow).collect::<Result<_, _>>()?;
        Ok(Self { feed, followed })
    }

    /// Nanoseconds of CPU time for an event, to the topics of these numbers, that its follower gets.
    fn publish(&mut self, topic: impl Fn(usize) -> usize) -> Result<f64, Failure> {
        let data = String::from_utf8(message::data(0, Duration::ZERO, message::SIZE))?;
        let start = thread_time();
        for number in 0..EVENTS {
            let (topic, subscription) = &mut self.followed[topic(number)];
            let event = Publish::new(Event::data(&data)).topic(topic.clone());
            let cursor = self.feed.publish(event);
            if received(subscription) != Some(cursor) {
                return Err("a follower did not get its event".into());
            }
        }
        Ok(nanos_each(thread_time().saturating_sub(start)))
    }
}

/// The cursor of the next event; the follower then waits for another.
fn received(subscription: &mut Subscription) -> Option<Cursor> {
    let mut waiting = Context::from_waker(Waker::noop());
    let mut subscription = pin!(subscription);
    let next = subscription.as_mut().poll_next(&mut waiting);
    let Poll::Ready(Some(Delivery::Event(event))) = next else {
        return None;
    };
    let waits = subscription.poll_next(&mut waiting).is_pending();
    waits.then(|| event.cursor())
}

/// CPU time of this thread.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).expect("it does not run backwards from zero")
}

#[expect(clippy::cast_precision_loss, reason = "a figure to be read")]
fn nanos_each(time: Duration) -> f64 {
    time.as_nanos() as f64 / EVENTS as f64
}
