//! Bytes to lines.

use std::mem;

use memchr::memchr2;

use super::error::{DecodeError, Kind};

const MARK: &[u8] = b"\xef\xbb\xbf";

/// A buffer that grew beyond this is not kept for the next line, in bytes: one long line must not
/// cost its memory for as long as the stream lasts.
const KEPT: usize = 16 * 1024;

/// The lines of a stream, without the byte order mark that it may start with.
pub(super) struct Lines {
    pub(super) max: usize,
    /// How much of the mark has come; all of it too once it is known that there is none.
    mark: usize,
    /// The line before ended with CR: an LF now is part of the same line end.
    after_cr: bool,
    /// How much has come of a line whose end has not, in bytes.
    length: usize,
    /// That much of it, unless it is a line of data that is given out as it comes.
    unfinished: Vec<u8>,
    /// `unfinished` was given out.
    taken: bool,
    /// The line is one of data that is given out as it comes.
    is_data: bool,
}

/// What is next in a stream.
pub(super) enum Piece<'a> {
    /// A whole line without its end.
    Line(&'a [u8]),
    /// The value of a line of data that is cut by the end of its chunk: its start, then any number
    /// of parts, then its end.
    DataStart(&'a [u8]),
    DataPart(&'a [u8]),
    DataEnd(&'a [u8]),
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            max: 4 * 1024 * 1024,
            mark: 0,
            after_cr: false,
            length: 0,
            unfinished: Vec::new(),
            taken: false,
            is_data: false,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self {
            max: self.max,
            ..Self::new()
        };
    }

    /// The next piece, a part of `input` if it stands there whole.
    pub(super) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<Piece<'a>>, DecodeError> {
        if mem::take(&mut self.taken) {
            self.unfinished.clear();
            self.unfinished.shrink_to(KEPT);
        }
        if self.mark < MARK.len() {
            self.skip_mark(input);
        }
        if !input.is_empty() && mem::take(&mut self.after_cr) {
            *input = input.strip_prefix(b"\n").unwrap_or(input);
        }
        let Some(end) = line_end(input) else {
            return self.cut(mem::take(input));
        };
        let (line, rest) = input.split_at(end);
        self.after_cr = rest[0] == b'\r';
        *input = &rest[1..];
        self.finish(line).map(Some)
    }

    /// Takes what comes of a line before its chunk ends.
    fn cut<'a>(&'a mut self, part: &'a [u8]) -> Result<Option<Piece<'a>>, DecodeError> {
        self.check(part)?;
        self.length += part.len();
        if part.is_empty() {
            return Ok(None);
        }
        if self.is_data {
            return Ok(Some(Piece::DataPart(part)));
        }
        let start = if self.unfinished.is_empty() && data(part).is_some() {
            part
        } else {
            self.unfinished.extend_from_slice(part);
            &self.unfinished
        };
        let value = data(start);
        self.is_data = value.is_some();
        self.taken = value.is_some();
        Ok(value.map(Piece::DataStart))
    }

    fn finish<'a>(&'a mut self, line: &'a [u8]) -> Result<Piece<'a>, DecodeError> {
        self.check(line)?;
        if mem::take(&mut self.length) == 0 {
            return Ok(Piece::Line(line));
        }
        if mem::take(&mut self.is_data) {
            return Ok(Piece::DataEnd(line));
        }
        self.unfinished.extend_from_slice(line);
        self.taken = true;
        Ok(Piece::Line(&self.unfinished))
    }

    fn check(&self, part: &[u8]) -> Result<(), DecodeError> {
        if part.len() > self.max.saturating_sub(self.length) {
            return Err(Kind::Line(self.max).into());
        }
        Ok(())
    }

    /// What began like the mark and goes on otherwise is the start of the first line.
    fn skip_mark(&mut self, input: &mut &[u8]) {
        while let (Some(expected), Some((byte, rest))) = (MARK.get(self.mark), input.split_first())
        {
            if byte != expected {
                self.unfinished.extend_from_slice(&MARK[..self.mark]);
                self.length = self.mark;
                self.mark = MARK.len();
                return;
            }
            self.mark += 1;
            *input = rest;
        }
    }
}

fn line_end(input: &[u8]) -> Option<usize> {
    match input.first() {
        // Each event ends with a blank line: not worth a search.
        Some(b'\n' | b'\r') => Some(0),
        _ => memchr2(b'\r', b'\n', input),
    }
}

/// The value in the start of a line of data, once it is known whether a space leads it.
fn data(start: &[u8]) -> Option<&[u8]> {
    match start.strip_prefix(b"data:")? {
        [] => None,
        value => Some(value.strip_prefix(b" ").unwrap_or(value)),
    }
}
