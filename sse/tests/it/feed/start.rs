//! Where a follower starts, promises H6, H9 and H10.

use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use peristyle_sse::{
    Event,
    feed::{Delivery, Follow, Lag, Publish},
};
use tokio::time::{Instant, advance};
use tokio_test::assert_ready;

use super::{at, builder, feed, follow, gives, in_topic, publish, topic};

#[test]
fn each_start_has_its_events_and_then_what_comes() {
    for (start, replayed) in [
        (Follow::live(), &[][..]),
        (Follow::earliest(), &["1", "2", "3", "4"]),
        (Follow::last(0), &[]),
        (Follow::last(2), &["3", "4"]),
        (Follow::last(usize::MAX), &["1", "2", "3", "4"]),
        (Follow::after(at(0)), &["1", "2", "3", "4"]),
        (Follow::after(at(3)), &["4"]),
        (Follow::live().resume(Some("e-2")), &["3", "4"]),
        (Follow::last(1).resume(None), &["4"]),
        (Follow::last(1).resume(Some("")), &["4"]),
        (Follow::earliest().resume(Some("e-4")), &[]),
    ] {
        let feed = feed();
        publish(&feed, 4);
        let mut follower = follow(&feed, start);
        gives(&mut follower, replayed);
        let next = feed.publish(Event::data("")).offset();
        gives(&mut follower, &[&next.to_string()]);
    }
}

#[test]
fn the_last_events_are_those_of_the_topics_that_are_followed() {
    let feed = feed();
    for name in ["a", "b", "a", "b", "c", "a"] {
        feed.publish(in_topic(name));
    }
    let last = |count, names: &[&str]| {
        let topics = peristyle_sse::feed::Topics::new(names.iter().copied()).unwrap();
        follow(&feed, Follow::last(count).topics(topics))
    };
    gives(&mut last(2, &["a"]), &["3", "6"]);
    gives(&mut last(3, &["a", "b"]), &["3", "4", "6"]);
    gives(&mut last(2, &["b/**", "c"]), &["4", "5"]);
    gives(&mut last(2, &["nobody"]), &[]);
}

#[test]
fn the_last_of_each_key_are_counted_for_those_who_want_no_others() {
    let feed = feed();
    for key in ["k", "l", "k", "k"] {
        feed.publish(Publish::new(Event::data("")).key(key).unwrap());
    }
    gives(
        &mut follow(&feed, Follow::last(2).lag(Lag::Latest)),
        &["2", "4"],
    );
}

#[tokio::test(start_paused = true)]
async fn since_a_time_is_with_what_was_published_at_that_time() {
    let feed = feed();
    publish(&feed, 1);
    advance(Duration::from_secs(1)).await;
    let time = Instant::now();
    publish(&feed, 2);
    advance(Duration::from_secs(1)).await;
    gives(&mut follow(&feed, Follow::since(time)), &["2", "3"]);
    gives(&mut follow(&feed, Follow::since(Instant::now())), &[]);
}

#[tokio::test(start_paused = true)]
async fn since_a_time_that_the_log_has_forgotten_is_a_gap() {
    let feed = builder().max_events(2).build();
    let time = Instant::now();
    publish(&feed, 2);
    advance(Duration::from_secs(1)).await;
    let later = Instant::now();
    publish(&feed, 1);
    gives(
        &mut follow(&feed, Follow::since(time)),
        &["?..e-1 evicted", "2", "3"],
    );
    gives(&mut follow(&feed, Follow::since(later)), &["3"]);
    gives(
        &mut follow(&feed, Follow::since(time).topics(topic("a"))),
        &[],
    );
}

#[test]
fn a_cursor_that_this_log_has_not_given_is_a_gap_and_the_live_end() {
    let feed = feed();
    publish(&feed, 2);
    let long = "9".repeat(10_000);
    for (id, from) in [
        ("e-3", "e-3"),
        ("e-18446744073709551615", "e-18446744073709551615"),
        ("garbage", "?"),
        ("e-02", "?"),
        ("e-2\u{1F980}", "?"),
        ("0", "?"),
        ("'; drop table events; --", "?"),
        (&long, "?"),
    ] {
        let mut follower = follow(&feed, Follow::earliest().resume(Some(id)));
        gives(&mut follower, &[&format!("{from}..e-2 unknown")]);
        drop(follower);
    }
}

#[test]
fn a_cursor_of_another_epoch_is_a_gap_and_all_that_there_is() {
    let feed = builder().max_events(2).build();
    publish(&feed, 3);
    for id in ["f-0", "f-2", "f-77", "0-0"] {
        let mut follower = follow(&feed, Follow::live().resume(Some(id)));
        gives(&mut follower, &[&format!("{id}..e-1 epoch"), "2", "3"]);
    }
}

#[test]
fn the_first_event_has_the_position_at_which_the_follower_starts() {
    let feed = feed();
    publish(&feed, 2);
    let state = || {
        Event::builder()
            .event("state")
            .id("x")
            .data("s")
            .build()
            .unwrap()
    };
    let mut follower = follow(&feed, Follow::after(at(1)).first(state()));
    match assert_ready!(follower.poll_next()).unwrap() {
        Delivery::Event(event) => {
            assert_eq!(event.cursor(), at(1));
            assert_eq!(
                event.event().as_bytes(),
                "event: state\nid: e-1\ndata: s\n\n"
            );
        }
        other => panic!("{other:?}"),
    }
    gives(&mut follower, &["2"]);
    gives(
        &mut follow(&feed, Follow::live().first(state()).resume(Some("e-1"))),
        &["2"],
    );
    let (none, back) = (HeaderMap::new(), "/?last-event-id=e-1".parse().unwrap());
    let back = Follow::live().first(state()).resume_request(&none, &back);
    gives(&mut follow(&feed, back), &["2"]);
    gives(
        &mut follow(&feed, Follow::live().first(state()).resume(None)),
        &["2"],
    );
}

#[test]
fn a_follower_knows_its_position_before_and_after_each_event() {
    let feed = feed();
    publish(&feed, 3);
    let mut follower = follow(&feed, Follow::after(at(1)));
    assert_eq!(follower.cursor(), at(1));
    assert!(follower.poll_next().is_ready());
    assert_eq!(follower.cursor(), at(2));
    assert!(follower.poll_next().is_ready());
    assert_eq!(follower.cursor(), at(3));
    assert_eq!(follower.end(), None);
}

#[test]
fn a_request_resumes_by_its_header_or_its_query_and_nonsense_is_not_a_newcomer() {
    let nonsense = HeaderValue::from_bytes(b"\xff").expect("bytes that a header may have");
    let text = HeaderValue::from_static;
    for (ids, uri, given) in [
        (vec![], "/", &["2", "3"][..]),
        (vec![], "/?last-event-id=", &["2", "3"]),
        (vec![text("e-2")], "/", &["3"]),
        (vec![], "/?lastEventId=e-0", &["1", "2", "3"]),
        (vec![text("e-2")], "/?lastEventId=e-0", &["3"]),
        (vec![text("e-9")], "/", &["e-9..e-3 unknown"]),
        (vec![], "/?last_event_id=%3F", &["?..e-3 unknown"]),
        // What cannot even be an id: not UTF-8, and two at once.
        (vec![nonsense], "/", &["?..e-3 unknown"]),
        (vec![text("e-1"), text("e-2")], "/", &["?..e-3 unknown"]),
    ] {
        let feed = feed();
        publish(&feed, 3);
        let mut headers = HeaderMap::new();
        for id in ids {
            headers.append("last-event-id", id);
        }
        let uri = uri.parse().expect("a path, and a query");
        let start = Follow::last(2).resume_request(&headers, &uri);
        let mut follower = follow(&feed, start);
        gives(&mut follower, given);
    }
}
