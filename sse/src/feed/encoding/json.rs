//! A delivery as an object of JSON.

use std::fmt::Write;

use crate::{
    Decoder, MessageEvent,
    feed::{Delivery, Gap, Published},
};

impl Published {
    /// The event as a client of an event stream reads it: its name, and its data without the
    /// format. `None` when it has no data, as a comment has none.
    #[expect(clippy::missing_panics_doc, reason = "no event is longer than that")]
    pub fn message(&self) -> Option<MessageEvent> {
        let mut bytes = &self.event().as_bytes()[..];
        let bound = bytes.len();
        let mut decoder = Decoder::new().max_line(bound).max_event(bound);
        decoder
            .decode(&mut bytes)
            .expect("a line or an event is not longer than all of it")
    }
}

impl Delivery {
    /// An object of JSON, on one line: `id` is the cursor, which all have, and what has neither
    /// `data` nor `gap` only moves it.
    ///
    /// ```text
    /// {"id":"1z-42","event":"price","topic":"prices/eu","data":"1.25"}
    /// {"id":"1z-57","gap":{"from":"1z-42","to":"1z-57","reason":"evicted"}}
    /// {"id":"1z-313"}
    /// ```
    ///
    /// `topic` is left out where there is none; `event` is `message` by default. The data is text,
    /// also if that is JSON, as in an event stream.
    pub fn to_json(&self) -> String {
        let mut json = String::new();
        self.write_json(&mut json);
        json
    }

    pub(super) fn write_json(&self, json: &mut String) {
        json.push_str("{\"id\":");
        match self {
            Self::Event(event) => {
                write_string(json, &event.cursor().to_string());
                write_event(json, event);
            }
            Self::Gap(gap) => {
                write_string(json, &gap.to.to_string());
                write_gap(json, gap);
            }
            Self::Withheld(cursor) => write_string(json, &cursor.to_string()),
        }
        json.push('}');
    }
}

fn write_event(json: &mut String, event: &Published) {
    let Some(message) = event.message() else {
        return;
    };
    write_field(json, "event", message.event());
    if let Some(topic) = event.topic() {
        write_field(json, "topic", topic);
    }
    write_field(json, "data", message.data());
}

fn write_gap(json: &mut String, gap: &Gap) {
    json.push_str(",\"gap\":");
    json.push_str(&gap.to_json());
}

fn write_field(json: &mut String, name: &str, value: &str) {
    json.push(',');
    write_string(json, name);
    json.push(':');
    write_string(json, value);
}

/// RFC 8259 §7.
fn write_string(json: &mut String, text: &str) {
    json.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\n' => json.push_str("\\n"),
            '\0'..'\u{20}' => {
                let code = u32::from(character);
                write!(json, "\\u{code:04x}").expect("a string takes all");
            }
            _ => json.push(character),
        }
    }
    json.push('"');
}
