//! The way out.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    task::Poll,
};

use futures_core::Stream;
use peristyle_core::{BoxError, Chain, Context, End, Error, Link, after, before, on_error};
use peristyle_sse::{
    Event,
    feed::{Deliveries, Delivering, Delivery, Follow, Lag, Published},
};
use tokio::time::{Duration, Instant, advance};
use tokio_test::task::spawn;

use super::{Gate, only};
use crate::{
    client::{Client, Ends},
    feed::{at, builder, feed, in_topic, publish, topic},
};

fn event(deliveries: &mut tokio_test::task::Spawn<Deliveries>) -> Published {
    match deliveries.poll_next() {
        Poll::Ready(Some(Ok(Delivery::Event(event)))) => event,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stage_withholds_is_not_sent_to_this_subscriber() {
    let feed = feed();
    feed.publish(in_topic("a"));
    let follow = Follow::earliest().on_deliver(only("b"));
    let mut filtered = Client::open(feed.follow(follow).unwrap());
    let mut all = Client::open(feed.follow(Follow::earliest()).unwrap());
    filtered.waits();
    feed.publish(in_topic("b"));
    feed.publish(in_topic("a"));
    assert!(filtered.is_woken());
    filtered.gets("id: e-2\ndata: b\n\n");
    filtered.waits();
    for text in [
        "id: e-1\ndata: a\n\n",
        "id: e-2\ndata: b\n\n",
        "id: e-3\ndata: a\n\n",
    ] {
        all.gets(text);
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_stage_puts_in_its_place_has_the_cursor_topic_and_key() {
    let feed = feed();
    let other = Event::builder()
        .event("x")
        .id("9")
        .data("other")
        .build()
        .unwrap();
    let replaces = before(move |cx: &mut Context<Delivering>| cx.replace(&other));
    let follow = Follow::live().on_deliver(replaces);
    let mut client = Client::open(feed.follow(follow.clone()).unwrap());
    let mut deliveries = spawn(feed.deliveries(follow).unwrap());
    let keyed = in_topic("a").key("k").unwrap();
    assert_eq!(feed.publish(keyed), at(1));
    client.gets("event: x\nid: e-1\ndata: other\n\n");
    let published = event(&mut deliveries);
    assert_eq!(
        published.event().as_bytes(),
        "event: x\nid: e-1\ndata: other\n\n"
    );
    assert_eq!((published.cursor(), published.key()), (at(1), Some("k")));
    assert_eq!(published.topic(), Some(&topic("a")));
}

/// Once it was armed with the event that it then passed through its chain, waited for something else meanwhile, and took itself to be
/// armed still.
#[tokio::test(start_paused = true)]
async fn who_has_a_chain_is_woken_by_each_event() {
    let feed = feed();
    let mut client = Client::open(feed.follow(Follow::live().on_deliver(only("a"))).unwrap());
    client.waits();
    for number in 1..5 {
        feed.publish(in_topic("a"));
        assert!(client.is_woken(), "{number}");
        client.gets(&format!("id: e-{number}\ndata: a\n\n"));
        client.waits();
    }
}

#[test]
fn stages_see_what_those_before_have_left_and_those_after_one_that_withholds_do_not_run() {
    let feed = feed();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let note = |name: &'static str| {
        let seen = Arc::clone(&seen);
        move |cx: &mut Context<Delivering>| {
            let bytes = cx.published().event().as_bytes().clone();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            let withheld = cx.is_withheld();
            seen.lock()
                .unwrap()
                .push(format!("{name} {withheld} {text}"));
        }
    };
    let replaces = before(|cx: &mut Context<Delivering>| cx.replace(&Event::data("y")));
    let withholds = before(|cx: &mut Context<Delivering>| cx.withhold());
    let chain = [
        after(note("leave")),
        replaces,
        before(note("enter")),
        withholds,
        before(note("never")),
    ];
    let follow = Follow::live().on_deliver(chain);
    let mut deliveries = spawn(feed.deliveries(follow).unwrap());
    publish(&feed, 1);
    assert!(deliveries.poll_next().is_pending());
    let expected = [
        "enter false id: e-1\ndata: y\n\n",
        "leave true id: e-1\ndata: y\n\n",
    ];
    assert_eq!(*seen.lock().unwrap(), expected);
}

#[test]
fn what_a_chain_leaves_as_it_is_and_who_has_none_share_the_bytes() {
    let feed = feed();
    let looks = before(|cx: &mut Context<Delivering>| assert!(!cx.is_withheld()));
    let replaces = before(|cx: &mut Context<Delivering>| cx.replace(&Event::data("x")));
    let mut of = [
        Follow::live(),
        Follow::live(),
        Follow::live().on_deliver(looks),
        Follow::live().on_deliver(replaces),
    ]
    .map(|follow| spawn(feed.deliveries(follow).unwrap()));
    publish(&feed, 1);
    let events = of
        .each_mut()
        .map(|deliveries| event(deliveries).into_event());
    let [a, b, looked, other] = events.each_ref().map(|event| event.as_bytes().as_ptr());
    assert_eq!((a, a), (b, looked));
    assert_ne!(a, other);
    assert_eq!(events[0], events[3]);
}

fn through(gate: &Gate) -> Follow {
    Follow::live().on_deliver(Link::new(gate.clone()))
}

#[tokio::test(start_paused = true)]
async fn a_stage_that_waits_holds_back_its_own_subscriber_in_order_and_nobody_else() {
    let feed = feed();
    let gate = Gate::default();
    let mut slow = Client::open(feed.follow(through(&gate)).unwrap());
    let mut quick = Client::open(feed.follow(Follow::live()).unwrap());
    publish(&feed, 2);
    slow.waits();
    slow.waits();
    quick.gets("id: e-1\ndata: x\n\n");
    quick.gets("id: e-2\ndata: x\n\n");
    for text in ["id: e-1\ndata: x\n\n", "id: e-2\ndata: x\n\n"] {
        let mut open = gate.waiting();
        assert_eq!(open.len(), 1, "one event at a time");
        open.pop().unwrap().send(()).unwrap();
        assert!(slow.is_woken());
        slow.gets(text);
        slow.waits();
    }
    assert!(gate.waiting().is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_waits_in_a_chain_for_longer_than_the_log_keeps_is_told_of_the_gap() {
    let feed = builder().max_events(1).build();
    let gate = Gate::default();
    let follow = through(&gate).lag(Lag::Gap);
    let mut slow = Client::open(feed.follow(follow).unwrap());
    publish(&feed, 1);
    slow.waits();
    publish(&feed, 3);
    gate.waiting().pop().unwrap().send(()).unwrap();
    slow.gets("id: e-1\ndata: x\n\n");
    slow.gets(concat!(
        "event: gap\nid: e-3\n",
        "data: {\"from\":\"e-1\",\"to\":\"e-3\",\"reason\":\"lagged\"}\n\n"
    ));
}

/// Fails at the second event of the log.
fn fails_at_2(how: fn() -> Result<(), &'static str>) -> Chain<Delivering> {
    let fail = before(
        move |cx: &mut Context<Delivering>| match cx.published().cursor() {
            second if second == at(2) => how(),
            _ => Ok(()),
        },
    );
    Chain::from(fail.named("fail"))
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_fails_or_panics_ends_its_stream_with_the_error_after_what_was_sent() {
    let ways: [fn() -> Result<(), &'static str>; 2] = [|| Err("no"), || panic!("oh")];
    for how in ways {
        let feed = feed();
        publish(&feed, 3);
        let follow = Follow::earliest().on_deliver(fails_at_2(how));
        let (ends, stream) = Ends::of(feed.follow(follow.clone()).unwrap());
        let mut client = Client::open(stream);
        client.gets("id: e-1\ndata: x\n\n");
        client.fails("enter of `fail` failed");
        ends.are(&[End::Failed]);
        assert_eq!(feed.stats().subscribers, 0);
    }
}

#[tokio::test]
async fn deliveries_give_nothing_after_an_error() {
    let feed = feed();
    publish(&feed, 3);
    let follow = Follow::earliest().on_deliver(fails_at_2(|| Err("no")));
    let mut deliveries = feed.deliveries(follow).unwrap();
    let mut next = async || poll_fn(|cx| std::pin::Pin::new(&mut deliveries).poll_next(cx)).await;
    assert!(matches!(next().await, Some(Ok(Delivery::Event(_)))));
    let error = next().await.unwrap().unwrap_err();
    let error = error.downcast::<Error>().expect("that of the chain");
    assert_eq!(error.interceptor(), Some("fail"));
    assert!(next().await.is_none());
    assert!(next().await.is_none());
    assert_eq!(deliveries.end(), Some(End::Failed));
}

#[tokio::test(start_paused = true)]
async fn an_error_that_is_handled_does_not_end_the_stream() {
    let feed = feed();
    let excuse = on_error(|cx: &mut Context<Delivering>, _: Error| {
        cx.replace(&Event::data("sorry"));
    });
    let chain = Chain::from(excuse).then(&fails_at_2(|| Err("no")));
    let mut client = Client::open(feed.follow(Follow::live().on_deliver(chain)).unwrap());
    publish(&feed, 3);
    client.gets("id: e-1\ndata: x\n\n");
    client.gets("id: e-2\ndata: sorry\n\n");
    client.gets("id: e-3\ndata: x\n\n");
}

#[tokio::test(start_paused = true)]
async fn what_is_made_for_the_subscriber_does_not_go_through_its_chain() {
    let feed = builder().max_events(2).build();
    publish(&feed, 3);
    let all = before(|cx: &mut Context<Delivering>| cx.withhold());
    let follow = Follow::after(at(0))
        .first(Event::data("first"))
        .on_deliver(all);
    let mut told = Client::open(feed.follow(follow.clone()).unwrap());
    told.gets(concat!(
        "event: gap\nid: e-1\n",
        "data: {\"from\":\"e-0\",\"to\":\"e-1\",\"reason\":\"evicted\"}\n\n"
    ));
    told.gets("id: e-1\ndata: first\n\n");
    told.waits();
    let follow = follow.on_gap(|_| async { Ok::<_, BoxError>(Event::data("state")) });
    let mut given = Client::open(feed.follow(follow).unwrap());
    given.gets("id: e-3\ndata: state\n\n");
    given.gets("id: e-3\ndata: first\n\n");
    publish(&feed, 1);
    given.waits();
}

#[tokio::test(start_paused = true)]
async fn the_cursor_moves_over_256_that_were_withheld() {
    let feed = feed();
    let follow = Follow::live().on_deliver(only("a"));
    let mut client = Client::open(feed.follow(follow).unwrap());
    publish(&feed, 255);
    client.waits();
    feed.publish(in_topic("a"));
    client.gets("id: e-256\ndata: a\n\n");
    publish(&feed, 600);
    client.gets("id: e-512\n\n");
    client.gets("id: e-768\n\n");
    client.waits();
}

#[tokio::test(start_paused = true)]
async fn who_has_the_last_event_withheld_has_its_cursor_and_is_told_not_to_come_back() {
    let feed = feed();
    let follow = Follow::live().on_deliver(only("a"));
    let (ends, stream) = Ends::of(feed.follow(follow.clone()).unwrap());
    let mut client = Client::open(stream);
    feed.publish(in_topic("a"));
    publish(&feed, 1);
    feed.finish(Event::data("bye"));
    client.gets("id: e-1\ndata: a\n\n");
    client.gets("id: e-3\n\n");
    client.is_at_end();
    ends.are(&[End::Finished]);
    assert!(feed.follow(follow.clone().resume(Some("e-3"))).is_err());
    assert!(feed.follow(follow.resume(Some("e-1"))).is_ok());
}

#[test]
fn who_is_revoked_while_its_chain_waits_gets_neither_that_event_nor_a_cursor() {
    let feed = feed();
    let gate = Gate::default();
    let mut deliveries = spawn(feed.deliveries(through(&gate).principal("ann")).unwrap());
    publish(&feed, 2);
    assert!(deliveries.poll_next().is_pending());
    assert_eq!(feed.revoke(|name: &&str| *name == "ann"), 1);
    assert!(deliveries.is_woken());
    assert!(matches!(deliveries.poll_next(), Poll::Ready(None)));
    assert_eq!(deliveries.end(), Some(End::Revoked));
    gate.was_cancelled_once();
}

#[tokio::test(start_paused = true)]
async fn who_expires_while_its_chain_waits_gets_nothing_more() {
    let feed = feed();
    let gate = Gate::default();
    let soon = Instant::now() + Duration::from_secs(1);
    let follow = through(&gate).expires_at(soon);
    let mut deliveries = spawn(feed.deliveries(follow).unwrap());
    publish(&feed, 1);
    assert!(deliveries.poll_next().is_pending());
    advance(Duration::from_secs(2)).await;
    assert!(deliveries.is_woken());
    assert!(matches!(deliveries.poll_next(), Poll::Ready(None)));
    assert_eq!(deliveries.end(), Some(End::Expired));
}

#[test]
fn a_stream_that_is_dropped_while_its_chain_waits_cancels_it_and_leaves() {
    let feed = feed();
    let gate = Gate::default();
    let mut deliveries = spawn(feed.deliveries(through(&gate)).unwrap());
    publish(&feed, 1);
    assert!(deliveries.poll_next().is_pending());
    drop(deliveries);
    gate.was_cancelled_once();
    assert_eq!(feed.stats().subscribers, 0);
}
