//! The encoder, promises E1 to E6: bytes asserted as they are, and read back by a decoder that
//! shares no code with it.

use std::{error::Error, time::Duration};

use peristyle_sse::{Event, EventBuilder, InvalidEvent};
use proptest::{
    collection::vec,
    prelude::{
        Just, ProptestConfig, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest,
    },
};

use crate::decoder::{Decoded, decode, message, normalise};

#[track_caller]
fn check(event: &Event, wire: &str) {
    assert_eq!(event.as_bytes(), wire);
}

#[track_caller]
fn refused(event: EventBuilder<'_>) -> InvalidEvent {
    event.build().expect_err("refused")
}

// E1

#[test]
fn every_kind_of_event_is_utf8_without_a_byte_order_mark_and_ends_with_a_blank_line() {
    let mark = "\u{feff}";
    for event in [
        Event::data(mark),
        Event::comment(mark),
        Event::builder().event(mark).data("").build().unwrap(),
        Event::builder().id_unrestricted(mark).build().unwrap(),
        Event::builder().retry(Duration::ZERO).build().unwrap(),
    ] {
        let text = std::str::from_utf8(event.as_bytes()).unwrap();
        assert!(!text.starts_with(mark), "{text:?}");
        assert!(text.ends_with("\n\n"), "{text:?}");
    }
}

#[test]
fn a_byte_order_mark_at_the_start_of_the_first_data_is_data() {
    let event = Event::data("\u{feff}a");
    check(&event, "data: \u{feff}a\n\n");
    assert_eq!(
        decode(event.as_bytes()).events,
        [message("message", "\u{feff}a", "")]
    );
}

#[test]
fn clones_and_the_bytes_taken_out_share_one_buffer() {
    let event = Event::data("shared");
    let buffer = event.as_bytes().as_ptr();
    let clone = event.clone();
    assert_eq!(clone.as_bytes().as_ptr(), buffer);
    assert_eq!(event.into_bytes().as_ptr(), buffer);
    assert_eq!(clone.into_bytes().as_ptr(), buffer);
}

// E2

#[test]
fn data_is_split_at_crlf_lf_and_cr() {
    for (data, wire) in [
        ("", "data: \n\n"),
        ("a", "data: a\n\n"),
        (" a", "data:  a\n\n"),
        ("a\nb", "data: a\ndata: b\n\n"),
        ("a\rb", "data: a\ndata: b\n\n"),
        ("a\r\nb", "data: a\ndata: b\n\n"),
        ("a\n\rb", "data: a\ndata: \ndata: b\n\n"),
        ("a\r\r\nb", "data: a\ndata: \ndata: b\n\n"),
        ("\n", "data: \ndata: \n\n"),
        ("\r\n", "data: \ndata: \n\n"),
        ("a\n\n", "data: a\ndata: \ndata: \n\n"),
        (":a", "data: :a\n\n"),
        ("data: a", "data: data: a\n\n"),
        ("\0", "data: \0\n\n"),
        (
            "a\u{85}b\u{2028}c\u{b}d",
            "data: a\u{85}b\u{2028}c\u{b}d\n\n",
        ),
    ] {
        check(&Event::data(data), wire);
    }
}

#[test]
fn a_line_end_is_found_wherever_it_stands_in_long_data() {
    for at in 0..200 {
        let (before, after) = ("a".repeat(at), "b".repeat(200 - at));
        for line_end in ["\n", "\r", "\r\n"] {
            check(
                &Event::data(&format!("{before}{line_end}{after}")),
                &format!("data: {before}\ndata: {after}\n\n"),
            );
        }
    }
}

#[test]
fn data_of_several_calls_is_joined_with_a_line_end() {
    for (first, second, wire) in [
        ("a", "b", "data: a\ndata: b\n\n"),
        ("", "", "data: \ndata: \n\n"),
        ("a\r", "\nb", "data: a\ndata: \ndata: \ndata: b\n\n"),
    ] {
        let event = Event::builder().data(first).data(second).build().unwrap();
        check(&event, wire);
    }
    let event = Event::builder()
        .data("a")
        .data("b")
        .data("c")
        .build()
        .unwrap();
    check(&event, "data: a\ndata: b\ndata: c\n\n");
}

// E3

#[test]
fn fields_are_written_in_one_order_whatever_the_order_of_the_calls() {
    type Call = fn(EventBuilder<'static>) -> EventBuilder<'static>;
    let calls: [Call; 5] = [
        |event| event.comment("note"),
        |event| event.event("add"),
        |event| event.id("7"),
        |event| event.retry(Duration::from_secs(1)),
        |event| event.data("x"),
    ];
    for start in 0..calls.len() {
        for step in 1..calls.len() {
            let event = (0..calls.len())
                .map(|call| calls[(start + call * step) % calls.len()])
                .fold(Event::builder(), |event, call| call(event));
            check(
                &event.build().unwrap(),
                ": note\nevent: add\nid: 7\nretry: 1000\ndata: x\n\n",
            );
        }
    }
}

#[test]
fn values_follow_exactly_one_space() {
    let event = Event::builder()
        .comment("")
        .event(" add")
        .id(" 7")
        .data("")
        .build()
        .unwrap();
    check(&event, ": \nevent:  add\nid:  7\ndata: \n\n");
    let decoded = decode(event.as_bytes());
    assert_eq!(decoded.events, [message(" add", "", " 7")]);
}

#[test]
fn the_last_name_id_and_delay_win() {
    let event = Event::builder()
        .event("add")
        .event("del")
        .id_unrestricted("a:b")
        .id("7")
        .retry(Duration::from_secs(1))
        .retry(Duration::from_secs(2))
        .data("x");
    check(
        &event.build().unwrap(),
        "event: del\nid: 7\nretry: 2000\ndata: x\n\n",
    );
}

#[test]
fn an_empty_name_means_message_and_writes_nothing() {
    let event = Event::builder().event("add").event("").data("x").build();
    check(&event.unwrap(), "data: x\n\n");
}

#[test]
fn an_empty_id_resets_the_cursor() {
    let set = Event::builder().id("7").data("x").build().unwrap();
    let reset = Event::builder().id("").build().unwrap();
    check(&reset, "id: \n\n");
    let stream = [set.into_bytes(), reset.into_bytes()].concat();
    assert_eq!(decode(&stream).last_event_id, "");
}

#[test]
fn an_event_without_data_may_move_the_cursor_or_set_the_delay() {
    for (event, wire) in [
        (Event::builder().id("7"), "id: 7\n\n"),
        (Event::builder().retry(Duration::ZERO), "retry: 0\n\n"),
        (Event::builder().comment("note"), ": note\n\n"),
    ] {
        let event = event.build().unwrap();
        check(&event, wire);
        assert_eq!(decode(event.as_bytes()).events, []);
    }
}

#[test]
fn an_event_that_would_do_nothing_is_refused() {
    for (event, wording) in [
        (Event::builder(), "no `data`, nor any other field"),
        (Event::builder().event(""), "no `data`, nor any other field"),
        (
            Event::builder().event("add"),
            "`event` without `data` would never fire",
        ),
        (
            Event::builder().event("add").id("7").comment("note"),
            "`event` without `data` would never fire",
        ),
    ] {
        let error = refused(event);
        assert_eq!(error.to_string(), wording);
        assert!(error.is_missing_data());
        assert!(!error.is_event() && !error.is_id() && !error.is_restricted_id());
    }
}

// E4

#[test]
fn a_line_break_in_the_name_is_refused() {
    for name in ["\n", "\r", "a\r\nb", "add\ndata: injected", "add\n\n"] {
        let error = refused(Event::builder().event(name).data("x"));
        assert_eq!(error.to_string(), "line break in `event`");
        assert!(error.is_event());
        assert!(!error.is_id() && !error.is_restricted_id() && !error.is_missing_data());
    }
}

#[test]
fn a_line_break_or_nul_in_the_id_is_refused_by_both_setters() {
    for (id, wording) in [
        ("\n", "line break in `id`"),
        ("7\r", "line break in `id`"),
        ("7\r\ndata: injected", "line break in `id`"),
        ("\0", "NUL in `id`"),
        ("7\0", "NUL in `id`"),
    ] {
        for event in [
            Event::builder().id(id),
            Event::builder().id_unrestricted(id),
        ] {
            let error = refused(event.data("x"));
            assert_eq!(error.to_string(), wording, "{id:?}");
            assert!(error.is_id());
            assert!(!error.is_restricted_id() && !error.is_event() && !error.is_missing_data());
        }
    }
}

#[test]
fn nul_in_name_data_and_comment_is_kept() {
    let event = Event::builder().event("\0").data("\0").comment("\0");
    check(&event.build().unwrap(), ": \0\nevent: \0\ndata: \0\n\n");
}

#[test]
fn the_error_is_small_and_crosses_threads() {
    fn assert_error<E: Error + Send + Sync + 'static>() {}
    assert_error::<InvalidEvent>();
    assert!(size_of::<InvalidEvent>() <= size_of::<usize>());
}

// E5

#[test]
fn the_id_takes_exactly_the_ascii_of_the_cors_safelist() {
    // Fetch §2.2.2, "CORS-unsafe request-header byte", without what E4 refuses anyway.
    let unsafe_bytes = |byte: u8| {
        (byte < 0x20 && byte != 0x09)
            || [0x22, 0x28, 0x29, 0x3a, 0x3c, 0x3e, 0x3f, 0x40].contains(&byte)
            || [0x5b, 0x5c, 0x5d, 0x7b, 0x7d, 0x7f].contains(&byte)
    };
    for byte in (1..0x80).filter(|byte| !b"\r\n".contains(byte)) {
        let id = format!("a{}", char::from(byte));
        let built = Event::builder().id(&id).build();
        if unsafe_bytes(byte) {
            let error = built.unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("byte {byte:#04x} in `id` is not CORS-safelisted")
            );
            assert!(error.is_id() && error.is_restricted_id());
            assert!(!error.is_event() && !error.is_missing_data());
        } else {
            check(&built.unwrap(), &format!("id: {id}\n\n"));
        }
        let unrestricted = Event::builder().id_unrestricted(&id).build().unwrap();
        check(&unrestricted, &format!("id: {id}\n\n"));
    }
}

#[test]
fn an_id_beyond_ascii_needs_the_unrestricted_setter() {
    let error = refused(Event::builder().id("é"));
    assert_eq!(
        error.to_string(),
        "byte 0xc3 in `id` is not CORS-safelisted"
    );
    assert!(error.is_restricted_id());
    let event = Event::builder().id_unrestricted("é").build().unwrap();
    check(&event, "id: é\n\n");
}

#[test]
fn an_id_over_128_bytes_needs_the_unrestricted_setter() {
    let (longest, too_long) = ("7".repeat(128), "7".repeat(129));
    let event = Event::builder().id(&longest).build().unwrap();
    check(&event, &format!("id: {longest}\n\n"));

    let error = refused(Event::builder().id(&too_long));
    assert_eq!(error.to_string(), "`id` longer than 128 bytes");
    assert!(error.is_id() && error.is_restricted_id());

    let event = Event::builder().id_unrestricted(&too_long).build().unwrap();
    check(&event, &format!("id: {too_long}\n\n"));
}

// E6

#[test]
fn the_delay_is_written_in_whole_milliseconds_rounded_up_and_clamped() {
    for (delay, millis) in [
        (Duration::ZERO, 0),
        (Duration::from_nanos(1), 1),
        (Duration::from_micros(999), 1),
        (Duration::from_millis(1), 1),
        (Duration::from_micros(1001), 2),
        (Duration::from_secs(3), 3000),
        (Duration::from_millis(u64::MAX), u64::MAX),
        (
            Duration::from_millis(u64::MAX) + Duration::from_nanos(1),
            u64::MAX,
        ),
        (Duration::MAX, u64::MAX),
    ] {
        let event = Event::builder().retry(delay).build().unwrap();
        check(&event, &format!("retry: {millis}\n\n"));
        assert_eq!(decode(event.as_bytes()).retry, Some(millis));
    }
}

#[test]
fn every_line_of_a_comment_is_a_comment_line() {
    for (text, wire) in [
        ("", ": \n\n"),
        ("a", ": a\n\n"),
        ("a\nb\rc\r\nd", ": a\n: b\n: c\n: d\n\n"),
        ("a\n\ndata: injected", ": a\n: \n: data: injected\n\n"),
        ("a\n", ": a\n: \n\n"),
        (":a", ": :a\n\n"),
    ] {
        check(&Event::comment(text), wire);
    }
    let event = Event::builder().comment("a").data("x").comment("b\nc");
    check(&event.build().unwrap(), ": a\n: b\n: c\ndata: x\n\n");
}

#[test]
fn only_a_comment_alone_is_a_comment() {
    for (event, is_comment) in [
        (Event::builder().comment("a\nb"), true),
        (Event::builder().comment(""), true),
        (Event::builder().comment("a").data(""), false),
        (Event::builder().comment("a").id("7"), false),
        (Event::builder().comment("a").retry(Duration::ZERO), false),
        (Event::builder().data(": a"), false),
        (Event::builder().data("\n"), false),
    ] {
        let event = event.build().unwrap();
        assert_eq!(event.is_comment(), is_comment, "{event:?}");
    }
}

#[test]
fn a_delay_can_be_added_in_its_place_once() {
    for (event, wire) in [
        (Event::builder().data("x"), "retry: 2000\ndata: x\n\n"),
        (
            Event::builder()
                .comment("id: a")
                .event("add")
                .id("7")
                .data("x\ny"),
            ": id: a\nevent: add\nid: 7\nretry: 2000\ndata: x\ndata: y\n\n",
        ),
        (
            Event::builder().event("retry: 1").data("id: 1"),
            "event: retry: 1\nretry: 2000\ndata: id: 1\n\n",
        ),
        (Event::builder().id("7"), "id: 7\nretry: 2000\n\n"),
        (
            Event::builder().id("7").retry(Duration::ZERO).data("x"),
            "id: 7\nretry: 0\ndata: x\n\n",
        ),
        (Event::builder().retry(Duration::ZERO), "retry: 0\n\n"),
        (Event::builder().comment("a\nb"), ": a\n: b\n\n"),
    ] {
        let event = event.build().unwrap().with_retry(Duration::from_secs(2));
        check(&event, wire);
        check(&event.with_retry(Duration::from_secs(9)), wire);
    }
}

#[test]
fn a_delay_added_later_gives_the_event_that_was_built_with_it() {
    let delay = Duration::from_micros(2500);
    let event = || Event::builder().comment("a").event("add").id("7").data("x");
    assert_eq!(
        event().build().unwrap().with_retry(delay),
        event().retry(delay).build().unwrap()
    );
}

#[test]
fn debug_shows_the_text_escaped() {
    assert_eq!(
        format!("{:?}", Event::data("é\0")),
        r#"Event("data: é\0\n\n")"#
    );
}

/// Text made of what a line format can stumble over.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop_oneof![Just("\r"), Just("\n"), Just("\r\n")],
        4 => prop_oneof![Just(" "), Just(":"), Just("\t"), Just("\0"), Just("\u{feff}")],
        2 => prop_oneof![Just("data: "), Just("id"), Just("event:"), Just("retry: 1")],
        2 => prop_oneof![Just("é"), Just("€"), Just("🦀"), Just("\u{85}"), Just("\u{2028}")],
        2 => prop_oneof![Just("\u{d7ff}"), Just("\u{e000}"), Just("\u{fffd}"), Just("\u{10ffff}")],
    ]
    .prop_map(str::to_owned);
    let piece = prop_oneof![
        8 => piece,
        2 => any::<char>().prop_map(String::from),
        1 => (1..300_usize).prop_map(|length| "x".repeat(length)),
    ];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

pub(crate) fn name() -> impl Strategy<Value = String> {
    text().prop_map(|text| text.replace(['\r', '\n'], ""))
}

pub(crate) fn id() -> impl Strategy<Value = String> {
    name().prop_map(|text| text.replace('\0', ""))
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 512,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn decoding_gives_back_the_data_with_lf_for_every_line_end(data in text()) {
        let decoded = decode(Event::data(&data).as_bytes());
        prop_assert_eq!(decoded.events, [message("message", &normalise(&data), "")]);
    }

    #[test]
    fn decoding_gives_exactly_the_fields_that_were_accepted(
        name in name(),
        id in id(),
        comment in text(),
        data in vec(text(), 1..4),
    ) {
        let event = data
            .iter()
            .fold(Event::builder(), |event, data| event.data(data))
            .event(&name)
            .id_unrestricted(&id)
            .comment(&comment)
            .build()
            .unwrap();
        let name = if name.is_empty() { "message" } else { &name };
        let data: Vec<String> = data.iter().map(|data| normalise(data)).collect();
        prop_assert_eq!(
            decode(event.as_bytes()),
            Decoded {
                events: vec![message(name, &data.join("\n"), &id)],
                retry: None,
                last_event_id: id,
            }
        );
    }

    #[test]
    fn a_name_or_id_is_refused_or_read_back_exactly(name in text(), id in text()) {
        let built = Event::builder().event(&name).id_unrestricted(&id).data("x").build();
        let line_break = ['\r', '\n'];
        prop_assert_eq!(
            built.is_err(),
            name.contains(line_break) || id.contains(line_break) || id.contains('\0')
        );
        if let Ok(event) = built {
            let name = if name.is_empty() { "message" } else { &name };
            prop_assert_eq!(decode(event.as_bytes()).events, [message(name, "x", &id)]);
        }
    }

    #[test]
    fn no_comment_fires_or_is_remembered(text in text()) {
        let event = Event::comment(&text);
        prop_assert!(event.is_comment());
        prop_assert_eq!(decode(event.as_bytes()), Decoded::default());
        prop_assert_eq!(event.clone().with_retry(Duration::from_secs(1)), event);
    }

    #[test]
    fn adding_a_delay_changes_nothing_else(name in name(), id in id(), comment in text(), data in text()) {
        let event = Event::builder()
            .event(&name)
            .id_unrestricted(&id)
            .comment(&comment)
            .data(&data)
            .build()
            .unwrap();
        let decoded = decode(event.as_bytes());
        let delayed = decode(event.with_retry(Duration::from_secs(1)).as_bytes());
        prop_assert_eq!(delayed, Decoded { retry: Some(1000), ..decoded });
    }
}
