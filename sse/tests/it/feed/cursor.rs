//! Cursors, promises H2 and H9.

use std::cmp::Ordering;

use peristyle_sse::{
    Event,
    feed::{Cursor, Epoch, Feed, InvalidCursor},
};
use proptest::prelude::*;

fn cursor(epoch: u64, offset: u64) -> Cursor {
    Cursor::new(Epoch::new(epoch), offset)
}

#[test]
fn the_text_is_the_epoch_in_base_36_and_the_offset() {
    for (epoch, offset, text) in [
        (0, 0, "0-0"),
        (35, 9, "z-9"),
        (36, 10, "10-10"),
        (u64::MAX, u64::MAX, "3w5e11264sgsf-18446744073709551615"),
    ] {
        assert_eq!(cursor(epoch, offset).to_string(), text);
        assert_eq!(text.parse(), Ok(cursor(epoch, offset)));
    }
    assert_eq!(format!("{:>6}", cursor(0, 1)), "   0-1");
    assert_eq!(
        cursor(u64::MAX, u64::MAX).to_string().len(),
        Cursor::MAX_LEN
    );
}

#[test]
fn what_no_log_has_written_is_no_cursor() {
    for text in [
        "",
        "-",
        "0",
        "0-",
        "-0",
        "00-0",
        "0-00",
        "01-1",
        "1-01",
        "A-1",
        "1-a",
        "1--1",
        "1-1-1",
        "+1-1",
        "1-+1",
        " 1-1",
        "1-1 ",
        "1_1",
        "é-1",
        "1-\u{661}",
        "\0-1",
        "1-1\n",
        "3w5e11264sgsg-1",
        "1-18446744073709551616",
        "10000000000000-1",
    ] {
        let parsed: Result<Cursor, InvalidCursor> = text.parse();
        assert_eq!(parsed.unwrap_err().to_string(), "not a cursor", "{text:?}");
    }
}

#[test]
fn cursors_of_one_epoch_are_ordered_and_those_of_two_are_not() {
    assert_eq!(
        cursor(1, 2).partial_cmp(&cursor(1, 3)),
        Some(Ordering::Less)
    );
    assert_eq!(
        cursor(1, 3).partial_cmp(&cursor(1, 3)),
        Some(Ordering::Equal)
    );
    assert_eq!(cursor(1, 2).partial_cmp(&cursor(2, 3)), None);
    assert_eq!(cursor(1, 2).partial_cmp(&cursor(2, 2)), None);
}

#[test]
fn feeds_have_epochs_of_their_own_unless_one_is_given() {
    let epochs = [Feed::new(), Feed::default()].map(|feed| feed.cursor().epoch());
    assert_ne!(epochs[0], epochs[1]);
    let feed = Feed::builder().epoch(Epoch::new(7)).build();
    assert_eq!(feed.publish(Event::data("")), cursor(7, 1));
    assert_eq!(feed.cursor().epoch().number(), 7);
}

proptest! {
    #[test]
    fn each_cursor_has_one_short_text(epoch: u64, offset: u64) {
        let text = cursor(epoch, offset).to_string();
        prop_assert!(text.len() <= 40);
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        prop_assert!(text.bytes().all(plain));
        prop_assert_eq!(text.parse(), Ok(cursor(epoch, offset)));
    }

    #[test]
    fn a_text_is_refused_or_that_of_its_cursor(text in "[0-9a-z]{0,14}-[0-9]{0,21}|\\PC{0,40}") {
        if let Ok(cursor) = text.parse::<Cursor>() {
            prop_assert_eq!(cursor.to_string(), text);
        }
    }
}
