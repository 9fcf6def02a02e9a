//! Bodies of requests: the same values, and the same error, however the body comes, and those that a plain reading finds.

use std::{
    collections::VecDeque,
    convert::Infallible,
    pin::{Pin, pin},
    str,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame};
use serde_json::Value;

#[cfg(test)]
use super::variations;
use super::{Law, ready, seeds};
use crate::{ReadError, Reading};

const VALUE: usize = 12;
const TOTAL: u64 = 40;

pub(super) fn law() -> Law {
    Law {
        holds,
        seeds: seeds(&[
            b"",
            b"one\ntwo\r\n\r\n\nthree",
            b"a line of 12\r\na line of 12\r",
            b"1\n[2]\n{\"a\":3}\n\n\"\xc3\xa9\"",
            b"\x1e1\n\x1e[2]\x1e\x1e{\n}\x1e\"\"",
            b"\x1etrue\n\x1etrue",
            b"\xff\n\x1e",
            b"1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1\n1",
            b"the total is what ends here, not the line it is in",
        ]),
        words: &[
            "\n",
            "\r",
            "\r\n",
            "\x1e",
            "\n\x1e",
            "1",
            "[2]",
            "{\"a\":3}",
            "\"",
            "true",
            " ",
            "\u{e9}",
            "0123456789ab",
            "0123456789abc",
        ],
    }
}

#[test]
fn a_body_is_read_as_a_plain_reading_finds_however_it_comes() {
    variations::check(&law());
}

fn holds(bytes: &[u8]) {
    let whole = &bytes[..bytes.len().min(usize::try_from(TOTAL).unwrap())];
    let is_whole = whole.len() == bytes.len();
    let lines = Plain::lines(whole, is_whole, &|line| {
        Some(str::from_utf8(line).ok()?.to_owned())
    });
    let json = Plain::json_lines(whole, is_whole);
    let seq = Plain::json_seq(whole, is_whole);
    let sizes = [bytes.len().max(1), 1, 2, 7, VALUE + 1];
    for size in sizes {
        let reading = || {
            let reading = Reading::new(Feed::new(bytes, size));
            reading.value_limit(VALUE).total_limit(TOTAL)
        };
        assert_eq!(read(reading().lines()), lines, "{size}");
        assert_eq!(read(reading().ndjson::<Value>()), json, "{size}");
        assert_eq!(read(reading().json_seq::<Value>()), seq, "{size}");
    }
}

/// What was read, and the number and the place of the value that failed.
#[derive(Debug, PartialEq)]
struct Plain<T> {
    values: Vec<T>,
    failed: Option<(u64, u64)>,
}

impl<T> Plain<T> {
    fn new() -> Self {
        Self {
            values: Vec::new(),
            failed: None,
        }
    }

    /// Whether to go on.
    fn add(&mut self, offset: usize, value: Option<T>) -> bool {
        match value {
            Some(value) => self.values.push(value),
            None => self.failed = Some((self.values.len() as u64 + 1, offset as u64)),
        }
        self.failed.is_none()
    }

    fn lines(body: &[u8], is_whole: bool, parse: &dyn Fn(&[u8]) -> Option<T>) -> Self {
        Self::cut(body, is_whole, |line, _| Some(fits(line).and_then(parse)))
    }

    /// Of each line, what it is, if it is anything.
    fn cut(body: &[u8], is_whole: bool, value: impl Fn(&[u8], usize) -> Option<Option<T>>) -> Self {
        let mut plain = Self::new();
        let mut offset = 0;
        for piece in body.split_inclusive(|byte| *byte == b'\n') {
            let ended = piece.strip_suffix(b"\n");
            let line = ended.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
            let here = match line.or_else(|| is_whole.then_some(piece)) {
                Some(line) => value(line, offset),
                None => Some(None),
            };
            if here.is_some_and(|value| !plain.add(offset, value)) {
                return plain;
            }
            offset += piece.len();
        }
        plain.end(offset, is_whole)
    }

    /// What is too large in all fails where the next value would begin.
    fn end(mut self, offset: usize, is_whole: bool) -> Self {
        if !is_whole {
            self.add(offset, None);
        }
        self
    }
}

impl Plain<Value> {
    fn json_lines(body: &[u8], is_whole: bool) -> Self {
        Self::cut(body, is_whole, |line, _| {
            (!line.is_empty()).then(|| fits(line).and_then(json))
        })
    }

    fn json_seq(body: &[u8], is_whole: bool) -> Self {
        let mut plain = Self::new();
        let mut offset = 0;
        let mut texts = body.split(|byte| *byte == 0x1e).peekable();
        while let Some(text) = texts.next() {
            let is_last = texts.peek().is_none();
            let value = match text {
                b"" => None,
                _ if offset == 0 || is_last && !is_whole => Some(None),
                _ => Some(sequence_text(text)),
            };
            if value.is_some_and(|value| !plain.add(offset, value)) {
                return plain;
            }
            offset += text.len() + 1;
        }
        plain.end(offset - 1, is_whole)
    }
}

fn sequence_text(text: &[u8]) -> Option<Value> {
    let value = json(fits(text.strip_suffix(b"\n").unwrap_or(text))?)?;
    let is_delimited = value.is_array() || value.is_object() || value.is_string();
    (is_delimited || text.last()?.is_ascii_whitespace()).then_some(value)
}

fn fits(value: &[u8]) -> Option<&[u8]> {
    (value.len() <= VALUE).then_some(value)
}

fn json(text: &[u8]) -> Option<Value> {
    serde_json::from_slice(text).ok()
}

fn read<T>(values: impl Stream<Item = Result<T, ReadError>>) -> Plain<T> {
    let mut values = pin!(values);
    let mut plain = Plain::new();
    while let Some(value) = ready(|cx| values.as_mut().poll_next(cx)) {
        assert!(plain.failed.is_none(), "an error is the last item");
        match value {
            Ok(value) => plain.values.push(value),
            Err(error) => plain.failed = Some((error.value().unwrap(), error.offset())),
        }
    }
    plain
}

/// A body in pieces of one size.
struct Feed(VecDeque<Bytes>);

impl Feed {
    fn new(bytes: &[u8], size: usize) -> Self {
        Self(bytes.chunks(size).map(Bytes::copy_from_slice).collect())
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|data| Ok(Frame::data(data))))
    }
}
