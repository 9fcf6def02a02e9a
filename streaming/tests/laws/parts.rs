//! Bodies of parts: what was written is what a plain reading finds, each part as soon as it is out.

use std::{pin::pin, str};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use http_body::Body;
use memchr::memmem;
use peristyle_core::BoxError;

#[cfg(test)]
use super::variations;
use super::{Law, ready, seeds};
use crate::{Error, Multipart, Part, from_iter};

pub(super) fn law() -> Law {
    Law {
        holds,
        seeds: seeds(&[
            b"",
            b"b\n",
            b"b\none\0two",
            b"b\nx-a: 1\n\none\0x-a: 1\nx-b: 2\n\n\r\n\0\0\r\n--",
            b"b\n--b\0--b--",
            b"b\n\r\n--c\0-b\0-\r\n--\r\n",
            b"b\n--b: 1\n\n",
            b"b\nx-a: --b\n\n",
            b"-\n--\0---\0\r\n---",
            b"--\n\r\n--\0--\0-",
        ]),
        words: &[
            "\r\n",
            "\n",
            "\0",
            "--",
            "-",
            "b",
            "--b",
            "\r\n--b",
            "\r\n--b--",
            "--b\r\n",
            "x-a: ",
            "x-a: 1\n\n",
            "\n\n",
            ": ",
            "\u{e9}",
        ],
    }
}

#[test]
fn parts_are_what_a_plain_reading_finds_as_soon_as_each_is_out() {
    variations::check(&law());
}

#[derive(Debug, Clone, PartialEq)]
struct Plain {
    headers: HeaderMap,
    content: Vec<u8>,
}

/// A boundary, a line feed, then parts between zeros.
fn holds(bytes: &[u8]) {
    let (boundary, parts) = split_once(bytes, b"\n").unwrap_or((bytes, b""));
    let Ok(boundary) = str::from_utf8(boundary) else {
        return;
    };
    let Ok(format) = Multipart::mixed().boundary(boundary) else {
        return;
    };
    let parts: Vec<_> = parts.split(|byte| *byte == 0).map(drawn).collect();
    let (pieces, error) = written(format, &parts);
    let delimiter = format!("--{boundary}");
    let forged = parts.iter().position(|part| part.has(&delimiter));
    assert_eq!(error.is_some(), forged.is_some(), "{error:?}");
    if let Some(error) = error {
        assert!(error.downcast_ref::<Error>().unwrap().is_not_serialized());
    }
    let whole = &parts[..forged.unwrap_or(parts.len())];
    assert_eq!(pieces.len(), whole.len() + usize::from(forged.is_none()));
    let mut body = Vec::new();
    for (count, piece) in (1..).zip(&pieces) {
        body.extend_from_slice(piece);
        let (found, closed) = read(&body, &delimiter);
        assert_eq!(found, whole[..count.min(whole.len())]);
        assert_eq!(closed, count > whole.len());
    }
}

/// Lines of headers up to an empty line, if there is one; then the content.
fn drawn(bytes: &[u8]) -> Plain {
    let (head, content) = split_once(bytes, b"\n\n").unwrap_or((b"", bytes));
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let (name, value) = split_once(line, b": ").unwrap_or((line, b""));
        let name = HeaderName::from_bytes(name);
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
            headers.append(name, value);
        }
    }
    Plain {
        headers,
        content: content.to_vec(),
    }
}

impl Plain {
    fn has(&self, delimiter: &str) -> bool {
        let within = |bytes: &[u8]| memmem::find(bytes, delimiter.as_bytes()).is_some();
        let headers = self.headers.iter();
        let lines = headers
            .map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes()].concat());
        within(&self.content) || lines.into_iter().any(|line: Vec<u8>| within(&line))
    }

    fn part(&self) -> Part {
        let mut part = Part::new(self.content.clone());
        part.headers_mut().clone_from(&self.headers);
        part
    }
}

fn written(format: Multipart, parts: &[Plain]) -> (Vec<Bytes>, Option<BoxError>) {
    let parts: Vec<_> = parts.iter().map(Plain::part).collect();
    let response = from_iter(parts).format(format).into_response();
    let mut body = pin!(response.into_body());
    let mut pieces = Vec::new();
    while let Some(frame) = ready(|cx| body.as_mut().poll_frame(cx)) {
        match frame {
            Ok(frame) => pieces.push(frame.into_data().unwrap()),
            Err(error) => return (pieces, Some(error)),
        }
    }
    (pieces, None)
}

/// The parts that have ended, and whether the last boundary was there (RFC 2046, section 5.1.1).
fn read(body: &[u8], delimiter: &str) -> (Vec<Plain>, bool) {
    let body = [b"\r\n", body].concat();
    let line = format!("\r\n{delimiter}");
    let (mut parts, mut rest) = (Vec::new(), &body[..]);
    let (before, after) = split_once(rest, line.as_bytes()).unwrap();
    assert_eq!(before, b"");
    rest = after;
    while let Some((part, after)) = split_once(rest, line.as_bytes()) {
        parts.push(part_of(part));
        rest = after;
    }
    let closed = rest == b"--\r\n";
    assert!(closed || rest.is_empty(), "`{}`", rest.escape_ascii());
    (parts, closed)
}

fn part_of(part: &[u8]) -> Plain {
    let part = part.strip_prefix(b"\r\n").unwrap();
    let mut headers = HeaderMap::new();
    let mut rest = part;
    loop {
        let (line, after) = split_once(rest, b"\r\n").unwrap();
        rest = after;
        let Some((name, value)) = split_once(line, b": ") else {
            assert_eq!(line, b"");
            let content = rest.to_vec();
            return Plain { headers, content };
        };
        let name = HeaderName::from_bytes(name).unwrap();
        headers.append(name, HeaderValue::from_bytes(value).unwrap());
    }
}

fn split_once<'a>(bytes: &'a [u8], at: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let found = memmem::find(bytes, at)?;
    Some((&bytes[..found], &bytes[found + at.len()..]))
}
