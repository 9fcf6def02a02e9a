//! Events: what the encoder takes, the decoder gives back, with LF for each line end in the data.

use std::time::Duration;

#[cfg(test)]
use super::variations;
use super::{
    Law,
    reading::{pieces, read},
    sum,
    twin::{Decoded, message, normalise},
};
use crate::{Decoder, Event};

/// What stands between the data, the name, the id and the comment of the event that a text makes.
const SEPARATOR: char = '\u{1e}';
const LINE_ENDS: [char; 2] = ['\r', '\n'];

pub(super) fn law() -> Law {
    let seeds = [
        "",
        "\n",
        "\r\n\r",
        "\u{feff}a",
        " data: a\n\ndata: b\n",
        ": a\u{1e}price\u{1e}7\u{1e}note",
        "a\u{1e}na\rme\u{1e}7",
        "a\u{1e}\u{1e}7\0",
        "a\u{1e}\u{feff}\u{1e}\u{fffd}\u{1e}id: 8\n\n",
        "a line of more than sixteen bytes\rand another of more than sixteen\r\n",
    ];
    Law {
        holds,
        seeds: seeds.map(Vec::from).to_vec(),
        words: &[
            "\u{1e}",
            "\n",
            "\r",
            "\r\n",
            "\0",
            " ",
            ":",
            "data: ",
            "id: ",
            "event",
            "retry: 5",
            "\u{feff}",
            "\u{fffd}",
            "\u{85}",
            "\u{2028}",
            "\u{d7ff}",
            "\u{e000}",
            "\u{1f980}",
        ],
    }
}

#[test]
fn what_is_encoded_is_decoded() {
    variations::check(&law());
}

fn holds(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    comes_back(&Event::data(&text), "message", &text, "");
    fires_nothing(&Event::comment(&text));

    let mut fields = text.split(SEPARATOR);
    let [data, name, id, comment] = [(); 4].map(|()| fields.next().unwrap_or_default());
    let event = Event::builder().event(name).id_unrestricted(id);
    let built = event.data(data).comment(comment).build();
    let refused = name.contains(LINE_ENDS) || id.contains(LINE_ENDS) || id.contains('\0');
    assert_eq!(built.is_err(), refused, "{text:?}");
    if let Ok(event) = built {
        let name = if name.is_empty() { "message" } else { name };
        comes_back(&event, name, data, id);
    }
}

fn comes_back(event: &Event, name: &str, data: &str, id: &str) {
    let delayed = event.clone().with_retry(Duration::from_millis(5));
    for (event, retry) in [(event, None), (&delayed, Some(5))] {
        let expected = Decoded {
            events: vec![message(name, &normalise(data), id)],
            retry,
            last_event_id: id.to_owned(),
        };
        assert_eq!(decoded(event), expected, "{event:?}");
    }
}

fn fires_nothing(comment: &Event) {
    assert!(comment.is_comment());
    assert_eq!(decoded(comment), Decoded::default(), "{comment:?}");
}

fn decoded(event: &Event) -> Decoded {
    let bytes = event.as_bytes();
    let (decoded, excess) = read(Decoder::new(), pieces(bytes, sum(bytes)));
    assert_eq!(excess, None);
    decoded
}
