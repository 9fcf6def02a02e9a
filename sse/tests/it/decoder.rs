//! A naive reader of event streams: WHATWG HTML §9.2.5 and §9.2.6 step by step, over all bytes at
//! once.
//!
//! It shares nothing with the crate, so that the two can disagree.

/// What a client has seen and remembers when the stream ends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) events: Vec<Message>,
    pub(crate) retry: Option<u64>,
    pub(crate) last_event_id: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: String,
}

pub(crate) fn message(event: &str, data: &str, id: &str) -> Message {
    Message {
        event: event.to_owned(),
        data: data.to_owned(),
        id: id.to_owned(),
    }
}

pub(crate) fn decode(stream: &[u8]) -> Decoded {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = normalise(text);
    let mut lines: Vec<&str> = text.split('\n').collect();
    // What follows the last line end is an unfinished line, or nothing.
    lines.pop();

    let mut decoder = Decoder::default();
    for line in lines {
        decoder.line(line);
    }
    decoder.decoded
}

/// The text with LF for every line end.
pub(crate) fn normalise(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[derive(Default)]
struct Decoder {
    data: String,
    event_type: String,
    last_event_id: String,
    decoded: Decoded,
}

impl Decoder {
    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.dispatch();
        } else if line.starts_with(':') {
        } else if let Some((name, value)) = line.split_once(':') {
            self.field(name, value.strip_prefix(' ').unwrap_or(value));
        } else {
            self.field(line, "");
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "event" => value.clone_into(&mut self.event_type),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_event_id),
            "retry" if !value.is_empty() && value.chars().all(|char| char.is_ascii_digit()) => {
                self.decoded.retry = Some(value.parse().unwrap_or(u64::MAX));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        self.decoded.last_event_id.clone_from(&self.last_event_id);
        let mut data = std::mem::take(&mut self.data);
        let mut event = std::mem::take(&mut self.event_type);
        if data.is_empty() {
            return;
        }
        if data.ends_with('\n') {
            data.pop();
        }
        if event.is_empty() {
            event.push_str("message");
        }
        self.decoded.events.push(Message {
            event,
            data,
            id: self.last_event_id.clone(),
        });
    }
}

#[track_caller]
fn check(stream: &str, events: &[Message]) {
    assert_eq!(decode(stream.as_bytes()).events, events, "{stream:?}");
}

#[test]
fn lines_of_one_block_are_one_event() {
    check(
        "data: ACME\ndata: +3\ndata: 17\n\n",
        &[message("message", "ACME\n+3\n17", "")],
    );
}

#[test]
fn ids_stick_until_an_empty_one_resets_them_and_the_unfinished_block_is_lost() {
    let stream = ": hello\n\n\
                  data: first\nid: 1\n\n\
                  data:second\n\n\
                  data:third\nid\n\n\
                  data:  fourth\n";
    check(
        stream,
        &[
            message("message", "first", "1"),
            message("message", "second", "1"),
            message("message", "third", ""),
        ],
    );
}

#[test]
fn data_without_a_value_fires_with_one_empty_line_each() {
    check(
        "data\n\ndata\ndata\n\ndata:",
        &[message("message", "", ""), message("message", "\n", "")],
    );
}

#[test]
fn only_one_space_after_the_colon_is_dropped() {
    check(
        "data:a\n\ndata: a\n\ndata:  a\n\ndata:\ta\n\n",
        &[
            message("message", "a", ""),
            message("message", "a", ""),
            message("message", " a", ""),
            message("message", "\ta", ""),
        ],
    );
}

#[test]
fn a_name_is_forgotten_with_the_block_that_had_no_data() {
    check(
        "event: add\n\ndata: 1\n\nevent: add\nevent: del\ndata: 2\n\nevent\ndata: 3\n\n",
        &[
            message("message", "1", ""),
            message("del", "2", ""),
            message("message", "3", ""),
        ],
    );
}

#[test]
fn lines_end_at_crlf_lf_and_cr() {
    check(
        "data: a\rdata: b\r\ndata: c\n\r\ndata: d\r\r",
        &[
            message("message", "a\nb\nc", ""),
            message("message", "d", ""),
        ],
    );
}

#[test]
fn one_byte_order_mark_is_dropped_and_the_next_spoils_the_name() {
    check("\u{feff}data: a\n\n", &[message("message", "a", "")]);
    check("\u{feff}\u{feff}data: a\n\n", &[]);
    check("\n\u{feff}data: a\n\n", &[]);
}

#[test]
fn malformed_bytes_are_replaced() {
    let decoded = decode(b"data: \xff\xe2\x82\n\n");
    assert_eq!(decoded.events, [message("message", "\u{fffd}\u{fffd}", "")]);
}

#[test]
fn unknown_names_are_ignored() {
    check("Data: a\n data: b\ndata\0: c\n: d\ntext\n\n", &[]);
}

#[test]
fn an_id_with_nul_is_ignored_and_one_without_data_is_committed_at_the_blank_line() {
    assert_eq!(decode(b"id: 1\n\nid: 2\0\n\n").last_event_id, "1");
    assert_eq!(decode(b"id: 1\n\nid: 2\n").last_event_id, "1");
    assert_eq!(decode(b"id: 1\n\nid: 2\n\n").last_event_id, "2");
}

#[test]
fn retry_takes_ascii_digits_only() {
    for (stream, retry) in [
        ("retry: 1500\n", Some(1500)),
        ("retry: 007\n", Some(7)),
        ("retry: 99999999999999999999999\n", Some(u64::MAX)),
        ("retry: 1s\n", None),
        ("retry: -1\n", None),
        ("retry: \u{661}\n", None),
        ("retry\n", None),
        ("retry:  1\n", None),
    ] {
        assert_eq!(decode(stream.as_bytes()).retry, retry, "{stream:?}");
    }
}
