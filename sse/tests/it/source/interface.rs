//! What a program does with a source.

use std::time::Duration;

use peristyle_sse::client::{Error, EventSource, Update};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, duplex},
    runtime::Handle,
    sync::mpsc,
    time::timeout,
};
use tokio_stream::StreamExt;

use super::{
    script::{Part, STREAM, Script, URL, answer, get, opened, play, say, stream, told},
    wire::Step,
};

#[tokio::test(start_paused = true)]
async fn a_loop_over_the_events_sees_nothing_of_what_happens_between_them() {
    let script = Script::new([
        stream("data: a\n\nevent: price\nid: 2\ndata: b\n\n"),
        Part::Refuse,
        stream(""),
        stream("data: c\n\n"),
        answer("HTTP/1.1 204 X\r\n\r\n"),
    ]);
    let mut source = script.source();
    let mut events = Vec::new();
    while let Some(event) = source.next().await {
        let event = event.unwrap();
        events.push(format!("{} {} {}", event.event(), event.id(), event.data()));
    }
    assert_eq!(events, ["message  a", "price 2 b", "message 2 c"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_and_its_updates_are_streams() {
    let script = Script::new([stream("data: a\n\n"), answer("HTTP/1.1 404 X\r\n\r\n")]);
    let events: Vec<_> = StreamExt::collect(script.source()).await;
    let [Ok(event), Err(error)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((event.data(), error.status().unwrap().as_u16()), ("a", 404));

    let script = Script::new([stream("data: a\n\n"), answer("HTTP/1.1 404 X\r\n\r\n")]);
    let mut source = script.source();
    let updates: Vec<_> = StreamExt::collect(source.updates()).await;
    let updates: Vec<_> = updates.into_iter().map(|it| told(Some(&it))).collect();
    assert_eq!(
        updates,
        [
            "open",
            "message \"\" \"a\"",
            "reconnecting: the server ended the stream",
            "error: status 404 Not Found"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn updates_can_be_looked_at_for_a_while() {
    let script = Script::new([stream("data: a\n\ndata: b\n\ndata: c\n\n")]);
    let mut source = script.source();
    assert_eq!(told(source.updates().next().await.as_ref()), "open");
    assert_eq!(source.next().await.unwrap().unwrap().data(), "a");
    let update = source.updates().next().await.unwrap().unwrap();
    assert!(matches!(update, Update::Event(event) if event.data() == "b"));
    assert_eq!(source.next().await.unwrap().unwrap().data(), "c");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_before_the_first_poll() {
    let script = Script::new([stream("")]);
    let source = script.source();
    tokio::task::yield_now().await;
    assert!(script.urls().is_empty());
    drop(source);
}

#[tokio::test(start_paused = true)]
async fn a_source_spawns_nothing() {
    let script = Script::new([opened([say("data: a\n\n"), Step::Hang])]);
    let mut source = script.source();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "a");
    assert!(
        timeout(Duration::from_secs(1), source.next())
            .await
            .is_err()
    );
    assert_eq!(Handle::current().metrics().num_alive_tasks(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_is_dropped_loses_nothing() {
    let pause = || Step::Wait(Duration::from_millis(700));
    let script = Script::new([
        opened([pause(), say("data: a\n"), pause(), say("\n"), pause()]),
        opened([say("data: b"), pause(), say("\n\n"), Step::Hang]),
    ]);
    let mut source = script.source();
    let mut events = Vec::new();
    while events.len() < 2 {
        if let Ok(event) = timeout(Duration::from_millis(100), source.next()).await {
            events.push(event.unwrap().unwrap().into_data());
        }
    }
    assert_eq!(events, ["a", "b"]);
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn the_last_event_id_moves_with_the_events_that_were_given() {
    let script = Script::new([stream("id: 1\ndata: a\n\nid: 2\ndata: b\n\nid: 3\n\n")]);
    let mut source = script.source();
    assert_eq!(source.last_event_id(), "");
    for (id, data) in [("1", "a"), ("2", "b")] {
        assert_eq!(source.next().await.unwrap().unwrap().data(), data);
        assert_eq!(source.last_event_id(), id);
    }
    let mut updates = source.updates();
    let ended = told(updates.next().await.as_ref());
    assert_eq!(ended, "reconnecting: the server ended the stream");
    assert_eq!(source.last_event_id(), "3");
}

#[tokio::test(start_paused = true)]
async fn closing_and_dropping_close_the_socket_in_every_state() {
    for wait in [0, 1, 2] {
        let script = Script::new([match wait {
            0 => super::script::steps([Step::Hang]),
            1 => opened([Step::Hang]),
            _ => stream(""),
        }]);
        for close in [EventSource::close, |source: &mut EventSource| {
            *source = EventSource::new(URL).unwrap();
        }] {
            let mut source = script.source();
            let waited = timeout(Duration::from_secs(1), source.next()).await;
            assert!(waited.is_err());
            close(&mut source);
            assert!(script.dropped().iter().all(|&dropped| dropped));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_closed_source_has_ended() {
    let script = Script::new([opened([say("data: a\n\n"), Step::Hang]), stream("")]);
    let mut source = script.source();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "a");
    source.close();
    for _ in 0..3 {
        assert!(source.next().await.is_none());
        assert!(source.updates().next().await.is_none());
    }
    assert_eq!(script.urls().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_server_sees_the_connection_closed() {
    let (tx, mut rx) = mpsc::channel(1);
    let mut source = EventSource::builder(get(URL))
        .connect_with(move |_| {
            let (ours, theirs) = duplex(1024);
            let sent = tx.try_send(theirs);
            async move { sent.map(|()| ours).map_err(|_| "the server is full") }
        })
        .build()
        .unwrap();
    assert!(
        timeout(Duration::from_secs(1), source.next())
            .await
            .is_err()
    );
    let mut server = rx.recv().await.unwrap();
    server.write_all(STREAM.as_bytes()).await.unwrap();
    server.write_all(b"data: a\n\n").await.unwrap();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "a");
    drop(source);
    let mut request = String::new();
    server.read_to_string(&mut request).await.unwrap();
    assert!(request.starts_with("GET /prices HTTP/1.1\r\n"));
}

/// The updates of a source that never reconnects.
async fn once(part: Part) -> String {
    let script = Script::new([part, stream("data: again\n\n")]);
    let source = script.builder(get(URL)).once().reconnect_on(|_| true);
    let source = source.build().expect("a URL that can be followed");
    let played = play(&script, source).await;
    assert_eq!(script.urls().len(), 1);
    played.updates.join(", ")
}

#[tokio::test(start_paused = true)]
async fn a_source_that_reads_once_ends_with_its_stream_and_fails_with_any_failure() {
    let head = STREAM.replace("\r\n\r\n", "\r\ncontent-length: 9\r\n\r\n");
    let whole = answer(format!("{head}data: a\n\n"));
    assert_eq!(once(whole).await, "open, message \"\" \"a\", end");
    let torn = answer(format!("{head}data: a\n"));
    assert_eq!(once(torn).await, "open, error: the connection broke, end");
    assert_eq!(once(Part::Refuse).await, "error: no connection, end");
    let silent = opened([Step::Hang]);
    assert_eq!(once(silent).await, "open, error: silence for 60s, end");
    let overloaded = answer("HTTP/1.1 503 X\r\n\r\n");
    assert_eq!(
        once(overloaded).await,
        "error: status 503 Service Unavailable, end"
    );
    assert_eq!(once(answer("HTTP/1.1 204 X\r\n\r\n")).await, "end");
}

#[tokio::test(start_paused = true)]
async fn an_error_answers_what_a_program_asks() {
    let questions = |error: &Error| {
        [
            error.is_connect(),
            error.is_timeout(),
            error.is_ended(),
            error.is_redirect(),
            error.is_content(),
            error.is_decode(),
            error.status().is_some(),
        ]
        .map(u8::from)
    };
    for (part, answers) in [
        (Part::Refuse, [1, 0, 0, 0, 0, 0, 0]),
        (Part::Hang, [1, 1, 0, 0, 0, 0, 0]),
        (super::script::steps([Step::Hang]), [0, 1, 0, 0, 0, 0, 0]),
        (opened([Step::Hang]), [0, 1, 0, 0, 0, 0, 0]),
        (answer(""), [0; 7]),
        (stream(""), [0, 0, 1, 0, 0, 0, 0]),
        (
            answer("HTTP/1.1 302 X\r\nlocation: x:\r\n\r\n"),
            [0, 0, 0, 1, 0, 0, 0],
        ),
        (answer("HTTP/1.1 200 X\r\n\r\n"), [0, 0, 0, 0, 1, 0, 0]),
        (stream("data: 12345\n\n"), [0, 0, 0, 0, 0, 1, 0]),
        (answer("HTTP/1.1 404 X\r\n\r\n"), [0, 0, 0, 0, 0, 0, 1]),
    ] {
        let script = Script::new([part]);
        let mut source = script.builder(get(URL)).max_event(4).build().unwrap();
        let mut updates = source.updates();
        let error = loop {
            match updates.next().await.unwrap() {
                Ok(Update::Reconnecting { why, .. }) => break why,
                Err(error) => break error,
                Ok(_) => {}
            }
        };
        assert_eq!(questions(&error), answers, "{error}");
    }
}

#[test]
fn a_source_crosses_threads_and_its_error_is_one_word_wide() {
    fn crosses<T: Send + Unpin + 'static>() {}
    crosses::<EventSource>();
    crosses::<Error>();
    fn is_shared<T: Sync>() {}
    is_shared::<Error>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}
