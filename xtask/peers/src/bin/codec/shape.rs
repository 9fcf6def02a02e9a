//! The events that are decoded and encoded.

use std::{iter::repeat_with, sync::Arc};

use bytes::Bytes;

/// Of each shape so many bytes of data, at least.
const TOTAL: usize = 256 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fields {
    /// Empty for `message`.
    pub(crate) event: String,
    pub(crate) id: String,
    pub(crate) data: String,
}

pub(crate) type Events = Arc<[Fields]>;

pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) events: Events,
}

pub(crate) fn all() -> [Shape; 4] {
    [
        // Prices, tokens of a language model.
        shape("short", |_| message(text(64))),
        // What most services send.
        shape("json", |number| Fields {
            event: "update".to_owned(),
            id: number.to_string(),
            data: format!("{{\"items\":\"{}\"}}", text(1011)),
        }),
        shape("long", |_| message(text(64 * 1024))),
        shape("lines", |_| message(vec![text(64); 100].join("\n"))),
    ]
}

fn shape(name: &'static str, event: impl Fn(usize) -> Fields) -> Shape {
    let mut events = Vec::new();
    let mut total = 0;
    while total < TOTAL {
        let event = event(events.len());
        total += event.data.len();
        events.push(event);
    }
    Shape {
        name,
        events: events.into(),
    }
}

fn message(data: String) -> Fields {
    Fields {
        event: String::new(),
        id: String::new(),
        data,
    }
}

/// Words of ASCII, so many bytes of them.
fn text(length: usize) -> String {
    let words = repeat_with(|| "the quick brown fox, 1.25; ".chars());
    words.flatten().take(length).collect()
}

impl Shape {
    /// As they stand on the wire.
    pub(crate) fn wire(&self) -> Bytes {
        let mut wire = String::new();
        for Fields { event, id, data } in self.events.iter() {
            if !event.is_empty() {
                wire.extend(["event: ", event, "\n"]);
            }
            if !id.is_empty() {
                wire.extend(["id: ", id, "\n"]);
            }
            for line in data.split('\n') {
                wire.extend(["data: ", line, "\n"]);
            }
            wire += "\n";
        }
        wire.into()
    }
}
