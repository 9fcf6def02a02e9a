//! A naive reader of event streams: WHATWG HTML §9.2.5 and §9.2.6 step by step, over all bytes at
//! once.
//!
//! It shares nothing with the crate, so that the two can disagree. Bounds are no business of the
//! standard's: [`excess`] finds where a stream is beyond them.

/// What a client has seen and remembers when the stream ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Decoded {
    pub(crate) events: Vec<Message>,
    pub(crate) retry: Option<u64>,
    pub(crate) last_event_id: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) event: String,
    pub(crate) data: String,
    pub(crate) id: String,
}

pub(crate) fn message(event: &str, data: &str, id: &str) -> Message {
    Message {
        event: event.to_owned(),
        data: data.to_owned(),
        id: id.to_owned(),
    }
}

pub(crate) fn decode(stream: &[u8]) -> Decoded {
    let text = String::from_utf8_lossy(stream);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let text = normalise(text);
    let mut lines: Vec<&str> = text.split('\n').collect();
    // What follows the last line end is an unfinished line, or nothing.
    lines.pop();

    let mut decoder = Decoder::default();
    for line in lines {
        decoder.line(line);
    }
    decoder.decoded
}

/// The text with LF for every line end.
pub(crate) fn normalise(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

#[derive(Default)]
struct Decoder {
    data: String,
    event_type: String,
    last_event_id: String,
    decoded: Decoded,
}

impl Decoder {
    fn line(&mut self, line: &str) {
        if line.is_empty() {
            self.dispatch();
        } else if line.starts_with(':') {
        } else {
            let (name, value) = field(line);
            self.field(name, value);
        }
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "event" => value.clone_into(&mut self.event_type),
            "data" => {
                self.data.push_str(value);
                self.data.push('\n');
            }
            "id" if !value.contains('\0') => value.clone_into(&mut self.last_event_id),
            "retry" if !value.is_empty() && value.chars().all(|char| char.is_ascii_digit()) => {
                self.decoded.retry = Some(value.parse().unwrap_or(u64::MAX));
            }
            _ => {}
        }
    }

    fn dispatch(&mut self) {
        self.decoded.last_event_id.clone_from(&self.last_event_id);
        let mut data = std::mem::take(&mut self.data);
        let mut event = std::mem::take(&mut self.event_type);
        if data.is_empty() {
            return;
        }
        if data.ends_with('\n') {
            data.pop();
        }
        if event.is_empty() {
            event.push_str("message");
        }
        self.decoded.events.push(Message {
            event,
            data,
            id: self.last_event_id.clone(),
        });
    }
}

/// What a stream is beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    Line,
    Event,
}

/// In bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) line: usize,
    pub(crate) event: usize,
}

/// The first excess, and what comes before the line that it is in.
pub(crate) fn excess(stream: &[u8], bounds: Bounds) -> Option<(Excess, &[u8])> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if MARK.starts_with(stream) {
        return None;
    }
    let mut rest = stream.strip_prefix(MARK).unwrap_or(stream);
    let (mut data, mut event, mut id) = (Vec::new(), 0, 0);
    loop {
        let before = &stream[..stream.len() - rest.len()];
        let end = rest.iter().position(|byte| b"\r\n".contains(byte));
        let (line, after) = rest.split_at(end.unwrap_or(rest.len()));
        if line.len() > bounds.line {
            return Some((Excess::Line, before));
        }
        end?;
        match field(&String::from_utf8_lossy(line)) {
            ("", "") if line.is_empty() => (data, event, id) = (Vec::new(), 0, 0),
            ("data", value) => data.push(value.to_owned()),
            ("event", value) => event = value.len(),
            ("id", value) if !value.contains('\0') => id = value.len(),
            _ => {}
        }
        if data.join("\n").len() + event + id > bounds.event {
            return Some((Excess::Event, before));
        }
        rest = match after {
            [b'\r', b'\n', rest @ ..] | [_, rest @ ..] => rest,
            [] => after,
        };
    }
}

fn field(line: &str) -> (&str, &str) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name, value.strip_prefix(' ').unwrap_or(value))
}
