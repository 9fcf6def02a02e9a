//! The cases of `event-stream.txt`, as it says itself how to read them.

use super::twin::{Bounds, Decoded, Excess, Message};

const CASES: &str = include_str!("event-stream.txt");

#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) promise: &'static str,
    pub(crate) section: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) bounds: Option<Bounds>,
    pub(crate) decoded: Decoded,
    pub(crate) excess: Option<Excess>,
}

pub(crate) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let lines = CASES.lines().filter(|line| !line.starts_with('#'));
    for line in lines.filter(|line| !line.is_empty()) {
        let (word, rest) = line.split_once(' ').expect("a word and what it says");
        if word == "case" {
            cases.push(Case::headed(rest));
        } else {
            cases.last_mut().expect("a case first").add(word, rest);
        }
    }
    cases
}

impl Case {
    fn headed(heading: &'static str) -> Self {
        let (of, name) = heading.split_once(": ").expect("a name");
        let (promise, section) = of.split_once(' ').expect("a promise and a section");
        Self {
            name,
            promise,
            section,
            ..Self::default()
        }
    }

    fn add(&mut self, word: &str, rest: &str) {
        match word {
            "bytes" => self.bytes.extend(repeated(rest)),
            "bounds" => self.bounds = Some(bounds(rest)),
            "event" => self.decoded.events.push(event(rest)),
            "id" => self.decoded.last_event_id = quoted(rest),
            "retry" => self.decoded.retry = Some(rest.parse().expect("milliseconds")),
            "error" => self.excess = Some(excess(rest)),
            _ => panic!("unknown word `{word}` in `{}`", self.name),
        }
    }
}

fn repeated(text: &str) -> Vec<u8> {
    let (times, text) = text.split_at(text.find('"').expect("a quote"));
    let times = if times.is_empty() { "1" } else { times.trim() };
    let [bytes] = quotes(text).try_into().expect("one in quotes");
    bytes.repeat(times.parse().expect("a number"))
}

fn bounds(text: &str) -> Bounds {
    let (line, event) = text.split_once(' ').expect("two bounds");
    Bounds {
        line: line.parse().expect("a number"),
        event: event.parse().expect("a number"),
    }
}

fn event(text: &str) -> Message {
    let texts = quotes(text).into_iter().map(decoded);
    let [event, data, id] = texts.collect::<Vec<_>>().try_into().expect("three");
    Message { event, data, id }
}

fn excess(text: &str) -> Excess {
    match text {
        "line" => Excess::Line,
        "event" => Excess::Event,
        _ => panic!("unknown error `{text}`"),
    }
}

fn quoted(text: &str) -> String {
    let [bytes] = quotes(text).try_into().expect("one in quotes");
    decoded(bytes)
}

fn decoded(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("text is UTF-8")
}

/// The bytes of everything in quotes, which stands with spaces between.
fn quotes(text: &str) -> Vec<Vec<u8>> {
    let mut quotes = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.strip_prefix('"') {
        let (bytes, after) = unescaped(open);
        quotes.push(bytes);
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    assert_eq!(rest, "", "nothing but quotes: {text}");
    quotes
}

/// The bytes up to the closing quote, and what follows it.
fn unescaped(text: &str) -> (Vec<u8>, &str) {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let special = rest.find(['"', '\\']).expect("a closing quote");
        let (plain, after) = rest.split_at(special);
        bytes.extend(plain.as_bytes());
        let Some(escape) = after.strip_prefix('\\') else {
            return (bytes, &after[1..]);
        };
        let (kind, after) = escape.split_at(1);
        rest = after;
        match kind {
            "r" => bytes.push(b'\r'),
            "n" => bytes.push(b'\n'),
            "t" => bytes.push(b'\t'),
            "x" => {
                bytes.push(u8::from_str_radix(&after[..2], 16).expect("two digits"));
                rest = &after[2..];
            }
            "u" => {
                let (digits, after) = after[1..].split_once('}').expect("a brace");
                let number = u32::from_str_radix(digits, 16).expect("digits");
                let character = char::from_u32(number).expect("a character");
                bytes.extend(character.to_string().as_bytes());
                rest = after;
            }
            "\"" | "\\" => bytes.extend(kind.as_bytes()),
            _ => panic!("unknown escape `\\{kind}`"),
        }
    }
}
