//! The rows of `frames.txt`, as `README.md` says.

const ROWS: &str = include_str!("frames.txt");

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// `GET http://a/` from the static table, but for the authority (RFC 7541, appendix A).
const REQUEST: &[u8] = b"\x82\x84\x86\x41\x01a";
/// The same of POST.
const UPLOAD: &[u8] = b"\x83\x84\x86\x41\x01a";

/// The columns of each row.
pub(crate) fn rows() -> impl Iterator<Item = [&'static str; 4]> {
    let lines = ROWS.lines().filter(|line| !line.starts_with('#'));
    lines.filter(|line| !line.is_empty()).map(|line| {
        let columns: Vec<_> = line.splitn(4, " | ").collect();
        let columns = columns.try_into();
        columns.unwrap_or_else(|_| panic!("four columns: {line}"))
    })
}

/// The bytes of frames as a row has them.
pub(crate) fn encoded(frames: &'static str) -> Vec<u8> {
    let mut script = Script {
        rest: frames,
        stream: 0,
    };
    script.read(None)
}

/// The frames of a row, of which some were read.
struct Script {
    rest: &'static str,
    /// The last stream that was numbered by itself.
    stream: u32,
}

impl Script {
    /// Up to the bracket, or to the end.
    fn read(&mut self, end: Option<char>) -> Vec<u8> {
        let mut bytes = Vec::new();
        loop {
            self.rest = self.rest.trim_start();
            let Some(first) = self.rest.chars().next() else {
                return bytes;
            };
            if Some(first) == end {
                self.rest = &self.rest[1..];
                return bytes;
            }
            match first {
                '[' => bytes.extend(self.frame()),
                '{' => bytes.extend(self.repeated()),
                '\'' => bytes.extend(self.up_to("'").as_bytes()),
                _ => bytes.extend(word(self.word())),
            }
        }
    }

    fn word(&mut self) -> &'static str {
        let length = self.rest.find([' ', ']', '}']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(length);
        self.rest = rest;
        word
    }

    /// What stands between the next byte and the end.
    fn up_to(&mut self, end: &str) -> &'static str {
        let (inner, rest) = self.rest[1..].split_once(end).expect("it is closed");
        self.rest = rest;
        inner
    }

    fn frame(&mut self) -> Vec<u8> {
        let head = self.up_to(":");
        let [kind, flags, stream] = head.split(' ').collect::<Vec<_>>()[..] else {
            panic!("type, flags, stream: {head}");
        };
        let stream = match stream {
            "+" if self.stream == 0 => 1,
            "+" => self.stream + 2,
            "=" => self.stream,
            number => number.parse().unwrap(),
        };
        self.stream = stream;
        let payload = self.read(Some(']'));
        let length = u32::try_from(payload.len()).unwrap();
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind_of(kind), u8::from_str_radix(flags, 16).unwrap()]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        frame
    }

    fn repeated(&mut self) -> Vec<u8> {
        self.rest = &self.rest[1..];
        let times: usize = self.word().parse().unwrap();
        let body = self.rest;
        let mut bytes = Vec::new();
        for _ in 0..times {
            self.rest = body;
            bytes.extend(self.read(Some('}')));
        }
        bytes
    }
}

fn word(word: &str) -> Vec<u8> {
    match word {
        "preface" => PREFACE.to_vec(),
        "settings" => frame(4, &[]),
        "get" => REQUEST.to_vec(),
        "post" => UPLOAD.to_vec(),
        digits => {
            let pairs = (0..digits.len()).step_by(2);
            let bytes = pairs.map(|at| u8::from_str_radix(&digits[at..at + 2], 16));
            bytes
                .collect::<Result<_, _>>()
                .unwrap_or_else(|_| panic!("{digits}"))
        }
    }
}

const KINDS: [&str; 10] = [
    "DATA",
    "HEADERS",
    "PRIORITY",
    "RST_STREAM",
    "SETTINGS",
    "PUSH_PROMISE",
    "PING",
    "GOAWAY",
    "WINDOW_UPDATE",
    "CONTINUATION",
];

fn kind_of(name: &str) -> u8 {
    let known = KINDS.iter().position(|kind| *kind == name);
    match known {
        Some(kind) => u8::try_from(kind).unwrap(),
        None => u8::from_str_radix(name, 16).unwrap(),
    }
}

/// A frame of no stream.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    [&[0, 0, length, kind, 0, 0, 0, 0, 0], payload].concat()
}
