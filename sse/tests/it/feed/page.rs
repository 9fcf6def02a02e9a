//! A feed for clients that ask again and again, promise H19.

use std::time::Duration;

use peristyle_core::{BoxError, Context, Link, before};
use peristyle_sse::{
    Event,
    feed::{Delivering, Delivery, Feed, Follow, Lagged},
};
use tokio::time::Instant;
use tokio_test::{assert_pending, assert_ready, task::spawn};

use super::{at, builder, feed, in_topic, publish, topic};

const WAIT: Duration = Duration::from_secs(25);

fn ids(page: Result<Vec<Delivery>, BoxError>) -> Vec<String> {
    let page = page.expect("no error");
    page.iter()
        .map(Delivery::to_json)
        .map(|json| id(&json))
        .collect()
}

fn id(json: &str) -> String {
    let read: serde_json::Value = serde_json::from_str(json).expect("JSON");
    let only = if read.get("data").is_none() { "?" } else { "" };
    format!("{}{only}", read["id"].as_str().expect("a text"))
}

async fn page(feed: &Feed, follow: Follow, max: usize) -> Vec<String> {
    let deliveries = feed.deliveries(follow).expect("not finished");
    ids(deliveries.page(max, WAIT).await)
}

#[tokio::test(start_paused = true)]
async fn a_page_has_what_there_is_up_to_its_size_and_waits_for_nothing() {
    let feed = feed();
    publish(&feed, 5);
    let began = Instant::now();
    assert_eq!(
        page(&feed, Follow::earliest(), 3).await,
        ["e-1", "e-2", "e-3"]
    );
    assert_eq!(page(&feed, Follow::after(at(3)), 3).await, ["e-4", "e-5"]);
    assert_eq!(page(&feed, Follow::after(at(3)), 1).await, ["e-4"]);
    assert_eq!(began.elapsed(), Duration::ZERO);
    assert_eq!(feed.stats().subscribers, 0);
}

#[tokio::test(start_paused = true)]
async fn a_page_waits_for_the_first_event_of_its_topics() {
    let feed = feed();
    let deliveries = feed.deliveries(Follow::live().topics(topic("a"))).unwrap();
    let mut page = spawn(deliveries.page(3, WAIT));
    assert_pending!(page.poll());
    feed.publish(in_topic("b"));
    assert!(!page.is_woken());
    feed.publish(in_topic("a"));
    assert!(page.is_woken());
    assert_eq!(ids(assert_ready!(page.poll())), ["e-2"]);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_for_whom_nothing_came_has_a_cursor_and_misses_nothing_between_pages() {
    let feed = feed();
    publish(&feed, 2);
    let began = Instant::now();
    assert_eq!(page(&feed, Follow::live(), 3).await, ["e-2?"]);
    assert_eq!(began.elapsed(), WAIT);
    publish(&feed, 1);
    let again = Follow::live().resume(Some("e-2"));
    assert_eq!(page(&feed, again, 3).await, ["e-3"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_chain_holds_when_the_time_is_over_is_not_passed_over() {
    let feed = feed();
    publish(&feed, 2);
    let gate = super::chain::Gate::default();
    let follow = Follow::earliest().on_deliver(Link::new(gate.clone()));
    let deliveries = feed.deliveries(follow).unwrap();
    let mut page = spawn(deliveries.page(3, WAIT));
    assert_pending!(page.poll());
    tokio::time::advance(2 * WAIT).await;
    assert_pending!(page.poll());
    gate.waiting().pop().unwrap().send(()).unwrap();
    assert!(page.is_woken());
    assert_eq!(ids(assert_ready!(page.poll())), ["e-1"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_chain_withholds_moves_the_cursor_of_an_empty_page() {
    let feed = feed();
    publish(&feed, 3);
    let none = before(|cx: &mut Context<Delivering>| cx.withhold());
    let follow = Follow::earliest().on_deliver(none);
    assert_eq!(page(&feed, follow, 3).await, ["e-3?"]);
}

#[tokio::test(start_paused = true)]
async fn a_page_ends_at_the_end_of_the_feed_and_before_an_error() {
    let feed = feed();
    publish(&feed, 1);
    feed.finish(Event::data("bye"));
    assert_eq!(page(&feed, Follow::earliest(), 9).await, ["e-1", "e-2"]);
    let fail = before(
        |cx: &mut Context<Delivering>| match cx.published().cursor() {
            first if first == at(1) => Ok(()),
            _ => Err("no"),
        },
    );
    let follow = |follow: Follow| follow.on_deliver(fail.clone());
    assert_eq!(page(&feed, follow(Follow::earliest()), 9).await, ["e-1"]);
    let failing = feed.deliveries(follow(Follow::after(at(1)))).unwrap();
    assert!(failing.page(9, WAIT).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_passed_by_while_it_waits_is_told_so() {
    let feed = builder().max_events(1).build();
    let deliveries = feed.deliveries(Follow::live()).unwrap();
    let mut page = spawn(deliveries.page(1, WAIT));
    assert_pending!(page.poll());
    publish(&feed, 2);
    let error = assert_ready!(page.poll()).unwrap_err();
    assert!(error.is::<Lagged>());
}
