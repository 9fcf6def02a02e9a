//! Data that is written, displayed or serialised, promise E7.

use std::fmt::{self, Display, Formatter, Write};

use peristyle_sse::{Event, EventBuilder};
use proptest::{
    collection::vec,
    prelude::{any, prop_assert_eq, proptest},
    sample::Index,
};

use crate::event::text;

fn written(event: EventBuilder<'_>, pieces: &[&str]) -> Event {
    let mut writer = event.writer().expect("valid fields");
    for piece in pieces {
        writer.write_str(piece).expect("writing never fails");
    }
    writer.finish()
}

#[test]
fn what_is_written_stands_after_the_other_fields() {
    let event = Event::builder()
        .data("first")
        .id("7")
        .comment("note")
        .event("add");
    let event = written(event, &["sec", "ond\nthi", "rd"]);
    assert_eq!(
        event.as_bytes(),
        ": note\nevent: add\nid: 7\ndata: first\ndata: second\ndata: third\n\n"
    );
}

#[test]
fn pieces_are_split_at_line_ends_wherever_they_end() {
    for (pieces, wire) in [
        (&[][..], "data: \n\n"),
        (&[""], "data: \n\n"),
        (&["a", "b"], "data: ab\n\n"),
        (&["a\n", "b"], "data: a\ndata: b\n\n"),
        (&["a", "\nb"], "data: a\ndata: b\n\n"),
        (&["a\r", "\nb"], "data: a\ndata: b\n\n"),
        (&["a\r", "", "\nb"], "data: a\ndata: b\n\n"),
        (&["a\r", "\n", "\nb"], "data: a\ndata: \ndata: b\n\n"),
        (&["a\r", "\r", "\nb"], "data: a\ndata: \ndata: b\n\n"),
        (&["a\r", "b", "\nc"], "data: a\ndata: b\ndata: c\n\n"),
        (&["a\n", "\nb"], "data: a\ndata: \ndata: b\n\n"),
        (&["a\r\n", "\nb"], "data: a\ndata: \ndata: b\n\n"),
        (&["a\r"], "data: a\ndata: \n\n"),
        (&["\r", "\n"], "data: \ndata: \n\n"),
        (&["", "\n"], "data: \ndata: \n\n"),
    ] {
        let event = written(Event::builder(), pieces);
        assert_eq!(event.as_bytes(), wire, "{pieces:?}");
    }
}

#[test]
fn a_writer_needs_valid_fields_but_no_data() {
    let error = Event::builder().event("a\nb").writer().unwrap_err();
    assert!(error.is_event());
    let error = Event::builder().id("é").writer().unwrap_err();
    assert!(error.is_restricted_id());
    assert!(Event::builder().event("add").writer().is_ok());
}

#[test]
fn a_value_is_displayed_line_by_line() {
    let event = Event::display(format_args!("{}\r{}", 1, "a\n")).unwrap();
    assert_eq!(event.as_bytes(), "data: 1\ndata: a\ndata: \n\n");
    assert_eq!(Event::display("").unwrap(), Event::data(""));
}

#[test]
fn a_value_that_cannot_be_displayed_is_an_error() {
    struct Broken;

    impl Display for Broken {
        fn fmt(&self, _: &mut Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }

    assert_eq!(Event::display(Broken), Err(fmt::Error));
}

proptest! {
    #[test]
    fn data_in_pieces_is_the_event_of_all_of_it(data in text(), cuts in vec(any::<Index>(), 0..5)) {
        let places: Vec<usize> = data.char_indices().map(|(at, _)| at).collect();
        let mut cuts: Vec<usize> = match places.len() {
            0 => Vec::new(),
            _ => cuts.iter().map(|cut| *cut.get(&places)).collect(),
        };
        cuts.sort_unstable();
        let mut writer = Event::builder().writer().unwrap();
        let mut start = 0;
        for cut in cuts {
            writer.write_str(&data[start..cut]).unwrap();
            start = cut;
        }
        writer.write_str(&data[start..]).unwrap();
        prop_assert_eq!(writer.finish(), Event::data(&data));
    }
}

#[cfg(feature = "json")]
mod json {
    use std::{collections::BTreeMap, error::Error};

    use peristyle_sse::{Event, JsonError};
    use serde_json::{json, value::RawValue};

    #[test]
    fn a_value_is_one_line_of_json() {
        let value = json!({"a": "line\r\nend", "b": [1, 2.5, null, "é\u{2028}🦀"]});
        let event = Event::json(&value).unwrap();
        assert_eq!(
            event.as_bytes(),
            "data: {\"a\":\"line\\r\\nend\",\"b\":[1,2.5,null,\"é\u{2028}🦀\"]}\n\n"
        );
    }

    #[test]
    fn json_stands_after_the_other_fields() {
        let event = Event::builder().event("add").data("first").id("7");
        let event = event.build_json("second").unwrap();
        assert_eq!(
            event.as_bytes(),
            "event: add\nid: 7\ndata: first\ndata: \"second\"\n\n"
        );
    }

    #[test]
    fn line_ends_of_a_raw_value_part_lines() {
        let raw = RawValue::from_string("[1,\r\n2,\r3,\n4]".to_owned()).unwrap();
        let event = Event::builder().event("add").build_json(&raw).unwrap();
        assert_eq!(
            event.as_bytes(),
            "event: add\ndata: [1,\ndata: 2,\ndata: 3,\ndata: 4]\n\n"
        );
    }

    #[test]
    fn a_value_without_a_form_in_json_is_a_typed_error() {
        let error = Event::json(&BTreeMap::from([([1, 2], 3)])).unwrap_err();
        assert_eq!(error.to_string(), "`data` has no form in JSON");
        assert_eq!(error.source().unwrap().to_string(), "key must be a string");
        assert_eq!(error.invalid_event(), None);
    }

    #[test]
    fn an_event_that_is_invalid_without_its_json_is_a_typed_error() {
        let error = Event::builder().id("a\nb").build_json(&1).unwrap_err();
        assert_eq!(error.to_string(), "the event around the JSON is invalid");
        assert_eq!(error.source().unwrap().to_string(), "line break in `id`");
        assert!(error.invalid_event().unwrap().is_id());
    }

    #[test]
    fn the_error_crosses_threads() {
        fn assert_error<E: Error + Send + Sync + 'static>() {}
        assert_error::<JsonError>();
    }
}
