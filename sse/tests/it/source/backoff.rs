//! How long a source waits before it connects again.

use std::{collections::HashSet, time::Duration};

use peristyle_sse::client::{Backoff, EventSourceBuilder};

use super::{
    script::{Part, Script, URL, answer, delays, get, opened, play, say, stream},
    wire::Step,
};

const SECOND: Duration = Duration::from_secs(1);

fn defaults(builder: EventSourceBuilder) -> EventSourceBuilder {
    builder
}

fn refusals(count: usize) -> impl Iterator<Item = Part> {
    (0..count).map(|_| Part::Refuse)
}

/// Each delay is at least this, in seconds, and at most half as much again.
#[track_caller]
fn are(delays: &[Duration], seconds: &[f64]) {
    assert_eq!(delays.len(), seconds.len(), "{delays:?}");
    for (delay, &least) in delays.iter().zip(seconds) {
        let within = least..=least * 1.5;
        assert!(
            within.contains(&delay.as_secs_f64()),
            "{delays:?} for {seconds:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_double_the_delay_up_to_a_minute() {
    let delays = delays(defaults, refusals(8)).await;
    are(&delays, &[3.0, 6.0, 12.0, 24.0, 48.0, 60.0, 60.0, 60.0]);
}

#[tokio::test(start_paused = true)]
async fn the_growth_goes_on_for_ever_without_overflow() {
    let delays = delays(defaults, refusals(100)).await;
    are(&delays[90..], &[60.0; 10]);
    let most = Backoff::default().max(Duration::MAX).first(Duration::MAX);
    let most = super::script::delays(|it| it.backoff(most), refusals(2)).await;
    assert_eq!(most[0], Duration::MAX);
}

#[tokio::test(start_paused = true)]
async fn the_delays_can_be_chosen() {
    let backoff = Backoff::default().first(SECOND * 10).max(SECOND * 25);
    let delays = delays(|it| it.backoff(backoff), refusals(4)).await;
    are(&delays, &[10.0, 20.0, 25.0, 25.0]);
}

#[tokio::test(start_paused = true)]
async fn the_random_part_is_up_to_half_and_uses_all_of_it() {
    let mut firsts = Vec::new();
    for seed in 0..300 {
        let backoff = Backoff::default().seeded(seed);
        let delays = delays(|it| it.backoff(backoff), refusals(3)).await;
        are(&delays, &[3.0, 6.0, 12.0]);
        firsts.push(delays[0].as_secs_f64());
    }
    let shortest = firsts.iter().copied().fold(f64::MAX, f64::min);
    let longest = firsts.iter().copied().fold(0.0, f64::max);
    assert!((3.0..3.05).contains(&shortest), "{shortest}");
    assert!((4.45..=4.5).contains(&longest), "{longest}");
}

#[tokio::test(start_paused = true)]
async fn sources_differ_but_not_those_of_one_seed() {
    let mut distinct = HashSet::new();
    for _ in 0..3 {
        distinct.insert(delays(defaults, refusals(3)).await);
    }
    assert!(distinct.len() > 1);

    let mut same = HashSet::new();
    for _ in 0..3 {
        let backoff = Backoff::default().seeded(7);
        same.insert(delays(|it| it.backoff(backoff), refusals(3)).await);
    }
    assert_eq!(same.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_try_begins_when_the_delay_is_over() {
    let script = Script::new([stream(""), stream(""), stream("")]);
    let played = play(&script, script.source()).await;
    let times = script.times();
    for (delay, pair) in played.delays.iter().zip(times.windows(2)) {
        let late = (pair[1] - pair[0]).saturating_sub(*delay);
        // The clock of the timers has a resolution of a millisecond.
        assert!(pair[1] - pair[0] >= *delay, "{delay:?}");
        assert!(late <= Duration::from_millis(1), "{late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_server_sets_the_delay_for_all_connections_that_follow() {
    let parts = [
        stream("retry: 500\ndata: a\n\n"),
        stream("data: b\n\n"),
        stream("retry: 20000\n\ndata: c\n\n"),
        stream("retry: nonsense\ndata: d\n\n"),
    ];
    are(&delays(defaults, parts).await, &[0.5, 0.5, 20.0, 20.0]);
}

#[tokio::test(start_paused = true)]
async fn a_delay_of_zero_reconnects_at_once_but_never_spins() {
    let healthy = || stream("retry: 0\ndata: a\n\n");
    let zeros = delays(defaults, [healthy(), healthy(), healthy()]).await;
    assert_eq!(zeros, [Duration::ZERO; 3]);

    let useless = (0..9).map(|_| stream("retry: 0\n\n: nothing\n\n"));
    let grown = delays(defaults, useless).await;
    are(&grown, &[0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]);

    let backoff = Backoff::default().first(Duration::ZERO);
    let refused = delays(|it| it.backoff(backoff), refusals(4)).await;
    are(&refused, &[0.0, 1.0, 2.0, 4.0]);
}

#[tokio::test(start_paused = true)]
async fn a_small_delay_grows_from_a_second() {
    let parts = [stream("retry: 10\ndata: a\n\n")]
        .into_iter()
        .chain(refusals(3));
    are(&delays(defaults, parts).await, &[0.01, 1.0, 2.0, 4.0]);
}

#[tokio::test(start_paused = true)]
async fn a_long_delay_of_the_servers_is_kept_and_a_huge_one_clamped_to_an_hour() {
    let parts = [stream("retry: 600000\ndata: a\n\n")]
        .into_iter()
        .chain(refusals(2));
    are(&delays(defaults, parts).await, &[600.0; 3]);

    let huge = || [stream("retry: 99999999999999999999999999\ndata: a\n\n")];
    are(&delays(defaults, huge()).await, &[3600.0]);
    let backoff = Backoff::default().max_retry(SECOND * 5);
    are(&delays(|it| it.backoff(backoff), huge()).await, &[5.0]);
}

#[tokio::test(start_paused = true)]
async fn an_event_starts_the_delays_anew_but_an_answer_alone_does_not() {
    let brief = || stream(": hello\n\n");
    let parts = [
        Part::Refuse,
        Part::Refuse,
        stream("data: a\n\n"),
        Part::Refuse,
    ];
    are(&delays(defaults, parts).await, &[3.0, 6.0, 3.0, 6.0]);
    let parts = [Part::Refuse, Part::Refuse, brief(), Part::Refuse];
    are(&delays(defaults, parts).await, &[3.0, 6.0, 12.0, 24.0]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_that_outlasts_the_delay_before_it_starts_the_delays_anew() {
    let open_for = |seconds: u32| opened([Step::Wait(SECOND * seconds), say(": still here\n\n")]);
    // The delay before the third connection is 6 to 9 seconds.
    let parts = [Part::Refuse, Part::Refuse, open_for(10), Part::Refuse];
    are(&delays(defaults, parts).await, &[3.0, 6.0, 3.0, 6.0]);
    let parts = [Part::Refuse, Part::Refuse, open_for(5), Part::Refuse];
    are(&delays(defaults, parts).await, &[3.0, 6.0, 12.0, 24.0]);

    let no_delay =
        |builder: EventSourceBuilder| builder.backoff(Backoff::default().first(Duration::ZERO));
    let short = || opened([Step::Wait(SECOND / 2)]);
    are(
        &delays(no_delay, [short(), short(), short()]).await,
        &[0.0, 1.0, 2.0],
    );
}

fn unavailable(retry_after: &str) -> Part {
    answer(format!(
        "HTTP/1.1 503 X\r\nretry-after: {retry_after}\r\n\r\n"
    ))
}

#[tokio::test(start_paused = true)]
async fn statuses_of_choice_are_tried_again_after_what_they_ask_for() {
    let script = Script::new([
        unavailable("30"),
        unavailable("1"),
        unavailable("99999999999999999999999"),
        unavailable("Fri, 31 Dec 1999 23:59:59 GMT"),
        answer("HTTP/1.1 502 X\r\n\r\n"),
        answer("HTTP/1.1 404 X\r\n\r\n"),
    ]);
    let builder = script.builder(get(URL));
    let source = builder.reconnect_on(|status| status.is_server_error());
    let played = play(&script, source.build().unwrap()).await;
    are(&played.delays, &[30.0, 6.0, 3600.0, 24.0, 48.0]);
    let unavailable = "reconnecting: status 503 Service Unavailable";
    assert_eq!(played.updates[..4], [unavailable; 4]);
    assert_eq!(
        played.updates[4..],
        [
            "reconnecting: status 502 Bad Gateway",
            "error: status 404 Not Found",
            "end"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_content_type_is_not_a_status_to_try_again() {
    let script = Script::new([answer("HTTP/1.1 200 OK\r\n\r\n")]);
    let source = script.builder(get(URL)).reconnect_on(|_| true);
    let played = play(&script, source.build().unwrap()).await;
    assert_eq!(played.updates, ["error: no content type", "end"]);
}
