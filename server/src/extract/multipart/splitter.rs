//! Where a body is cut: at its boundary, and at the end of each part's head.

use std::task::Poll;

use bytes::{Buf, Bytes, BytesMut};
use memchr::{
    memmem::{self, Finder},
    memrchr,
};

use super::Fault;

/// Cuts a body of parts (RFC 2046, section 5.1.1) that comes in pieces, wherever the pieces end.
///
/// It holds the last piece that was fed and, of those before, at most a head or the beginning of a delimiter. `Pending`
/// means that it has to be fed.
#[derive(Debug)]
pub(super) struct Splitter {
    buffer: BytesMut,
    delimiter: Finder<'static>,
    state: State,
    heads: usize,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// So many bytes are before it in the buffer: the line break that ends a head can begin the next delimiter.
    Content { lead: usize },
    /// The beginning of the buffer, of this length, has no end of a head.
    Head { searched: usize },
    /// The last delimiter was seen.
    Closed,
}

/// Far more than a name, a file name and a content type take.
pub(super) const LONGEST_HEAD: usize = 8 << 10;

const LINE_BREAK: &[u8] = b"\r\n";
const END_OF_HEAD: &[u8] = b"\r\n\r\n";

impl Splitter {
    pub(super) fn new(boundary: &str) -> Self {
        let delimiter = format!("\r\n--{boundary}");
        Self {
            // What is before the first delimiter is content of no part, and the first needs no line break.
            buffer: BytesMut::from(LINE_BREAK),
            delimiter: Finder::new(&delimiter).into_owned(),
            state: State::Content { lead: 2 },
            heads: 0,
        }
    }

    pub(super) fn feed(&mut self, piece: Bytes) {
        if self.buffer.is_empty() {
            self.buffer = piece.into();
        } else {
            self.buffer.extend_from_slice(&piece);
        }
    }

    /// The part that is being read, counted from 1; `None` before the first and after the last.
    pub(super) fn part(&self) -> Option<usize> {
        match self.state {
            State::Content { .. } => Some(self.heads).filter(|heads| *heads > 0),
            State::Head { .. } => Some(self.heads + 1),
            State::Closed => None,
        }
    }

    /// The next piece of the content; `None` at its end.
    pub(super) fn content(&mut self) -> Poll<Option<Bytes>> {
        let State::Content { lead } = self.state else {
            return Poll::Ready(None);
        };
        let found = self.delimiter.find(&self.buffer);
        let end = found.unwrap_or_else(|| self.buffer.len() - self.begun());
        if end > lead {
            let mut piece = self.buffer.split_to(end);
            piece.advance(lead);
            self.state = State::Content { lead: 0 };
            return Poll::Ready(Some(piece.freeze()));
        }
        if found.is_none() {
            return Poll::Pending;
        }
        self.buffer.advance(end + self.delimiter.needle().len());
        self.state = State::Head { searched: 0 };
        Poll::Ready(None)
    }

    /// How much of the delimiter is at the end of the buffer. Its only carriage return is its first byte.
    fn begun(&self) -> usize {
        let delimiter = self.delimiter.needle();
        let longest = self.buffer.len().min(delimiter.len() - 1);
        let end = &self.buffer[self.buffer.len() - longest..];
        let begun = memrchr(b'\r', end).map_or(&[][..], |at| &end[at..]);
        if delimiter.starts_with(begun) {
            begun.len()
        } else {
            0
        }
    }

    /// The head of the next part, with what follows the boundary on its line; `None` when that was the last one.
    pub(super) fn head(&mut self) -> Poll<Result<Option<Bytes>, Fault>> {
        let State::Head { searched } = self.state else {
            return Poll::Ready(Ok(None));
        };
        if self.buffer.starts_with(b"--") {
            self.buffer.clear();
            self.state = State::Closed;
            return Poll::Ready(Ok(None));
        }
        let end = memmem::find(&self.buffer[searched..], END_OF_HEAD).map(|at| searched + at);
        let longest = LONGEST_HEAD + END_OF_HEAD.len() - 1;
        match end {
            Some(end) if end <= LONGEST_HEAD => Poll::Ready(self.cut_head(end).map(Some)),
            None if self.buffer.len() <= longest => {
                let searched = self.buffer.len().saturating_sub(END_OF_HEAD.len() - 1);
                self.state = State::Head { searched };
                Poll::Pending
            }
            _ => Poll::Ready(Err(Fault::LongHead)),
        }
    }

    /// No line of a part may start with its boundary (RFC 2046, section 5.1.1): another reader would cut there.
    fn cut_head(&mut self, end: usize) -> Result<Bytes, Fault> {
        if self.delimiter.find(&self.buffer[..end]).is_some() {
            return Err(Fault::Malformed("its boundary is in its head"));
        }
        let head = self.buffer.split_to(end);
        self.buffer.advance(LINE_BREAK.len());
        self.state = State::Content { lead: 2 };
        self.heads += 1;
        Ok(head.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The heads and contents, what was before them and `end` or a fault, as they come of these pieces.
    fn split<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut splitter = Splitter::new("b");
        let mut all = vec![String::new()];
        for piece in pieces {
            splitter.feed(Bytes::copy_from_slice(piece));
            loop {
                match splitter.content() {
                    Poll::Pending => break,
                    Poll::Ready(Some(piece)) => all.last_mut().unwrap().push_str(&text(&piece)),
                    Poll::Ready(None) => match splitter.head() {
                        Poll::Pending => break,
                        Poll::Ready(Ok(Some(head))) => all.extend([text(&head), String::new()]),
                        Poll::Ready(Ok(None)) => {
                            all.push("end".to_owned());
                            return all;
                        }
                        Poll::Ready(Err(fault)) => {
                            all.push(fault.to_string());
                            return all;
                        }
                    },
                }
            }
        }
        all
    }

    /// Whole, then in every two and three pieces, then byte by byte.
    fn check(body: &str, expected: &[&str]) {
        let bytes = body.as_bytes();
        assert_eq!(split([bytes]), expected, "{body:?}");
        assert_eq!(split(bytes.chunks(1)), expected, "{body:?} byte by byte");
        for first in 0..=bytes.len() {
            let (one, rest) = bytes.split_at(first);
            for second in 0..=rest.len() {
                let (two, three) = rest.split_at(second);
                let cuts = (first, first + second);
                assert_eq!(split([one, two, three]), expected, "{body:?} at {cuts:?}");
            }
        }
    }

    #[test]
    fn a_body_is_cut_at_the_same_places_however_it_comes() {
        check("--b--", &["", "end"]);
        check("--b--\r\n", &["", "end"]);
        check("--b\r\nh: v\r\n\r\n--b--", &["", "\r\nh: v", "", "end"]);
        check("--b\r\nh\r\n\r\n\r\n--b--", &["", "\r\nh", "", "end"]);
        check("--b\r\nh\r\n\r\nc\r\n--b--x", &["", "\r\nh", "c", "end"]);
        check(
            "--b\r\nh\r\n\r\n--a\r\n-\r\r\n--\r\n\r\n--b \t\r\ni\r\nj\r\n\r\n--b--",
            &[
                "",
                "\r\nh",
                "--a\r\n-\r\r\n--\r\n",
                " \t\r\ni\r\nj",
                "",
                "end",
            ],
        );
        check(
            "--b\r\nh\r\n--b\r\n\r\n",
            &["", "its boundary is in its head"],
        );
        check("before\r\n--b--", &["before", "end"]);
        check("\r\n--b--", &["", "end"]);
        check("--a\r\n--b\r\n\r\n", &["--a", "", ""]);
        check("--bc\r\n\r\n\r\n--b-", &["", "c", ""]);
        check("x--b--", &["x--b--"]);
        check("\n--b--", &["\n--b--"]);
    }

    #[test]
    fn a_head_of_the_greatest_length_passes_and_one_byte_more_does_not() {
        let long = Fault::LongHead.to_string();
        for (start, length, expected) in [
            ("", LONGEST_HEAD, "end"),
            ("", LONGEST_HEAD + 1, &*long),
            ("\r\n--b", LONGEST_HEAD, "its boundary is in its head"),
            ("\r\n--b", LONGEST_HEAD + 1, &long),
        ] {
            let head = format!("{start:h<length$}");
            let body = format!("--b{head}\r\n\r\n--b--");
            for size in [1, 2, 3, 5, 1000, body.len()] {
                let all = split(body.as_bytes().chunks(size));
                assert_eq!(all.last().unwrap(), expected, "{length} in {size}s");
            }
        }
    }

    #[test]
    fn what_is_held_back_is_at_most_the_beginning_of_a_delimiter() {
        let mut splitter = Splitter::new("boundary");
        splitter.feed(Bytes::from_static(b"--boundary\r\n\r\n\r\n"));
        assert_eq!(splitter.content(), Poll::Ready(None));
        assert!(splitter.head().is_ready());
        for piece in [&b"a\r\n"[..], b"\r\n--bound", b"arx\r", b"\r"] {
            splitter.feed(Bytes::copy_from_slice(piece));
            while splitter.content().is_ready() {}
            let held = splitter.buffer.len();
            assert!(held < "\r\n--boundary".len(), "{held} after {piece:?}");
        }
        assert_eq!(&splitter.buffer[..], b"\r");
    }
}
