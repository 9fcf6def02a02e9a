//! What is sent, and what the standard (WHATWG HTML §9.2) says is seen of it.

use std::time::Duration;

use peristyle::{
    BoxError,
    sse::{Event, InvalidEvent},
};

use super::{
    conformance,
    twin::{Message, normalise},
};

/// An event that is fired: its type, its data, and the last event id as of it.
pub(crate) type Seen = [String; 3];

pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) sent: Sent,
    pub(crate) seen: Vec<Seen>,
}

pub(crate) enum Sent {
    /// Of our encoder.
    Events(Vec<Event>),
    Bytes(Vec<u8>),
}

impl Sent {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Events(events) => events
                .iter()
                .flat_map(|it| it.as_bytes().to_vec())
                .collect(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Events(events) => events.iter().map(|it| it.as_bytes().len()).sum(),
            Self::Bytes(bytes) => bytes.len(),
        }
    }
}

pub(crate) fn all() -> Result<Vec<Case>, BoxError> {
    let mut cases: Vec<_> = given().collect();
    cases.extend(of_data());
    cases.extend(of_fields()?);
    Ok(cases)
}

/// The cases of our own decoder. No other has its bounds.
fn given() -> impl Iterator<Item = Case> {
    let unbounded = conformance::cases().into_iter();
    let unbounded = unbounded.filter(|case| case.bounds.is_none());
    unbounded.map(|case| Case {
        name: format!("{}: {}", case.promise, case.name),
        sent: Sent::Bytes(case.bytes),
        seen: case.decoded.events.into_iter().map(seen).collect(),
    })
}

fn seen(message: Message) -> Seen {
    [message.event, message.data, message.id]
}

const DATA: [&str; 34] = [
    "",
    "text",
    " one space",
    "  two spaces ",
    "\ttab",
    ":colon",
    "two\nlines",
    "two\r\nlines",
    "two\rlines",
    "\n",
    "\r",
    "\r\n",
    "\n\r",
    "\n\n\n",
    "\r\r\n\n",
    "trailing\n",
    "trailing\r\n\r\n",
    "\nleading",
    "\r\nleading",
    "blank\n\nline",
    "\0",
    "a\0b\n\0",
    "\u{feff}",
    "\u{feff}mark",
    "line\n\u{feff}mark",
    "\u{feff}\u{feff}",
    "é€𝄞🦀",
    "e\u{301}\u{200d}\u{202e}",
    // What some take for line ends.
    "\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}",
    "\u{1}\u{1b}\u{7f}\u{80}\u{fffd}\u{fffe}\u{ffff}\u{10ffff}",
    "data: data",
    "id: 1\nevent: other\nretry: 1\n\n: comment",
    "{\"json\": [1, \"\\n\"]}",
    "<!-- <script> ]]>",
];

/// Each text of the table, those of great length, and all in one stream.
fn of_data() -> Vec<Case> {
    let long = "0123456789abcdef".repeat(1 << 16);
    let wide = "é€🦀".repeat(30_000);
    let blank = "\n".repeat(1 << 16);
    let mut texts = DATA.to_vec();
    texts.extend([long.as_str(), &wide, &blank]);
    let mut cases: Vec<_> = texts.iter().map(|text| of_texts(&[text])).collect();
    cases.push(of_texts(&texts));
    cases
}

fn of_texts(texts: &[&str]) -> Case {
    let start: String = texts.concat().chars().take(20).collect();
    let seen = texts.iter().map(|text| message(&normalise(text), ""));
    Case {
        name: format!("data: {} {start:?}", texts.len()),
        sent: Sent::Events(texts.iter().copied().map(Event::data).collect()),
        seen: seen.collect(),
    }
}

fn message(data: &str, id: &str) -> Seen {
    event("message", data, id)
}

fn event(name: &str, data: &str, id: &str) -> Seen {
    [name, data, id].map(str::to_owned)
}

/// All that an event may have beside data.
fn of_fields() -> Result<Vec<Case>, InvalidEvent> {
    let names = [
        "message",
        "error",
        "open",
        "naïve name",
        ": data",
        " ",
        "\u{feff}",
    ];
    let ids = ["1", "a b\t;=,", "!#$%&'*+-.^_`|~"];
    let with_name = |name| Event::builder().event(name).data("named").build();
    let with_id = |id| Event::builder().id(id).data("numbered").build();
    let case = |name: &str, events, seen| Case {
        name: format!("fields: {name}"),
        sent: Sent::Events(events),
        seen,
    };
    Ok(vec![
        case(
            "names",
            names.into_iter().map(with_name).collect::<Result<_, _>>()?,
            names.map(|name| event(name, "named", "")).to_vec(),
        ),
        case(
            "ids",
            ids.into_iter().map(with_id).collect::<Result<_, _>>()?,
            ids.map(|id| message("numbered", id)).to_vec(),
        ),
        case(
            "an id beyond ASCII",
            vec![Event::builder().id_unrestricted("ü→🦀").data("a").build()?],
            vec![message("a", "ü→🦀")],
        ),
        case(
            "an id stays and is reset",
            vec![
                with_id("1")?,
                Event::data("a"),
                with_id("")?,
                Event::data("b"),
            ],
            vec![
                message("numbered", "1"),
                message("a", "1"),
                message("numbered", ""),
                message("b", ""),
            ],
        ),
        case(
            "an id without data moves the cursor",
            vec![Event::builder().id("7").build()?, Event::data("a")],
            vec![message("a", "7")],
        ),
        case(
            "comments between events",
            vec![
                Event::comment("data: no"),
                Event::data("a"),
                Event::comment(""),
                Event::comment("one\r\ntwo\rthree\n"),
                Event::builder().comment("before").data("b").build()?,
            ],
            vec![message("a", ""), message("b", "")],
        ),
        case(
            "all fields",
            vec![
                Event::builder()
                    .comment("comment")
                    .event("update")
                    .id("1")
                    .retry(Duration::from_secs(1))
                    .data("a\nb")
                    .build()?,
                Event::data("c").with_retry(Duration::MAX),
            ],
            vec![event("update", "a\nb", "1"), message("c", "1")],
        ),
        case(
            "a delay alone",
            vec![
                Event::builder().retry(Duration::ZERO).build()?,
                Event::data("a"),
            ],
            vec![message("a", "")],
        ),
    ])
}
