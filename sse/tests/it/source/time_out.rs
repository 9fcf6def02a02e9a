//! Silence.

use std::time::Duration;

use http::Request;
use tokio::time::{Instant, advance, timeout};

use super::{
    script::{Part, Script, URL, get, opened, play, say, steps, told},
    wire::Step,
};

const SECOND: Duration = Duration::from_secs(1);
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// How long it took until the first try was given up, and why.
async fn given_up(part: Part) -> (u64, String) {
    let script = Script::new([part]);
    let start = Instant::now();
    let played = play(&script, script.source()).await;
    (
        start.elapsed().as_secs(),
        played.updates.last().expect("one update").clone(),
    )
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_not_made_is_given_up_after_10_seconds() {
    let (seconds, why) = given_up(Part::Hang).await;
    assert_eq!(
        (seconds, &*why),
        (10, "reconnecting: no connection within 10s")
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up_after_60_seconds() {
    for part in [
        steps([Step::Hang]),
        steps([say("HTTP/1.1 200 OK\r\ncontent-ty"), Step::Hang]),
    ] {
        let (seconds, why) = given_up(part).await;
        assert_eq!(
            (seconds, &*why),
            (60, "reconnecting: no response within 60s")
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_that_trickles_in_must_be_complete_in_time() {
    let trickle = (0..100).flat_map(|_| [say("a: b\r\n"), Step::Wait(SECOND)]);
    let part = steps([say("HTTP/1.1 200 OK\r\n")].into_iter().chain(trickle));
    let (seconds, why) = given_up(part).await;
    assert_eq!(
        (seconds, &*why),
        (60, "reconnecting: no response within 60s")
    );
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_falls_silent_is_given_up_60_seconds_after_its_last_byte() {
    for last in ["", "data: a\n\n", ":\n\n", "d"] {
        let script = Script::new([opened([Step::Wait(SECOND * 50), say(last), Step::Hang])]);
        let start = Instant::now();
        let played = play(&script, script.source()).await;
        let expected = if last.is_empty() { 60 } else { 110 };
        assert_eq!(start.elapsed().as_secs(), expected, "{last:?}");
        assert_eq!(
            played.updates.last().unwrap(),
            "reconnecting: silence for 60s"
        );
        assert_eq!(script.dropped(), [true]);
    }
}

#[tokio::test(start_paused = true)]
async fn two_lost_keep_alives_of_the_longest_kind_do_not_end_a_stream() {
    let silence = Step::Wait(SECOND * 18 * 3);
    let script = Script::new([opened([
        silence,
        say(":\n\n"),
        Step::Wait(SECOND * 18 * 3),
        say("data: a\n\n"),
    ])]);
    let played = play(&script, script.source()).await;
    assert_eq!(played.updates[..2], ["open", "message \"\" \"a\""]);
}

#[tokio::test(start_paused = true)]
async fn the_times_can_be_chosen() {
    let script = Script::new([Part::Hang, steps([Step::Hang]), opened([Step::Hang])]);
    let source = script
        .builder(get(URL))
        .connect_timeout(SECOND)
        .read_timeout(SECOND * 2);
    let played = play(&script, source.build().unwrap()).await;
    assert_eq!(
        played.updates,
        [
            "reconnecting: no connection within 1s",
            "reconnecting: no response within 2s",
            "open",
            "reconnecting: silence for 2s"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn for_ever_is_a_time_too() {
    for part in [Part::Hang, steps([Step::Hang]), opened([Step::Hang])] {
        let script = Script::new([part]);
        let source = script
            .builder(get(URL))
            .connect_timeout(Duration::MAX)
            .read_timeout(Duration::MAX);
        let mut source = source.build().unwrap();
        assert!(timeout(YEAR, source.next()).await.is_err());
        assert!(!script.dropped().contains(&true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_that_was_away_finds_what_was_sent_meanwhile() {
    let script = Script::new([opened([
        say("data: a\n\n"),
        Step::Wait(SECOND * 30),
        say("data: b\n\n"),
        Step::Hang,
    ])]);
    let mut source = script.source();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "a");
    assert!(timeout(SECOND, source.next()).await.is_err());
    advance(SECOND * 3600).await;
    let mut updates = source.updates();
    assert_eq!(told(updates.next().await.as_ref()), "message \"\" \"b\"");
}

#[tokio::test(start_paused = true)]
async fn a_slow_program_is_not_taken_for_a_silent_server() {
    let texts = ["a", "b", "c", "d", "e"];
    let sent = texts.map(|text| say(&format!("data: {text}\n\n")));
    let script = Script::new([opened(sent.into_iter().chain([Step::Hang]))]);
    let mut source = script.source();
    let mut updates = source.updates();
    assert_eq!(told(updates.next().await.as_ref()), "open");
    for text in texts {
        advance(SECOND * 3600).await;
        let update = told(updates.next().await.as_ref());
        assert_eq!(update, format!("message \"\" \"{text}\""));
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_the_server_does_not_take_is_no_reason_to_wait_longer() {
    let script = Script::new([steps([Step::Hang])]);
    let request = Request::post(URL).body("four").unwrap();
    let source = script
        .builder(request)
        .read_timeout(SECOND)
        .build()
        .unwrap();
    let played = play(&script, source).await;
    assert_eq!(played.updates, ["reconnecting: no response within 1s"]);
}
