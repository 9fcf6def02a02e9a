//! Which answers open the stream, which end the source, and which are tried again: WHATWG HTML
//! §9.2.3, "Processing model".

use super::{
    script::{Part, STREAM, Script, answer, play, say, steps, stream, updates},
    wire::Step,
};

/// What becomes of a source after each of these answers; it never gets a second part.
async fn outcome(response: impl Into<Vec<u8>>) -> String {
    updates([answer(response)]).await.join(", ")
}

#[tokio::test(start_paused = true)]
async fn only_200_with_an_event_stream_opens_and_other_answers_are_final() {
    for status in 200..=599 {
        for content in ["text/event-stream", "text/html", ""] {
            let header = match content {
                "" => String::new(),
                content => format!("content-type: {content}\r\n"),
            };
            let length = if status == 204 {
                ""
            } else {
                "content-length: 0\r\n"
            };
            let expected = match (status, content) {
                (200, "text/event-stream") => {
                    "open, reconnecting: the server ended the stream".to_owned()
                }
                (200, "") => "error: no content type, end".to_owned(),
                (200, content) => format!("error: content type `{content}`, end"),
                (204, _) => "end".to_owned(),
                (status, _) => {
                    let status = http::StatusCode::from_u16(status).unwrap();
                    format!("error: status {status}, end")
                }
            };
            let response = format!("HTTP/1.1 {status} X\r\n{header}{length}\r\n");
            assert_eq!(outcome(response).await, expected, "{status} {content}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_content_type_is_told_by_its_essence() {
    for (headers, opens) in [
        ("content-type: text/event-stream", true),
        ("content-type: Text/Event-STREAM;charset=utf-8", true),
        ("content-type: \t text/event-stream \t; x=\"a,b/c\"", true),
        ("content-type: text/event-stream; x=\"\\\",a/b,\"", true),
        ("content-type: text/html, text/event-stream", true),
        (
            "content-type: text/html\r\ncontent-type: text/event-stream",
            true,
        ),
        ("content-type: text/event-stream, */*", true),
        ("content-type: text/event-stream, nonsense", true),
        (
            "content-type: text/event-stream\r\ncontent-type: text/html",
            false,
        ),
        ("content-type: text/event-stream, text/html", false),
        (
            "content-type: text/event-stream; x=\"\\\\\", text/html",
            false,
        ),
        ("content-type: text/event-streams", false),
        ("content-type: text/event-stream x", false),
        ("content-type: application/x; text/event-stream", false),
        ("content-type: event-stream", false),
        ("content-type: ", false),
        (
            "content-type: text/event-stream\r\ncontent-encoding: IDENTITY",
            true,
        ),
        (
            "content-type: text/event-stream\r\ncontent-encoding: gzip",
            false,
        ),
    ] {
        let response = format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n");
        let outcome = outcome(response).await;
        assert_eq!(outcome.starts_with("open, "), opens, "{headers}: {outcome}");
        assert_eq!(
            outcome.starts_with("error: content "),
            !opens && !outcome.starts_with("error: no content type"),
            "{headers}: {outcome}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn no_content_stops_a_source_that_was_open_before() {
    let script = Script::new([
        stream("data: a\n\n"),
        answer("HTTP/1.1 204 No Content\r\n\r\n"),
        stream("data: b\n\n"),
    ]);
    let mut source = script.source();
    assert_eq!(source.next().await.unwrap().unwrap().data(), "a");
    for _ in 0..3 {
        assert!(source.next().await.is_none());
    }
    assert_eq!(script.requests().len(), 2);
    assert_eq!(script.dropped(), [true, true]);
}

#[tokio::test(start_paused = true)]
async fn an_error_is_told_once_and_the_connection_closed() {
    let script = Script::new([
        steps([say("HTTP/1.1 500 X\r\n\r\n"), Step::Hang]),
        stream("data: b\n\n"),
    ]);
    let mut source = script.source();
    let error = source.next().await.unwrap().unwrap_err();
    assert_eq!(error.status().unwrap(), 500);
    for _ in 0..3 {
        assert!(source.next().await.is_none());
    }
    assert_eq!(script.dropped(), [true]);
}

#[tokio::test(start_paused = true)]
async fn what_never_becomes_a_response_is_tried_again() {
    let broke = "reconnecting: the connection broke";
    for (part, expected) in [
        (Part::Refuse, "reconnecting: no connection"),
        (Part::Hang, "reconnecting: no connection within 10s"),
        (answer(""), broke),
        (answer("SSH-2.0-OpenSSH_9.9\r\n"), broke),
        (answer("HTTP/1.1 200 OK\r\n"), broke),
        (answer("HTTP/1.1 2000 OK\r\n\r\n"), broke),
        (answer("HTTP/1.1 200 OK\r\nno colon\r\n\r\n"), broke),
        (
            answer("HTTP/1.1 200 OK\r\ncontent-length: a\r\n\r\n"),
            broke,
        ),
        (
            steps([Step::Break(std::io::ErrorKind::ConnectionReset)]),
            broke,
        ),
    ] {
        let all = updates([part, stream("data: a\n\n")]).await;
        let reopened = [
            "open",
            "message \"\" \"a\"",
            "reconnecting: the server ended the stream",
        ];
        assert_eq!(all[0], expected);
        assert_eq!(all[1..], reopened, "{expected}");
    }
}

/// A chunked response in pieces, and what a source has seen once the last byte of a piece has come.
const RESPONSE: [(&str, &[&str]); 7] = [
    (
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n",
        &["open"],
    ),
    ("3\r\n:\n\n\r\n", &[]),
    ("1a\r\nid: 1\nevent: a\ndata: first\r\n", &[]),
    ("2\r\n\n\n", &["a \"1\" \"first\""]),
    ("\r\ne\r\ndata: \u{e9}\n\n", &["message \"1\" \"\u{e9}\""]),
    ("data\r\n2\r\n\n\n", &["message \"1\" \"\""]),
    ("\r\n0\r\n\r\n", &[]),
];

#[tokio::test(start_paused = true)]
async fn a_response_torn_at_any_byte_gives_its_complete_events_and_is_asked_for_again() {
    let whole: String = RESPONSE.iter().map(|(piece, _)| *piece).collect();
    for cut in 0..=whole.len() {
        let script = Script::new([answer(&whole.as_bytes()[..cut]), stream("")]);
        let played = play(&script, script.source()).await.updates;

        let why = if cut == whole.len() {
            "the server ended the stream"
        } else {
            "the connection broke"
        };
        let mut expected = seen_at(cut);
        let id = expected.iter().any(|update| update.contains("\"1\""));
        expected.push(format!("reconnecting: {why}"));
        expected.extend([
            "open".to_owned(),
            "reconnecting: the server ended the stream".to_owned(),
        ]);
        assert_eq!(played, expected, "cut at {cut}");
        let resumed = script.requests()[1].ends_with("\r\nlast-event-id: 1\r\n\r\n");
        assert_eq!(resumed, id, "cut at {cut}");
    }
}

fn seen_at(cut: usize) -> Vec<String> {
    let mut end = 0;
    let mut seen = Vec::new();
    for (piece, updates) in RESPONSE {
        end += piece.len();
        if end <= cut {
            seen.extend(updates.iter().map(|&update| update.to_owned()));
        }
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn a_body_shorter_than_its_length_broke_and_one_as_long_has_ended() {
    let head = STREAM.replace("\r\n\r\n", "\r\ncontent-length: 9\r\n\r\n");
    let event = "message \"\" \"a\"";
    let cut = outcome(format!("{head}data: a\n")).await;
    assert_eq!(cut, "open, reconnecting: the connection broke");
    let whole = outcome(format!("{head}data: a\n\nmore")).await;
    let ended = format!("open, {event}, reconnecting: the server ended the stream");
    assert_eq!(whole, ended);
}

#[tokio::test(start_paused = true)]
async fn an_interim_response_is_passed_over() {
    let early = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n";
    assert_eq!(
        outcome(format!("{early}{early}{STREAM}")).await,
        "open, reconnecting: the server ended the stream"
    );
}

#[tokio::test(start_paused = true)]
async fn trailers_are_none_of_the_streams() {
    let head = STREAM.replace("\r\n\r\n", "\r\ntransfer-encoding: chunked\r\n\r\n");
    let event = "9\r\ndata: a\n\n\r\n";
    assert_eq!(
        outcome(format!("{head}{event}0\r\ndata: trailer\r\n\r\n")).await,
        "open, message \"\" \"a\", reconnecting: the server ended the stream"
    );
}
