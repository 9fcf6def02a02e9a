//! The way in.

use peristyle_core::{BoxError, Chain, Context, Error, Link, Stage, after, before, on_error};
use peristyle_sse::{
    Event,
    feed::{Delivery, Feed, Follow, Publish, Published},
};
use tokio_test::{assert_pending, assert_ready_ok, task::spawn};

use super::Gate;
use crate::feed::{at, feed, topic};

/// All that is in the log.
fn log(feed: &Feed) -> Vec<Published> {
    let mut all = spawn(feed.subscribe(Follow::earliest()));
    std::iter::from_fn(|| match all.poll_next() {
        std::task::Poll::Ready(Some(Delivery::Event(event))) => Some(event),
        _ => None,
    })
    .collect()
}

#[track_caller]
fn has(feed: &Feed, expected: &[&str]) {
    let events: Vec<_> = log(feed).into_iter().map(Published::into_event).collect();
    let texts: Vec<_> = events.iter().map(Event::as_bytes).collect();
    assert_eq!(texts, expected);
}

/// Puts this at the end of the data.
fn add(text: &'static str) -> Link<Publish> {
    before(move |cx: &mut Context<Publish>| {
        let event = String::from_utf8(cx.event_ref().as_bytes().to_vec()).expect("text");
        let data = event.trim_end().trim_start_matches("data: ").to_owned() + text;
        **cx = Publish::new(Event::data(&data));
    })
}

fn fail(_: &mut Context<Publish>) -> Result<(), &'static str> {
    Err("no")
}

fn panics(_: &mut Context<Publish>) {
    panic!("oh")
}

#[tokio::test]
async fn what_the_chain_makes_of_an_event_is_published() {
    let feed = feed();
    async fn route(cx: &mut Context<Publish>) {
        tokio::task::yield_now().await;
        **cx = cx.clone().topic(topic("a"));
    }
    let publisher = feed.publisher([add("b"), add("c"), before(route)]);
    assert_eq!(publisher.publish(Event::data("a")).await.unwrap(), at(1));
    has(&feed, &["id: e-1\ndata: abc\n\n"]);
    assert_eq!(log(&feed)[0].topic(), Some(&topic("a")));
}

#[tokio::test]
async fn a_chain_that_fails_anywhere_publishes_nothing_and_gives_its_error() {
    for (link, stage, text) in [
        (before(fail), Stage::Enter, "no"),
        (after(fail), Stage::Leave, "no"),
        (before(panics), Stage::Enter, "panicked: oh"),
        (after(panics), Stage::Leave, "panicked: oh"),
    ] {
        let feed = feed();
        let publisher = feed.publisher([link.named("x"), add("y")]);
        let errors = [
            publisher.publish(Event::data("a")).await.unwrap_err(),
            publisher.publish_now(Event::data("a")).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(
                (error.stage(), error.interceptor()),
                (Some(stage), Some("x"))
            );
            let source = std::error::Error::source(&error).expect("the original");
            assert_eq!(source.to_string(), text);
        }
        has(&feed, &[]);
        assert_eq!(feed.cursor(), at(0));
    }
}

#[tokio::test]
async fn an_error_stage_that_declines_publishes_nothing_and_one_that_handles_publishes() {
    let declines = on_error(|_: &mut Context<Publish>, error: Error| Err::<(), _>(error));
    let handles = on_error(|cx: &mut Context<Publish>, _: Error| {
        **cx = Publish::new(Event::data("instead"));
    });
    let feed = feed();
    let declining = feed.publisher([declines, before(fail)]);
    assert!(declining.publish(Event::data("a")).await.is_err());
    has(&feed, &[]);
    let handling = feed.publisher([handles, before(fail)]);
    assert_eq!(handling.publish(Event::data("a")).await.unwrap(), at(1));
    has(&feed, &["id: e-1\ndata: instead\n\n"]);
}

#[tokio::test]
async fn stages_see_what_the_publisher_put_into_the_context_and_it_sees_what_they_left() {
    fn sign(cx: &mut Context<Publish>) -> Result<(), BoxError> {
        let user = *cx.require::<&'static str>()?;
        **cx = cx.clone().key(user)?;
        cx.insert(7_u8);
        Ok(())
    }
    let feed = feed();
    let publisher = feed.publisher(before(sign));
    let mut cx = Context::new(Publish::new(Event::data("a")));
    cx.insert("Ada");
    assert_eq!(publisher.publish_with(&mut cx).await.unwrap(), at(1));
    assert_eq!((cx.get::<u8>(), cx.key_ref()), (Some(&7), Some("Ada")));
    assert_eq!(log(&feed)[0].key(), Some("Ada"));
    assert!(publisher.publish(Event::data("a")).await.is_err());
}

#[test]
fn a_chain_that_would_wait_is_named_and_publishes_nothing() {
    let feed = feed();
    let wait = before(async |_: &mut Context<Publish>| std::future::pending::<()>().await);
    let error = feed
        .publisher(wait.named("wait"))
        .publish_now(Event::data("a"));
    let error = error.unwrap_err();
    assert!(error.would_wait());
    assert_eq!(error.interceptor(), Some("wait"));
    has(&feed, &[]);
    assert_eq!(
        feed.publisher(add("b"))
            .publish_now(Event::data("a"))
            .unwrap(),
        at(1)
    );
    has(&feed, &["id: e-1\ndata: ab\n\n"]);
}

#[test]
fn a_publish_that_is_dropped_while_its_chain_waits_publishes_nothing() {
    let feed = feed();
    let gate = Gate::default();
    let publisher = feed.publisher(Chain::from(Link::new(gate.clone())));
    let mut dropped = spawn(publisher.publish(Event::data("a")));
    assert_pending!(dropped.poll());
    drop(dropped);
    gate.was_cancelled_once();
    has(&feed, &[]);
}

#[test]
fn the_order_of_the_log_is_that_in_which_chains_end_and_nobody_waits_for_another() {
    let feed = feed();
    let gate = Gate::default();
    let publisher = feed.publisher(Chain::from(Link::new(gate.clone())));
    let mut first = spawn(publisher.publish(Event::data("a")));
    assert_pending!(first.poll());
    let mut second = spawn(publisher.publish(Event::data("b")));
    assert_pending!(second.poll());
    let mut open = gate.waiting().into_iter();
    let (open_first, open_second) = (open.next().unwrap(), open.next().unwrap());
    open_second.send(()).unwrap();
    assert!(second.is_woken() && !first.is_woken());
    assert_eq!(assert_ready_ok!(second.poll()), at(1));
    open_first.send(()).unwrap();
    assert_eq!(assert_ready_ok!(first.poll()), at(2));
    has(&feed, &["id: e-1\ndata: b\n\n", "id: e-2\ndata: a\n\n"]);
}
