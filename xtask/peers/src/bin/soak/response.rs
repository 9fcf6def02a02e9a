//! A response over HTTP/1.1 as it comes, cut at any byte.

use std::str;

use peristyle_peers::Failure;

/// A line of a head or of a chunk's size is never so long.
const LONGEST: usize = 8 * 1024;

/// Reads one response.
#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    state: State,
    line: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head(Framing),
    Size,
    Data(usize),
    DataEnd,
    Trailers,
    Whole(usize),
    End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

impl Response {
    pub(crate) fn new() -> Self {
        Self {
            status: 0,
            state: State::Head(Framing::Length(0)),
            line: Vec::new(),
        }
    }

    /// Its status, once its head has come.
    pub(crate) fn status(&self) -> Option<u16> {
        let known = !matches!(self.state, State::Head(_));
        known.then_some(self.status)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.state == State::End
    }

    /// The next piece of its body; `None` when there is none in `input`.
    pub(crate) fn body<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<&'a [u8]>, Failure> {
        while !input.is_empty() {
            match self.state {
                State::Data(left) | State::Whole(left) => {
                    let (piece, rest) = input.split_at(left.min(input.len()));
                    *input = rest;
                    self.take(left - piece.len());
                    return Ok(Some(piece));
                }
                State::End => return Err("a response has more than its end".into()),
                _ => self.byte(input)?,
            }
        }
        Ok(None)
    }

    fn take(&mut self, left: usize) {
        self.state = match (self.state, left) {
            (State::Data(_), 0) => State::DataEnd,
            (State::Data(_), left) => State::Data(left),
            (_, 0) => State::End,
            (_, left) => State::Whole(left),
        };
    }

    /// Takes one byte of a line.
    fn byte(&mut self, input: &mut &[u8]) -> Result<(), Failure> {
        self.line.push(input[0]);
        *input = &input[1..];
        if self.line.len() > LONGEST {
            return Err("a line of a response is too long".into());
        }
        let Some(line) = self.line.strip_suffix(b"\r\n") else {
            return Ok(());
        };
        let line = str::from_utf8(line)?.to_owned();
        self.line.clear();
        self.state = self.after(&line)?;
        Ok(())
    }

    fn after(&mut self, line: &str) -> Result<State, Failure> {
        Ok(match self.state {
            State::Head(framing) => match line {
                "" => framing.start(),
                line => State::Head(self.header(framing, line)?),
            },
            State::Size => match usize::from_str_radix(line, 16)? {
                0 => State::Trailers,
                size => State::Data(size),
            },
            State::DataEnd => State::Size,
            State::Trailers if line.is_empty() => State::End,
            state => state,
        })
    }

    fn header(&mut self, framing: Framing, line: &str) -> Result<Framing, Failure> {
        if let Some(status) = line.strip_prefix("HTTP/1.1 ") {
            self.status = status.get(..3).unwrap_or_default().parse()?;
        }
        Ok(match line.split_once(": ") {
            Some(("content-length", length)) => Framing::Length(length.parse()?),
            Some(("transfer-encoding", "chunked")) => Framing::Chunked,
            _ => framing,
        })
    }
}

impl Framing {
    fn start(self) -> State {
        match self {
            Self::Length(0) => State::End,
            Self::Length(length) => State::Whole(length),
            Self::Chunked => State::Size,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &[u8] = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\
        3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n";

    fn body(response: &mut Response, mut input: &[u8]) -> Vec<u8> {
        let mut body = Vec::new();
        while let Some(piece) = response.body(&mut input).unwrap() {
            body.extend(piece);
        }
        body
    }

    #[test]
    fn a_response_is_read_wherever_it_is_cut() {
        for cut in 0..CHUNKED.len() {
            let mut response = Response::new();
            let (first, second) = CHUNKED.split_at(cut);
            let mut read = body(&mut response, first);
            assert!(!response.is_whole());
            read.extend(body(&mut response, second));
            assert_eq!(read, b"abc0123456789", "{cut}");
            assert_eq!((response.status(), response.is_whole()), (Some(200), true));
        }
    }

    #[test]
    fn a_response_may_have_a_length_or_nothing() {
        let mut response = Response::new();
        let whole = b"HTTP/1.1 201 Created\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(body(&mut response, whole), b"abc");
        assert_eq!((response.status(), response.is_whole()), (Some(201), true));
        let mut response = Response::new();
        assert_eq!(body(&mut response, b"HTTP/1.1 204 No Content\r\n\r\n"), b"");
        assert_eq!((response.status(), response.is_whole()), (Some(204), true));
    }
}
