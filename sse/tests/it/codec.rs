//! Encoded and decoded, both by the crate: E2's law over any text, in chunks of any kind.

use std::time::Duration;

use peristyle_sse::{Decoder, Event};
use proptest::{
    collection::vec,
    option,
    prelude::{ProptestConfig, any, prop_assert_eq, proptest},
    sample::select,
};

use crate::{
    event::{id, name, text},
    reading::{pieces, read},
    twin::{Decoded, Message, decode, message, normalise},
};

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_data_comes_back_with_lf_for_every_line_end(data in text(), seed in any::<u64>()) {
        let event = Event::data(&data);
        let decoded = read(Decoder::new(), pieces(event.as_bytes(), seed));
        let events = vec![message("message", &normalise(&data), "")];
        prop_assert_eq!(decoded, (Decoded { events, ..Decoded::default() }, None));
    }

    #[test]
    fn any_text_at_all_comes_back_with_lf_for_every_line_end(data in any::<String>(), seed in any::<u64>()) {
        let event = Event::data(&data);
        let (decoded, _) = read(Decoder::new(), pieces(event.as_bytes(), seed));
        prop_assert_eq!(decoded.events, [message("message", &normalise(&data), "")]);
    }

    #[test]
    fn every_field_of_many_events_comes_back(
        sent in vec((name(), option::of(id()), any::<Option<u32>>(), text(), text()), 1..4),
        seed in any::<u64>(),
    ) {
        let mut bytes = Vec::new();
        let mut expected = Decoded::default();
        for (name, id, retry, comment, data) in &sent {
            let mut event = Event::builder().event(name).comment(comment).data(data);
            if let Some(id) = id {
                event = event.id_unrestricted(id);
                expected.last_event_id.clone_from(id);
            }
            if let Some(millis) = retry {
                event = event.retry(Duration::from_millis(u64::from(*millis)));
                expected.retry = Some(u64::from(*millis));
            }
            bytes.extend_from_slice(event.build().unwrap().as_bytes());
            expected.events.push(Message {
                event: if name.is_empty() { "message".to_owned() } else { name.clone() },
                data: normalise(data),
                id: expected.last_event_id.clone(),
            });
        }
        prop_assert_eq!(&read(Decoder::new(), pieces(&bytes, seed)), &(expected, None));
    }

    #[test]
    fn events_without_data_move_id_and_retry_alone(id in id(), retry in any::<u32>(), comment in text(), seed in any::<u64>()) {
        let event = Event::builder()
            .id_unrestricted(&id)
            .retry(Duration::from_millis(u64::from(retry)))
            .comment(&comment)
            .build()
            .unwrap();
        let expected = Decoded {
            events: Vec::new(),
            retry: Some(u64::from(retry)),
            last_event_id: id,
        };
        prop_assert_eq!(read(Decoder::new(), pieces(event.as_bytes(), seed)), (expected, None));
    }

    #[test]
    fn any_bytes_are_read_as_the_naive_reader_reads_them(bytes in vec(any::<u8>(), 0..200), seed in any::<u64>()) {
        let (decoded, excess) = read(Decoder::new(), pieces(&bytes, seed));
        prop_assert_eq!((decoded, excess), (decode(&bytes), None));
    }

    #[test]
    fn long_data_with_malformed_bytes_is_read_as_the_naive_reader_reads_it(
        runs in vec((select(LONG_PIECES), 1..200_usize), 0..40),
        seed in any::<u64>(),
    ) {
        let mut bytes = b"data:".to_vec();
        for (piece, times) in runs {
            bytes.extend(piece.repeat(times));
        }
        bytes.extend(b"\n\n");
        for chunks in [vec![&bytes[..]], pieces(&bytes, seed), bytes.chunks(1500).collect()] {
            prop_assert_eq!(read(Decoder::new(), chunks), (decode(&bytes), None));
        }
    }
}

/// What ends anywhere in a character, or in none.
const LONG_PIECES: &[&[u8]] = &[
    b"a",
    b"0123456789",
    "\u{e9}".as_bytes(),
    "\u{20ac}".as_bytes(),
    "\u{1f980}".as_bytes(),
    b"\xff",
    b"\x80",
    b"\xe2\x82",
    b"\xf0\x9f\xa6",
    b"\xed\xa0\x80",
    b"\ndata: ",
];
