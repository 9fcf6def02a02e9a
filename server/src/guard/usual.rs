//! A head that has come whole and has nothing special, which is read at once.
//!
//! Most heads are like that. It costs a fraction of what [`Head`](super::head::Head) takes to read them byte by byte.

use std::mem;

use super::{
    head::Content,
    octets::{HOST, TARGET, TOKEN, VALUE, long_run, run},
};

/// Reads heads, and knows the fields of the one before again: most clients send the same with each request, and the same bytes
/// mean the same.
#[derive(Debug, Default)]
pub(super) struct Usual {
    /// From after the request line to the end of the head.
    fields: Vec<u8>,
    content: Content,
    /// No fields are kept of the first head, since many connections have no other.
    has_read: bool,
}

/// Longer fields are read anew each time: each connection keeps its own.
const KEPT: usize = 1024;

impl Usual {
    /// Reads a head: how long it is, and what follows it. `None` says nothing of the bytes but that they are to be read one by one.
    pub(super) fn read(&mut self, bytes: &[u8], longest_target: usize) -> Option<(usize, Content)> {
        let rest = request_line(bytes, longest_target)?;
        let line = bytes.len() - rest.len();
        if !self.fields.is_empty() && rest.starts_with(&self.fields) {
            return Some((line + self.fields.len(), self.content));
        }
        let (length, content) = fields(rest)?;
        if self.has_read && length <= KEPT {
            self.fields.clear();
            self.fields.extend_from_slice(&rest[..length]);
            self.content = content;
        }
        self.has_read = true;
        Some((line + length, content))
    }
}

/// Reads the fields of a head, and its end.
fn fields(bytes: &[u8]) -> Option<(usize, Content)> {
    let mut rest = bytes;
    let mut fields = Fields::default();
    loop {
        if let Some(after) = rest.strip_prefix(b"\r\n") {
            return Some((bytes.len() - after.len(), fields.content()?));
        }
        rest = fields.read(rest)?;
    }
}

/// Reads a method, a path and HTTP/1.1. Returns what comes after the line.
fn request_line(bytes: &[u8], longest_target: usize) -> Option<&[u8]> {
    let (method, rest) = split(bytes, run::<TOKEN>(bytes), b' ')?;
    let (path, rest) = split(rest, long_run::<TARGET>(rest), b' ')?;
    if method.is_empty() || path.first() != Some(&b'/') || path.len() > longest_target {
        return None;
    }
    // Its target is an authority (RFC 9112, section 3.2.3).
    if method == b"CONNECT" {
        return None;
    }
    rest.strip_prefix(b"HTTP/1.1\r\n")
}

/// The bytes before the one that is to be at `end`, and those after it.
fn split(bytes: &[u8], end: usize, with: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = bytes.split_at_checked(end)?;
    let (&byte, after) = rest.split_first()?;
    (byte == with).then_some((before, after))
}

fn number(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

#[derive(Default)]
struct Fields {
    host: bool,
    content: Option<Content>,
}

impl Fields {
    /// Reads a field. Returns what comes after its line.
    fn read<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (name, rest) = split(bytes, run::<TOKEN>(bytes), b':')?;
        let (value, rest) = split(rest, long_run::<VALUE>(rest), b'\r')?;
        match name.len() {
            0 => return None,
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value)?,
            14 if name.eq_ignore_ascii_case(b"content-length") => self.length(value)?,
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.coding(value)?,
            _ => {}
        }
        rest.strip_prefix(b"\n")
    }

    /// Takes a host's name with or without a port.
    fn host(&mut self, value: &[u8]) -> Option<()> {
        let value = value.trim_ascii();
        let (name, port) = value.split_at(run::<HOST>(value));
        if let Some((colon, digits)) = port.split_first() {
            let port = number(digits).filter(|_| *colon == b':')?;
            u16::try_from(port).ok()?;
        }
        let first = !mem::replace(&mut self.host, true);
        (first && !name.is_empty()).then_some(())
    }

    fn length(&mut self, value: &[u8]) -> Option<()> {
        let digits = value.trim_ascii();
        let length = number(digits).filter(|_| !digits.is_empty())?;
        self.only(Content::Length(length))
    }

    fn coding(&mut self, value: &[u8]) -> Option<()> {
        let chunked = value.trim_ascii().eq_ignore_ascii_case(b"chunked");
        chunked.then(|| self.only(Content::Chunked))?
    }

    fn only(&mut self, content: Content) -> Option<()> {
        self.content.replace(content).is_none().then_some(())
    }

    fn content(&self) -> Option<Content> {
        self.host.then(|| self.content.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 20;

    fn read(bytes: &[u8], longest_target: usize) -> Option<(usize, Content)> {
        Usual::default().read(bytes, longest_target)
    }

    /// What is read of each, one after the other, is what is read of each alone.
    #[test]
    fn a_head_means_the_same_whatever_came_before() {
        let heads = [
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /a HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\r\nGET / HTTP/1.1\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\n\r",
            "GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.0\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\n7654321",
            "GET / HTTP/1.1\r\nhost: a\r\ncontent-length: 77\r\n\r\n",
            "CONNECT / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /45678901234567890123 HTTP/1.1\r\nhost: a\r\n\r\n",
        ];
        let all = || heads.iter().map(|head| head.as_bytes());
        for first in all() {
            for second in all() {
                let mut usual = Usual::default();
                for head in [first, first, second, first, second, second] {
                    assert_eq!(usual.read(head, LIMIT), read(head, LIMIT), "{second:?}");
                }
            }
        }
    }

    #[test]
    fn fields_are_kept_from_the_second_head_on_unless_they_are_long() {
        let mut usual = Usual::default();
        let long = format!("host: a\r\nx: {}\r\n\r\n", "y".repeat(KEPT));
        for (fields, kept) in [
            ("host: a\r\n\r\n", ""),
            ("host: a\r\n\r\n", "host: a\r\n\r\n"),
            (&long, "host: a\r\n\r\n"),
            ("host: b\r\n\r\n", "host: b\r\n\r\n"),
        ] {
            let head = format!("GET / HTTP/1.1\r\n{fields}");
            assert!(usual.read(head.as_bytes(), LIMIT).is_some());
            assert_eq!(usual.fields, kept.as_bytes());
        }
    }

    #[test]
    fn a_head_without_anything_special_is_read_at_once() {
        for (head, content) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Content::Length(0)),
            (
                "GET /a?b=%20 HTTP/1.1\r\naccept: */*\r\nx:\r\nhost:\ta.b-c:80 \r\n\r\n",
                Content::Length(0),
            ),
            (
                "POST /345678901234567890 HTTP/1.1\r\nhost: a:\r\ncontent-length: 007\r\n\r\n",
                Content::Length(7),
            ),
            (
                "PUT / HTTP/1.1\r\nTransfer-Encoding: Chunked\r\nhost: a\r\n\r\n",
                Content::Chunked,
            ),
        ] {
            let read = read(format!("{head}GET").as_bytes(), LIMIT);
            assert_eq!(read, Some((head.len(), content)), "{head}");
        }
    }

    #[test]
    fn what_is_cut_short_or_special_is_not() {
        let head = "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 7\r\n\r\n";
        for length in 0..head.len() {
            assert_eq!(read(&head.as_bytes()[..length], LIMIT), None, "{length}");
        }
        for head in [
            "\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.0\r\nhost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET /45678901234567890123 HTTP/1.1\r\nhost: a\r\n\r\n",
            "CONNECT / HTTP/1.1\r\nhost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nhost: [::1]\r\n\r\n",
        ] {
            assert_eq!(read(head.as_bytes(), LIMIT), None, "{head}");
        }
    }

    #[test]
    fn what_is_malformed_is_not() {
        for fields in [
            "",
            "host: \r\n",
            "host: a b\r\n",
            "host: :80\r\n",
            "host: a:65536\r\n",
            "host: a@80\r\n",
            "host: a\r\nhost: a\r\n",
            "host: a\n",
            "host: a\r\n b\r\n",
            "host: a\r\n: b\r\n",
            "host: a\r\nb : c\r\n",
            "host: a\r\nb: \0\r\n",
            "host: a\r\ncontent-length: \r\n",
            "host: a\r\ncontent-length: 1 1\r\n",
            "host: a\r\ncontent-length: 18446744073709551616\r\n",
            "host: a\r\ncontent-length: 1\r\ncontent-length: 1\r\n",
            "host: a\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n",
            "host: a\r\ntransfer-encoding: gzip, chunked\r\n",
        ] {
            let head = format!("POST / HTTP/1.1\r\n{fields}\r\n");
            assert_eq!(read(head.as_bytes(), LIMIT), None, "{head:?}");
        }
    }
}
