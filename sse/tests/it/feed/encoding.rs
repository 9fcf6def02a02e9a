//! A feed in several formats, promise H19.

use std::task::Poll;

use bytes::Bytes;
use futures_core::Stream;
use peristyle_core::{BoxError, Context, before};
use peristyle_sse::{
    Event, EventBuilder,
    feed::{Deliveries, Delivering, Feed, Follow, JsonRecords, Lag, Lagged},
};
use serde_json::{Value, json};
use tokio_test::task::{Spawn, spawn};

use super::{at, builder, feed, in_topic, publish};

fn lines(feed: &Feed, follow: Follow) -> Spawn<JsonRecords> {
    spawn(feed.deliveries(follow).expect("not finished").ndjson())
}

/// What there is now, as text.
fn take<S: Stream<Item = Result<Bytes, BoxError>> + Unpin>(stream: &mut Spawn<S>) -> Vec<String> {
    let mut records = Vec::new();
    while let Poll::Ready(Some(Ok(record))) = stream.poll_next() {
        records.push(String::from_utf8(record.to_vec()).expect("text"));
    }
    records
}

#[track_caller]
fn is_at_end(stream: &mut Spawn<JsonRecords>) {
    for _ in 0..3 {
        assert!(matches!(stream.poll_next(), Poll::Ready(None)));
    }
}

fn built(builder: EventBuilder<'_>) -> Event {
    builder.build().expect("valid")
}

#[test]
fn each_event_is_a_line_with_its_cursor_name_topic_and_data() {
    let feed = feed();
    let mut client = lines(&feed, Follow::live());
    assert!(client.poll_next().is_pending());
    feed.publish(in_topic("a/b"));
    assert!(client.is_woken());
    feed.publish(built(Event::builder().event("n").id("7").data("1\n2")));
    feed.publish(Event::data(""));
    feed.publish(Event::comment("c"));
    let expected = [
        "{\"id\":\"e-1\",\"event\":\"message\",\"topic\":\"a/b\",\"data\":\"a/b\"}\n",
        "{\"id\":\"e-2\",\"event\":\"n\",\"data\":\"1\\n2\"}\n",
        "{\"id\":\"e-3\",\"event\":\"message\",\"data\":\"\"}\n",
        "{\"id\":\"e-4\"}\n",
    ];
    assert_eq!(take(&mut client), expected);
    assert!(client.poll_next().is_pending());
}

#[test]
fn whatever_the_text_it_is_read_back() {
    let every: String = (0..0x300_u32)
        .chain([0x2028, 0xfeff, 0xffff, 0x1_0000, 0x10_ffff])
        .filter_map(char::from_u32)
        .filter(|character| *character != '\r')
        .collect();
    let name = every.replace('\n', "");
    let feed = feed();
    feed.publish(built(Event::builder().event(&name).data(&every)));
    let records = take(&mut lines(&feed, Follow::earliest()));
    let [line] = &records[..] else {
        panic!("{records:?}");
    };
    assert_eq!(line.find('\n'), Some(line.len() - 1));
    let read: Value = serde_json::from_str(line).unwrap();
    assert_eq!(read, json!({ "id": "e-1", "event": name, "data": every }));
}

#[test]
fn an_event_larger_than_a_reader_takes_by_default_is_a_line() {
    let data = "x".repeat(9 << 20);
    let feed = feed();
    feed.publish(Event::data(&data));
    let records = take(&mut lines(&feed, Follow::earliest()));
    let read: Value = serde_json::from_str(&records[0]).unwrap();
    assert_eq!(read["data"], data);
}

#[test]
fn a_gap_is_a_line_and_so_is_a_cursor_that_moves() {
    let feed = builder().max_events(3).build();
    publish(&feed, 5);
    let none = before(|cx: &mut Context<Delivering>| cx.withhold());
    let follow = Follow::after(at(1)).on_deliver(none);
    let mut client = lines(&feed, follow.clone());
    let gap = "{\"id\":\"e-2\",\"gap\":{\"from\":\"e-1\",\"to\":\"e-2\",\"reason\":\"evicted\"}}\n";
    assert_eq!(take(&mut client), [gap]);
    feed.finish(Event::data("bye"));
    assert_eq!(take(&mut client), ["{\"id\":\"e-6\"}\n"]);
    is_at_end(&mut client);
    let gap = "{\"id\":\"e-6\",\"gap\":{\"from\":null,\"to\":\"e-6\",\"reason\":\"unknown\"}}\n";
    assert_eq!(take(&mut lines(&feed, follow.resume(Some("?")))), [gap]);
}

#[test]
fn a_sequence_has_a_separator_before_each_record() {
    let feed = feed();
    feed.publish(Event::data("x"));
    feed.finish(Event::data("y"));
    let mut client = spawn(feed.deliveries(Follow::earliest()).unwrap().json_seq());
    let expected = [
        "\u{1e}{\"id\":\"e-1\",\"event\":\"message\",\"data\":\"x\"}\n",
        "\u{1e}{\"id\":\"e-2\",\"event\":\"message\",\"data\":\"y\"}\n",
    ];
    assert_eq!(take(&mut client), expected);
    is_at_end(&mut client);
}

#[test]
fn who_has_it_all_is_told_so_in_every_format() {
    let feed = feed();
    feed.finish(Event::data("bye"));
    assert!(feed.deliveries(Follow::after(at(1))).is_err());
    assert!(feed.deliveries(Follow::after(at(0))).is_ok());
}

#[test]
fn a_client_that_was_too_slow_gets_no_clean_end() {
    let feed = builder().max_events(1).build();
    let mut client = lines(&feed, Follow::live().lag(Lag::Resume));
    publish(&feed, 1);
    assert_eq!(take(&mut client).len(), 1);
    publish(&feed, 3);
    match client.poll_next() {
        Poll::Ready(Some(Err(error))) => assert!(error.is::<Lagged>()),
        other => panic!("{other:?}"),
    }
    is_at_end(&mut client);
}

#[test]
fn an_error_is_the_last_thing_that_comes() {
    let feed = feed();
    publish(&feed, 2);
    let fail = before(|_: &mut Context<Delivering>| Err::<(), _>("no"));
    let mut client = lines(&feed, Follow::earliest().on_deliver(fail));
    assert!(matches!(client.poll_next(), Poll::Ready(Some(Err(_)))));
    is_at_end(&mut client);
}

/// The ids of up to `count` pieces, in one of three formats.
fn ids(deliveries: Deliveries, feed_format: usize, count: usize) -> Vec<String> {
    fn id(record: &[u8]) -> String {
        let record = record.strip_prefix(b"\x1e").unwrap_or(record);
        let value: Value = serde_json::from_slice(record).expect("JSON");
        value["id"].as_str().expect("a text").to_owned()
    }
    let mut records = match feed_format {
        0 => spawn(deliveries.ndjson()),
        1 => spawn(deliveries.json_seq()),
        _ => {
            let mut deliveries = spawn(deliveries);
            let next = || match deliveries.poll_next() {
                Poll::Ready(Some(delivery)) => {
                    let event = delivery.expect("no chain").into_event();
                    let text = String::from_utf8(event.as_bytes().to_vec()).expect("text");
                    let line = text.lines().find_map(|line| line.strip_prefix("id: "));
                    Some(line.expect("each has an id").to_owned())
                }
                _ => None,
            };
            return std::iter::from_fn(next).take(count).collect();
        }
    };
    let next = || match records.poll_next() {
        Poll::Ready(Some(record)) => Some(id(&record.expect("no chain"))),
        _ => None,
    };
    std::iter::from_fn(next).take(count).collect()
}

#[test]
fn a_client_that_changes_its_format_at_each_return_gets_each_event_once() {
    for seed in 0..200 {
        let mut random = fastrand::Rng::with_seed(seed);
        let feed = feed();
        let mut got: Vec<String> = Vec::new();
        for _ in 0..20 {
            publish(&feed, random.usize(0..5));
            let last = got.last().map(String::as_str);
            let follow = Follow::earliest().resume(last);
            let deliveries = feed.deliveries(follow).expect("not finished");
            got.extend(ids(deliveries, random.usize(0..3), random.usize(0..6)));
        }
        let follow = Follow::earliest().resume(got.last().map(String::as_str));
        let rest = feed.deliveries(follow).expect("not finished");
        got.extend(ids(rest, 0, usize::MAX));
        let expected: Vec<_> = (1..=feed.cursor().offset())
            .map(|at| format!("e-{at}"))
            .collect();
        assert_eq!(got, expected, "seed {seed}");
    }
}
