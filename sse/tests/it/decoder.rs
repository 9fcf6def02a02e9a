//! The naive reader itself, by what the standard's text says.

pub(crate) use crate::twin::{Decoded, Message, decode, message, normalise};

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
