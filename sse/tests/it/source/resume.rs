//! Where a source goes on after a break: `Last-Event-ID`.

use super::{
    script::{Script, opened, play, say, stream},
    wire::Step,
};

const REQUEST: &str = "GET /prices HTTP/1.1\r\nhost: feed.test\r\naccept: text/event-stream\r\n\
    accept-encoding: identity\r\ncache-control: no-cache\r\n";

#[tokio::test(start_paused = true)]
async fn the_id_is_sent_with_every_request_until_the_stream_changes_it() {
    let script = Script::new([
        stream("data: no id yet\n\n"),
        stream("id: 1\ndata: a\n\n"),
        stream("data: a later one\n\n"),
        stream(""),
        stream("id: \u{e9}\u{1f600}\n\n"),
        stream("id: lost\ndata: without its blank line\n"),
        stream("id\ndata: b\n\n"),
        stream(""),
    ]);
    let played = play(&script, script.source()).await;
    let ids = [
        None,
        None,
        Some("1"),
        Some("1"),
        Some("1"),
        Some("\u{e9}\u{1f600}"),
        Some("\u{e9}\u{1f600}"),
        None,
    ];
    let expected = ids.map(|id| match id {
        Some(id) => format!("{REQUEST}last-event-id: {id}\r\n\r\n"),
        None => format!("{REQUEST}\r\n"),
    });
    assert_eq!(script.requests(), expected);
    let events = played
        .updates
        .iter()
        .filter(|update| update.starts_with("message"));
    assert_eq!(
        events.collect::<Vec<_>>(),
        [
            "message \"\" \"no id yet\"",
            "message \"1\" \"a\"",
            "message \"1\" \"a later one\"",
            "message \"\" \"b\""
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_stream_that_broke_goes_into_the_next() {
    let script = Script::new([
        stream("event: left\nid: 9\ndata: over\ndata"),
        stream("\u{feff}data: new\r"),
        stream("\ndata: newer\n\n"),
    ]);
    let played = play(&script, script.source()).await;
    let ended = "reconnecting: the server ended the stream";
    assert_eq!(
        played.updates,
        [
            "open",
            ended,
            "open",
            ended,
            "open",
            "message \"\" \"newer\"",
            ended
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_restarted_is_asked_for_what_comes_after() {
    let script = Script::new([
        opened([
            say("retry: 100\nid: 41\ndata: a\n\n"),
            Step::Break(std::io::ErrorKind::ConnectionReset),
        ]),
        super::script::Part::Refuse,
        super::script::Part::Refuse,
        stream("id: 42\ndata: b\n\n"),
    ]);
    let mut source = script.source();
    assert_eq!(source.next().await.unwrap().unwrap().id(), "41");
    assert_eq!(source.next().await.unwrap().unwrap().id(), "42");
    let resumed = format!("{REQUEST}last-event-id: 41\r\n\r\n");
    assert_eq!(
        script.requests(),
        [&format!("{REQUEST}\r\n"), "", "", &resumed]
    );
}
