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
    /// The start of a line whose end has not come.
    unfinished: Vec<u8>,
    /// Its end has come, and it was given out.
    finished: bool,
}

impl Lines {
    pub(super) fn new() -> Self {
        Self {
            max: 4 * 1024 * 1024,
            mark: 0,
            after_cr: false,
            unfinished: Vec::new(),
            finished: false,
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self {
            max: self.max,
            ..Self::new()
        };
    }

    /// The next line without its end, a part of `input` if it stands there whole.
    pub(super) fn next<'a, 'i: 'a>(
        &'a mut self,
        input: &mut &'i [u8],
    ) -> Result<Option<&'a [u8]>, DecodeError> {
        if mem::take(&mut self.finished) {
            self.clear();
        }
        if self.mark < MARK.len() {
            self.skip_mark(input);
        }
        let Some(&first) = input.first() else {
            return Ok(None);
        };
        if mem::take(&mut self.after_cr) && first == b'\n' {
            *input = &input[1..];
        }
        let Some(end) = memchr2(b'\r', b'\n', input) else {
            return self.keep(mem::take(input)).map(|()| None);
        };
        let (line, rest) = input.split_at(end);
        self.after_cr = rest[0] == b'\r';
        *input = &rest[1..];
        self.finish(line).map(Some)
    }

    fn finish<'a>(&'a mut self, line: &'a [u8]) -> Result<&'a [u8], DecodeError> {
        if self.unfinished.is_empty() {
            self.check(line)?;
            return Ok(line);
        }
        self.keep(line)?;
        self.finished = true;
        Ok(&self.unfinished)
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), DecodeError> {
        self.check(part)?;
        self.unfinished.extend_from_slice(part);
        Ok(())
    }

    fn check(&self, part: &[u8]) -> Result<(), DecodeError> {
        if part.len() > self.max.saturating_sub(self.unfinished.len()) {
            return Err(Kind::Line(self.max).into());
        }
        Ok(())
    }

    fn clear(&mut self) {
        self.unfinished.clear();
        self.unfinished.shrink_to(KEPT);
    }

    /// What began like the mark and goes on otherwise is the start of the first line.
    fn skip_mark(&mut self, input: &mut &[u8]) {
        while let (Some(expected), Some((byte, rest))) = (MARK.get(self.mark), input.split_first())
        {
            if byte != expected {
                self.unfinished.extend_from_slice(&MARK[..self.mark]);
                self.mark = MARK.len();
                return;
            }
            self.mark += 1;
            *input = rest;
        }
    }
}
