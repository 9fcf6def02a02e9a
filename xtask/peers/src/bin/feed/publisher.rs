//! Who publishes: requests over one connection, each sent without waiting for the answer to the one before (RFC 9112, section 9.3.2),
//! so that they are taken in the order in which they are numbered.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use peristyle_peers::{Failure, Framing, Head};

use crate::target::Target;

/// A server that takes longer to read a request, or to answer one, has failed.
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Publisher {
    target: Target,
    pub(crate) socket: TcpStream,
    /// Requests that are still to be sent.
    output: Vec<u8>,
    answers: Answers,
}

impl Publisher {
    pub(crate) fn connect(target: &Target) -> Result<Self, Failure> {
        let socket = TcpStream::connect(target.address)?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(LONGEST))?;
        socket.set_write_timeout(Some(LONGEST))?;
        Ok(Self {
            target: target.clone(),
            socket,
            output: Vec::new(),
            answers: Answers::default(),
        })
    }

    /// A request to publish this, to be sent with those before it.
    pub(crate) fn publish(&mut self, data: &[u8]) {
        let head = self.target.publish(data.len());
        self.output.extend_from_slice(head.as_bytes());
        self.output.extend_from_slice(data);
        self.answers.due += 1;
    }

    /// Sends the requests.
    pub(crate) fn flush(&mut self) -> Result<(), Failure> {
        self.socket.write_all(&self.output)?;
        self.output.clear();
        Ok(())
    }

    /// Reads answers, one at least.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> Result<(), Failure> {
        match self.socket.read(buffer)? {
            0 => Err("the server closed the publisher's connection".into()),
            length => self.answers.read(&buffer[..length]),
        }
    }

    /// How many requests were not answered yet.
    pub(crate) fn unanswered(&self) -> usize {
        self.answers.due
    }
}

/// Answers, one behind the other.
#[derive(Debug, Default)]
struct Answers {
    due: usize,
    head: Head,
    body: Option<Framing>,
}

impl Answers {
    fn read(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match self.body.take() {
                None => self.read_head(rest)?,
                Some(body) => self.read_body(body, rest)?,
            };
        }
        Ok(())
    }

    fn read_head<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
        let Some((framing, length)) = self.head.read(bytes)? else {
            return Ok(&[]);
        };
        self.read_body(framing, &bytes[length..])
    }

    fn read_body<'a>(&mut self, mut body: Framing, bytes: &'a [u8]) -> Result<&'a [u8], Failure> {
        let rest = body.read(bytes, |_| Ok(()))?;
        if body.is_over() {
            let due = self.due.checked_sub(1);
            self.due = due.ok_or("an answer came that nobody asked for")?;
        } else {
            self.body = Some(body);
        }
        Ok(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_counted_however_they_come() {
        let answers = b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\nabHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";
        for size in 1..=answers.len() {
            let mut read = Answers {
                due: 3,
                ..Answers::default()
            };
            for piece in answers.chunks(size) {
                assert!(read.due > 0);
                read.read(piece).unwrap();
            }
            assert_eq!(read.due, 0);
            assert!(read.read(answers).is_err());
        }
    }

    #[test]
    fn a_refusal_is_an_error() {
        let mut answers = Answers {
            due: 1,
            ..Answers::default()
        };
        let refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n";
        assert!(answers.read(refusal).is_err());
    }
}
