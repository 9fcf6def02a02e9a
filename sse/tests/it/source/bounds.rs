//! Servers that never come to an end.

use std::{pin::pin, time::Duration};

use tokio::time::{sleep, timeout};
use tokio_test::{assert_pending, task::spawn};

use super::{
    script::{STREAM, Script, URL, get, opened, play, say, steps, stream},
    wire::Step,
};

const MIB: usize = 1024 * 1024;

#[tokio::test(start_paused = true)]
async fn an_endless_head_is_given_up_at_64_kib_and_tried_again() {
    for endless in [
        steps([say("HTTP/1.1 200 "), Step::Repeat(b"a")]),
        steps([
            say("HTTP/1.1 200 OK\r\na: "),
            Step::Repeat(b"aaaaaaaaaaaaaaaa"),
        ]),
        steps([
            say("HTTP/1.1 200 OK\r\n"),
            Step::Repeat(b"a: aaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
        ]),
    ] {
        let script = Script::new([endless, stream("data: a\n\n")]);
        let played = play(&script, script.source()).await;
        let [why, open, ..] = &*played.updates else {
            panic!("{:?}", played.updates);
        };
        assert_eq!(
            (&**why, &**open),
            ("reconnecting: the connection broke", "open")
        );
        assert!(script.read()[0] <= 128 * 1024, "{}", script.read()[0]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_endless_line_or_event_ends_the_source_at_its_bound() {
    for endless in [
        &b"aaaaaaaaaaaaaaaa"[..],
        b"data: aaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
    ] {
        let script = Script::new([opened([Step::Repeat(endless)]), stream("")]);
        let source = script.builder(get(URL)).max_line(MIB).max_event(MIB);
        let mut source = source.build().unwrap();
        let error = source.next().await.unwrap().unwrap_err();
        assert!(error.is_decode(), "{error}");
        assert!(source.next().await.is_none());
        assert!(script.read()[0] <= 3 * MIB / 2, "{}", script.read()[0]);
        assert_eq!(script.dropped(), [true]);
    }
}

#[tokio::test(start_paused = true)]
async fn the_bounds_can_be_chosen_and_the_events_before_are_given() {
    for (text, cause) in [
        (
            "data: aaa\n\n: a comment\n",
            "line of an event stream longer than 9 bytes",
        ),
        (
            "data: aaa\n\ndata: a\ndata: b\ndata: c\ndata: d\n\n",
            "event of an event stream longer than 6 bytes",
        ),
    ] {
        let script = Script::new([stream(text)]);
        let source = script.builder(get(URL)).max_line(9).max_event(6);
        let mut source = source.build().unwrap();
        assert_eq!(source.next().await.unwrap().unwrap().data(), "aaa");
        let error = source.next().await.unwrap().unwrap_err();
        assert_eq!(
            std::error::Error::source(&error).unwrap().to_string(),
            cause
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_reads_one_event_leaves_the_others_with_the_server() {
    let script = Script::new([opened([Step::Repeat(b"data: aaaaaaaa\n\n")])]);
    let mut source = script.source();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "aaaaaaaa");
    assert!(script.read()[0] <= 192 * 1024, "{}", script.read()[0]);
}

#[test]
fn a_flood_of_comments_lets_others_have_their_turn() {
    // Outside of a runtime no budget of tokio's ends the poll.
    let script = Script::new([steps([say(STREAM), Step::Repeat(b":\n\n:\n\n:\n\n")])]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let mut source = script
        .builder(get(URL))
        .connect_timeout(Duration::MAX)
        .read_timeout(Duration::MAX)
        .build()
        .unwrap();
    let _inside = runtime.enter();
    let mut next = spawn(source.next());
    for _ in 0..2 {
        assert_pending!(next.poll());
        assert!(next.is_woken());
    }
}

#[tokio::test(start_paused = true)]
async fn the_event_after_a_flood_of_comments_is_not_left_in_the_socket() {
    for comments in 0..40 {
        let flood = (0..comments).map(|_| say(":\n\n"));
        let then = [say("data: a\n\n"), Step::Hang];
        let script = Script::new([opened(flood.chain(then))]);
        let source = script.builder(get(URL)).read_timeout(Duration::MAX);
        let mut source = source.build().unwrap();
        let event = timeout(Duration::from_secs(3600), source.next()).await;
        assert_eq!(event.unwrap().unwrap().unwrap().data(), "a", "{comments}");
    }
}

#[tokio::test]
async fn a_flood_of_comments_does_not_hold_up_the_clock() {
    let script = Script::new([opened([Step::Repeat(b":\n\n:\n\n:\n\n")])]);
    let mut source = script.source();
    let mut next = pin!(source.next());
    let _waited = timeout(Duration::from_millis(1), &mut next)
        .await
        .unwrap_err();
    tokio::select! {
        event = next => panic!("{event:?}"),
        () = sleep(Duration::from_millis(1)) => {}
    }
}
