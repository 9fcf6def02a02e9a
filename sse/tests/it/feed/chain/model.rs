//! Subscribers with chains of their own against the list of what each is to get.

use std::task::Poll;

use fastrand::Rng;
use peristyle_core::{Chain, Context, before};
use peristyle_sse::{
    Event,
    feed::{Cursor, Deliveries, Delivering, Delivery, Feed, Follow},
};
use tokio_test::task::{Spawn, spawn};

use crate::feed::{feed, publish};

/// Waits before some of the events.
async fn wait(cx: &mut Context<Delivering>) {
    for _ in 0..cx.published().cursor().offset() % 3 {
        tokio::task::yield_now().await;
    }
}

/// Lets every `nth` event through, and has something else sent in place of each second of these.
fn chain(nth: u64) -> Chain<Delivering> {
    let choose = before(move |cx: &mut Context<Delivering>| {
        let offset = cx.published().cursor().offset();
        if offset % nth != 0 {
            cx.withhold();
        } else if offset % (2 * nth) == 0 {
            cx.replace(&Event::data("other"));
        }
    });
    Chain::new([before(wait), choose])
}

fn expected(nth: u64, tip: u64) -> Vec<String> {
    let event = |offset| match offset % (2 * nth) {
        0 => format!("id: e-{offset}\ndata: other\n\n"),
        _ => format!("id: e-{offset}\ndata: x\n\n"),
    };
    (1..=tip)
        .filter(|offset| offset % nth == 0)
        .map(event)
        .collect()
}

struct Subscriber {
    nth: u64,
    deliveries: Spawn<Deliveries>,
    cursor: Option<Cursor>,
    got: Vec<String>,
}

impl Subscriber {
    fn new(feed: &Feed, nth: u64) -> Self {
        Self {
            nth,
            deliveries: deliveries(feed, nth, None),
            cursor: None,
            got: Vec::new(),
        }
    }

    /// Whether there was anything to do.
    fn poll(&mut self) -> bool {
        match self.deliveries.poll_next() {
            Poll::Ready(Some(Ok(Delivery::Event(event)))) => {
                self.cursor = Some(event.cursor());
                let bytes = event.event().as_bytes().to_vec();
                self.got.push(String::from_utf8(bytes).expect("text"));
            }
            Poll::Ready(Some(Ok(Delivery::Withheld(cursor)))) => self.cursor = Some(cursor),
            Poll::Pending => return self.deliveries.is_woken(),
            other @ Poll::Ready(_) => panic!("{other:?}"),
        }
        true
    }

    /// Wherever its chain is.
    fn come_back(&mut self, feed: &Feed) {
        self.deliveries = deliveries(feed, self.nth, self.cursor);
    }
}

fn deliveries(feed: &Feed, nth: u64, cursor: Option<Cursor>) -> Spawn<Deliveries> {
    let follow = cursor.map_or_else(Follow::earliest, Follow::after);
    let follow = follow.on_deliver(chain(nth));
    spawn(feed.deliveries(follow).expect("not finished"))
}

#[test]
fn each_subscriber_gets_what_its_chain_makes_of_the_feed_once_and_in_order() {
    for seed in 0..100 {
        let mut random = Rng::with_seed(seed);
        let feed = feed();
        let mut subscribers = [1, 2, 3, 400].map(|nth| Subscriber::new(&feed, nth));
        for _ in 0..200 {
            let subscriber = random.choice(&mut subscribers).expect("there are some");
            match random.u8(0..10) {
                0..3 => publish(&feed, random.usize(0..10)),
                3 => subscriber.come_back(&feed),
                _ => _ = subscriber.poll(),
            }
        }
        for subscriber in &mut subscribers {
            while subscriber.poll() {}
            let expected = expected(subscriber.nth, feed.cursor().offset());
            assert_eq!(subscriber.got, expected, "seed {seed}, {}", subscriber.nth);
        }
    }
}
