//! The head of a request: its line, then its fields (RFC 9112, sections 3 and 5).

use super::{
    Fault, Place,
    authority::Authority,
    octets::{TARGET, TOKEN, VALUE, is, is_space, long_run, run},
};

/// What follows a head (RFC 9112, section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    Length(u64),
    Chunked,
}

impl Default for Content {
    fn default() -> Self {
        Self::Length(0)
    }
}

/// A head of which some was read, byte by byte where that matters.
#[derive(Debug, Default)]
pub(super) struct Head {
    part: Part,
    /// What is being read, if it can be a word that means something here.
    word: Word,
    method: Method,
    /// How many more bytes the target may have.
    room: usize,
    version: Version,
    host: Option<Authority>,
    length: Option<u64>,
    chunked: bool,
}

/// What the next byte is part of.
#[derive(Debug, Default, Clone, Copy)]
enum Part {
    /// Empty lines may come before a request (RFC 9112, section 2.2).
    #[default]
    Start,
    StartEnd,
    Method,
    Target,
    Asterisk,
    Scheme,
    Authority(Authority),
    Path,
    Version,
    LineEnd,
    Line,
    Name,
    Value(Field, Within),
    End,
    /// The target was too long.
    Cut,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Method {
    Connect,
    Options,
    #[default]
    Other,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Version {
    Http10,
    #[default]
    Http11,
}

/// A field, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Host,
    ContentLength,
    TransferEncoding,
    Other,
}

/// Where in a field's value, which may have whitespace on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Before,
    Value,
    After,
}

type Refusal = &'static str;

const TOO_LONG: Refusal = "too long a target";

impl Head {
    /// A head whose target may have this many bytes.
    pub(super) fn new(target: usize) -> Self {
        Self {
            room: target,
            ..Self::default()
        }
    }

    /// Takes bytes up to the end of the head. Returns how many it took, and what follows the head when that was its end.
    pub(super) fn read(&mut self, bytes: &[u8]) -> Result<(usize, Option<Content>), Fault> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let content = self.take(byte).map_err(|why| Fault { at, why })?;
            at += 1;
            if content.is_some() {
                return Ok((at, content));
            }
            at += self.skip(&bytes[at..]);
        }
        Ok((at, None))
    }

    /// What is at fault when a byte was refused.
    pub(super) fn place(&self) -> Place {
        match self.part {
            Part::Cut => Place::Target,
            _ => Place::Head,
        }
    }

    /// Takes at once what `take` would take byte by byte without a change.
    fn skip(&mut self, bytes: &[u8]) -> usize {
        match self.part {
            Part::Method | Part::Name => {
                let length = run::<TOKEN>(bytes);
                self.word.extend(&bytes[..length]);
                length
            }
            Part::Path => {
                let length = long_run::<TARGET>(&bytes[..bytes.len().min(self.room)]);
                self.room -= length;
                length
            }
            Part::Value(Field::Other, _) => long_run::<VALUE>(bytes),
            _ => 0,
        }
    }

    fn take(&mut self, byte: u8) -> Result<Option<Content>, Refusal> {
        self.part = match self.part {
            Part::Start if byte == b'\r' => Part::StartEnd,
            Part::Start => self.begin(byte, Part::Method).ok_or("no method")?,
            Part::StartEnd => line_end(byte, Part::Start)?,
            Part::Method => self.method(byte)?,
            Part::Target => self.target(byte)?,
            Part::Asterisk | Part::Path if byte == b' ' => self.version_next(),
            Part::Asterisk => return Err("more than an asterisk"),
            Part::Scheme => self.scheme(byte)?,
            Part::Authority(authority) => self.authority(authority, byte)?,
            Part::Path if is(byte, TARGET) => self.path(byte)?,
            Part::Path => return Err("a byte that no target has"),
            Part::Version => self.version(byte)?,
            Part::LineEnd => line_end(byte, Part::Line)?,
            Part::Line if byte == b'\r' => Part::End,
            Part::Line if is_space(byte) => return Err("a folded line"),
            Part::Line => self.begin(byte, Part::Name).ok_or("no field name")?,
            Part::Name => self.name(byte)?,
            Part::Value(field, within) => self.value(field, within, byte)?,
            Part::End => {
                line_end(byte, Part::Start)?;
                return self.content().map(Some);
            }
            Part::Cut => return Err(TOO_LONG),
        };
        Ok(None)
    }

    /// The first byte of a name.
    fn begin(&mut self, byte: u8, part: Part) -> Option<Part> {
        self.word = Word::default();
        self.word.extend(&[byte]);
        is(byte, TOKEN).then_some(part)
    }

    fn method(&mut self, byte: u8) -> Result<Part, Refusal> {
        if is(byte, TOKEN) {
            self.word.extend(&[byte]);
            return Ok(Part::Method);
        }
        if byte != b' ' {
            return Err("a byte that no method has");
        }
        self.method = match self.word.read() {
            b"CONNECT" => Method::Connect,
            b"OPTIONS" => Method::Options,
            _ => Method::Other,
        };
        Ok(Part::Target)
    }

    /// Each method has its forms of target (RFC 9112, section 3.2).
    fn target(&mut self, byte: u8) -> Result<Part, Refusal> {
        match (self.method, byte) {
            (Method::Connect, _) => self.authority(Authority::Start, byte),
            (_, b'/') => self.path(byte),
            (Method::Options, b'*') => Ok(Part::Asterisk),
            _ => {
                self.word = Word::default();
                self.scheme(byte)
            }
        }
    }

    fn scheme(&mut self, byte: u8) -> Result<Part, Refusal> {
        self.room = self.room.saturating_sub(1);
        self.word.extend(&[byte]);
        let schemes = [&b"http://"[..], b"https://"];
        if schemes.iter().any(|scheme| self.word.is(scheme)) {
            return Ok(Part::Authority(Authority::Start));
        }
        let begun = |scheme: &&[u8]| self.word.begins(scheme);
        let is_scheme = schemes.iter().any(begun);
        is_scheme.then_some(Part::Scheme).ok_or("no form of target")
    }

    fn authority(&mut self, authority: Authority, byte: u8) -> Result<Part, Refusal> {
        let connect = self.method == Method::Connect;
        match byte {
            b' ' if connect && !authority.has_port() => Err("a tunnel without a port"),
            b' ' if authority.is_whole() => Ok(self.version_next()),
            b'/' | b'?' if authority.is_whole() && !connect => self.path(byte),
            _ => {
                let next = authority.read(byte).ok_or("no authority")?;
                if self.room == 0 && authority.is_whole() {
                    return self.cut();
                }
                self.room = self.room.saturating_sub(1);
                Ok(Part::Authority(next))
            }
        }
    }

    fn path(&mut self, byte: u8) -> Result<Part, Refusal> {
        match (self.room, byte) {
            // What is passed on ends with a whole character, or hyper would not read it.
            (0, 0x80..=0xbf) => {}
            (0, _) => return self.cut(),
            _ => self.room -= 1,
        }
        Ok(Part::Path)
    }

    fn cut(&mut self) -> Result<Part, Refusal> {
        self.part = Part::Cut;
        Err(TOO_LONG)
    }

    fn version_next(&mut self) -> Part {
        self.word = Word::default();
        Part::Version
    }

    fn version(&mut self, byte: u8) -> Result<Part, Refusal> {
        if byte == b'\r' {
            self.version = match self.word.read() {
                b"HTTP/1.1" => Version::Http11,
                b"HTTP/1.0" => Version::Http10,
                _ => return Err("no version"),
            };
            return Ok(Part::LineEnd);
        }
        self.word.extend(&[byte]);
        let versions = [b"HTTP/1.1", b"HTTP/1.0"];
        let is_version = versions
            .iter()
            .any(|version| version.starts_with(self.word.read()));
        is_version.then_some(Part::Version).ok_or("no version")
    }

    fn name(&mut self, byte: u8) -> Result<Part, Refusal> {
        if is(byte, TOKEN) {
            self.word.extend(&[byte]);
            return Ok(Part::Name);
        }
        if byte != b':' {
            return Err("a byte that no field name has");
        }
        let field = self.word.field();
        match field {
            Field::Host if self.host.is_some() => return Err("two hosts"),
            Field::Host => self.host = Some(Authority::Start),
            Field::ContentLength if self.length.is_some() => return Err("two lengths"),
            Field::ContentLength if self.chunked => return Err("chunks and a length"),
            Field::TransferEncoding if self.chunked => return Err("two lists of codings"),
            Field::TransferEncoding if self.length.is_some() => return Err("a length and chunks"),
            Field::TransferEncoding => self.word = Word::default(),
            _ => {}
        }
        Ok(Part::Value(field, Within::Before))
    }

    fn value(&mut self, field: Field, within: Within, byte: u8) -> Result<Part, Refusal> {
        if byte == b'\r' {
            self.value_end(field)?;
            return Ok(Part::LineEnd);
        }
        if !is(byte, VALUE) {
            return Err("a byte that no field value has");
        }
        let within = match (within, is_space(byte)) {
            (Within::Before, true) => Within::Before,
            (Within::Value | Within::After, true) => Within::After,
            (Within::Before | Within::Value, false) => Within::Value,
            (Within::After, false) if field == Field::Other => Within::Value,
            (Within::After, false) => return Err("two values of a field that has one"),
        };
        if within == Within::Value {
            self.value_byte(field, byte)?;
        }
        Ok(Part::Value(field, within))
    }

    fn value_byte(&mut self, field: Field, byte: u8) -> Result<(), Refusal> {
        match field {
            Field::Host => {
                let host = self.host.and_then(|host| host.read(byte));
                self.host = Some(host.ok_or("no host")?);
            }
            Field::ContentLength if byte.is_ascii_digit() => {
                let length = self.length.unwrap_or(0).checked_mul(10);
                let length = length.and_then(|length| length.checked_add((byte - b'0').into()));
                self.length = Some(length.ok_or("too great a length")?);
            }
            Field::ContentLength => return Err("no length"),
            Field::TransferEncoding => self.word.extend(&[byte]),
            Field::Other => {}
        }
        Ok(())
    }

    fn value_end(&mut self, field: Field) -> Result<(), Refusal> {
        match field {
            Field::Host if !self.host.is_some_and(Authority::is_whole) => Err("no host"),
            Field::ContentLength if self.length.is_none() => Err("no length"),
            Field::TransferEncoding => {
                self.chunked = self.word.is(b"chunked");
                self.chunked
                    .then_some(())
                    .ok_or("a coding other than chunked")
            }
            _ => Ok(()),
        }
    }

    fn content(&self) -> Result<Content, Refusal> {
        match self.version {
            Version::Http11 if self.host.is_none() => return Err("no host"),
            // RFC 9112, section 6.1
            Version::Http10 if self.chunked => return Err("chunks in HTTP/1.0"),
            _ => {}
        }
        Ok(match self.length {
            _ if self.chunked => Content::Chunked,
            length => Content::Length(length.unwrap_or(0)),
        })
    }
}

/// A line ends with both bytes: a lone one is read differently by different servers.
pub(super) fn line_end<T>(byte: u8, next: T) -> Result<T, Refusal> {
    match byte {
        b'\n' => Ok(next),
        _ => Err("a line that does not end with CR LF"),
    }
}

/// The first bytes of a word: enough to tell those that matter.
#[derive(Debug, Default)]
struct Word {
    bytes: [u8; LONGEST],
    /// Beyond `LONGEST`, it is no word that matters.
    length: usize,
}

const LONGEST: usize = b"transfer-encoding".len();

impl Word {
    fn extend(&mut self, bytes: &[u8]) {
        let length = self.length.saturating_add(bytes.len());
        if let Some(room) = self.bytes.get_mut(self.length..length) {
            room.copy_from_slice(bytes);
        }
        self.length = length;
    }

    /// Nothing, if it is too long to matter.
    fn read(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    fn is(&self, text: &[u8]) -> bool {
        self.length == text.len() && self.read().eq_ignore_ascii_case(text)
    }

    fn begins(&self, text: &[u8]) -> bool {
        let start = text.get(..self.length);
        start.is_some_and(|start| self.is(start))
    }

    fn field(&self) -> Field {
        match self.length {
            4 if self.is(b"host") => Field::Host,
            14 if self.is(b"content-length") => Field::ContentLength,
            17 if self.is(b"transfer-encoding") => Field::TransferEncoding,
            _ => Field::Other,
        }
    }
}
