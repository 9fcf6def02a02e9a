//! The decoder as its users hold it: what it takes, keeps and says, and when it gives up.

use std::time::Duration;

use peristyle_sse::{DecodeError, Decoder, MessageEvent};

const MIB: usize = 1024 * 1024;

#[track_caller]
fn next(decoder: &mut Decoder, input: &mut &[u8]) -> MessageEvent {
    let event = decoder.decode(input).expect("within the bounds");
    event.expect("an event is complete")
}

#[track_caller]
fn takes(decoder: &mut Decoder, mut input: &[u8]) {
    assert_eq!(decoder.decode(&mut input), Ok(None));
    assert_eq!(input, b"");
}

fn bounded() -> Decoder {
    Decoder::new().max_line(10).max_event(5)
}

#[track_caller]
fn refused(decoder: &mut Decoder, mut input: &[u8]) -> DecodeError {
    decoder.decode(&mut input).expect_err("beyond a bound")
}

#[test]
fn it_takes_bytes_up_to_the_end_of_an_event_and_no_further() {
    let mut decoder = Decoder::new();
    let mut input = &b"data: a\n\nid: 1\ndata: b\r\r\ndata: c"[..];

    assert_eq!(next(&mut decoder, &mut input).data(), "a");
    assert_eq!(input, b"id: 1\ndata: b\r\r\ndata: c");
    assert_eq!(decoder.last_event_id(), "");
    assert_eq!(next(&mut decoder, &mut input).data(), "b");
    assert_eq!(decoder.last_event_id(), "1");
    takes(&mut decoder, input);
}

#[test]
fn an_event_comes_with_the_byte_that_completes_it() {
    for end in ["\n\n", "\r\r", "\r\n\r", "\n\r"] {
        let stream = format!("data: a{end}");
        let (last, before) = stream.as_bytes().split_last().unwrap();
        let mut decoder = Decoder::new();
        takes(&mut decoder, before);
        assert_eq!(next(&mut decoder, &mut &[*last][..]).data(), "a", "{end:?}");
    }
}

#[test]
fn id_and_retry_are_told_as_of_now() {
    let mut decoder = Decoder::new();
    assert_eq!((decoder.last_event_id(), decoder.retry()), ("", None));

    takes(&mut decoder, b"id: 1\nretry: 1500\n");
    let delay = Some(Duration::from_millis(1500));
    assert_eq!((decoder.last_event_id(), decoder.retry()), ("", delay));

    takes(&mut decoder, b"\n");
    assert_eq!((decoder.last_event_id(), decoder.retry()), ("1", delay));

    takes(&mut decoder, b"id\nretry: 0\n\n");
    let delay = Some(Duration::ZERO);
    assert_eq!((decoder.last_event_id(), decoder.retry()), ("", delay));
}

#[test]
fn an_event_keeps_its_id_when_the_stream_moves_on() {
    let mut decoder = Decoder::new();
    let mut input = &b"id: 1\ndata: a\n\nid: 2\ndata: b\n\n"[..];
    let first = next(&mut decoder, &mut input);
    let second = next(&mut decoder, &mut input);
    assert_eq!((first.id(), second.id()), ("1", "2"));
}

#[test]
fn data_is_taken_out_of_an_event_without_a_copy() {
    let event = next(&mut Decoder::new(), &mut &b"data: a\ndata: b\n\n"[..]);
    let buffer = event.data().as_ptr();
    let data = event.into_data();
    assert_eq!((data.as_str(), data.as_ptr()), ("a\nb", buffer));
}

#[test]
fn data_of_one_line_takes_no_more_memory_than_it_needs() {
    let event = next(&mut Decoder::new(), &mut &b"data: 12345\n\n"[..]);
    assert_eq!(event.into_data().capacity(), 5);
}

#[test]
fn a_last_event_id_from_before_stays_until_the_stream_changes_it() {
    let mut decoder = Decoder::new().with_last_event_id("7");
    assert_eq!(decoder.last_event_id(), "7");
    let mut input = &b"data: a\n\nid: 8\ndata: b\n\nid\ndata: c\n\n"[..];
    for id in ["7", "8", ""] {
        assert_eq!(next(&mut decoder, &mut input).id(), id);
    }
}

#[test]
fn another_connection_begins_anew_with_the_id_and_the_delay_of_the_one_before() {
    let unfinished = "id: 2\nevent: e\ndata: b\n";
    for cut in ["", "dat", "data: c\r", ": comment", "\u{feff}"] {
        let mut decoder = Decoder::new();
        let mut first = &b"\xef\xbb\xbfid: 1\nretry: 5\ndata: a\n\n"[..];
        next(&mut decoder, &mut first);
        takes(&mut decoder, format!("{unfinished}{cut}").as_bytes());
        decoder.reset();

        assert_eq!(decoder.last_event_id(), "1");
        assert_eq!(decoder.retry(), Some(Duration::from_millis(5)));
        let event = next(&mut decoder, &mut &b"\xef\xbb\xbfdata: d\n\n"[..]);
        let fields = (event.event(), event.data(), event.id());
        assert_eq!(fields, ("message", "d", "1"), "{cut:?}");
    }
}

#[test]
fn an_lf_at_the_start_of_another_connection_is_a_line_of_its_own() {
    let mut decoder = Decoder::new();
    takes(&mut decoder, b"\xef\xbb\xbfdata: a\r");
    decoder.reset();
    // A byte order mark after it would be data; so the LF was a line.
    takes(&mut decoder, b"\n\xef\xbb\xbfdata: a\n\n");
}

#[test]
fn half_a_byte_order_mark_is_forgotten_with_its_connection() {
    let mut decoder = Decoder::new();
    takes(&mut decoder, b"\xef\xbb");
    decoder.reset();
    takes(&mut decoder, b"\xbfdata: a\n\n");
}

#[test]
fn a_line_beyond_its_bound_is_an_error_for_good() {
    let mut decoder = bounded();
    let error = refused(&mut decoder, b"id: 1\n\n0123456789a");
    assert_eq!(
        error.to_string(),
        "line of an event stream longer than 10 bytes"
    );
    assert!(error.is_line_too_long() && !error.is_event_too_long());
    for input in [&b""[..], b"\n", b"data: a\n\n"] {
        assert_eq!(refused(&mut decoder, input), error);
    }
    assert_eq!(decoder.last_event_id(), "1");
}

#[test]
fn an_event_beyond_its_bound_is_an_error_for_good() {
    let mut decoder = bounded();
    let error = refused(&mut decoder, b"data: a\ndata: bcde\n");
    assert_eq!(
        error.to_string(),
        "event of an event stream longer than 5 bytes"
    );
    assert!(error.is_event_too_long() && !error.is_line_too_long());
    assert_eq!(refused(&mut decoder, b"\n"), error);
}

#[test]
fn another_connection_begins_anew_after_an_error() {
    for beyond in [&b"0123456789a"[..], b"data: a\ndata: bcde\n"] {
        let mut decoder = bounded();
        refused(&mut decoder, beyond);
        decoder.reset();
        assert_eq!(
            next(&mut decoder, &mut &b"data:abcde\n\n"[..]).data(),
            "abcde"
        );
        refused(&mut decoder, beyond);
    }
}

#[test]
fn no_line_at_all_can_be_allowed() {
    let mut decoder = Decoder::new().max_line(0);
    takes(&mut decoder, b"\n\r\r\n\n");
    assert!(refused(&mut decoder, b":").is_line_too_long());
}

#[test]
fn by_default_a_line_has_at_most_4_mib() {
    let longest = [b"data: ", &vec![b'a'; 4 * MIB - 6][..], b"\n\n"].concat();
    let event = next(&mut Decoder::new(), &mut &longest[..]);
    assert_eq!(event.data().len(), 4 * MIB - 6);

    let too_long = [b":", &longest[..]].concat();
    assert!(refused(&mut Decoder::new(), &too_long).is_line_too_long());
    assert!(refused(&mut Decoder::new(), &too_long[..too_long.len() - 2]).is_line_too_long());
}

#[test]
fn by_default_an_event_has_at_most_8_mib() {
    let quarter = [b"data: ", &vec![b'a'; 2 * MIB - 1][..], b"\n"].concat();
    let mut decoder = Decoder::new();
    for _ in 0..3 {
        takes(&mut decoder, &quarter);
    }
    takes(
        &mut decoder,
        &[&quarter[..quarter.len() - 1], b"a\n"].concat(),
    );
    assert_eq!(next(&mut decoder, &mut &b"\n"[..]).data().len(), 8 * MIB);

    for _ in 0..4 {
        takes(&mut decoder, &quarter);
    }
    takes(&mut decoder, b"data\n");
    assert!(refused(&mut decoder, b"data\n").is_event_too_long());
}

#[test]
fn its_types_cross_threads_and_the_error_is_small() {
    fn assert_error<E: std::error::Error + Copy + Send + Sync + 'static>() {}
    fn assert_shared<T: Send + Sync + 'static>() {}
    assert_error::<DecodeError>();
    assert_shared::<Decoder>();
    assert_shared::<MessageEvent>();
    assert!(size_of::<DecodeError>() <= 2 * size_of::<usize>());
}

#[test]
fn debug_shows_an_event_and_what_the_decoder_knows() {
    let mut decoder = Decoder::new();
    let event = next(&mut decoder, &mut &b"event: e\nid: 1\ndata: a\n\n"[..]);
    assert_eq!(
        format!("{event:?}"),
        r#"MessageEvent { event: "e", data: "a", id: "1" }"#
    );
    assert_eq!(
        format!("{decoder:?}"),
        r#"Decoder { last_event_id: "1", retry: None, failed: None, .. }"#
    );
}
