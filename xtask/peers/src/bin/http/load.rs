//! Who asks: connections that are kept alive, each with one request on its way at a time.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    str::from_utf8,
    time::Duration,
};

use peristyle_peers::Failure;

use crate::case::Case;

/// An answer that takes longer is a fault.
const LONGEST: Duration = Duration::from_secs(60);
const LONGEST_ANSWER: usize = 4096;

pub(crate) struct Load {
    address: SocketAddr,
    connections: Vec<Connection>,
    request: Vec<u8>,
    answer: &'static [u8],
}

impl Load {
    pub(crate) fn new(address: SocketAddr, case: &Case) -> Self {
        Self {
            address,
            connections: Vec::new(),
            request: case.request(),
            answer: case.answer.as_bytes(),
        }
    }

    /// Opens so many connections in place of those before.
    pub(crate) fn connect(&mut self, connections: usize) -> io::Result<()> {
        self.connections.clear();
        for _ in 0..connections {
            self.connections.push(Connection::open(self.address)?);
        }
        Ok(())
    }

    /// Sends so many requests, each when its connection has the whole answer to the one before. The server always has work
    /// but at the end.
    ///
    /// # Errors
    ///
    /// At the first answer that is not exactly what it should be.
    pub(crate) fn run(&mut self, requests: usize) -> Result<(), Failure> {
        let ahead = requests.min(self.connections.len());
        for connection in &mut self.connections[..ahead] {
            connection.send(&self.request)?;
        }
        for number in 0..requests {
            let connection = number % ahead;
            let connection = &mut self.connections[connection];
            let answer = connection.receive()?;
            if answer != self.answer {
                return Err(format!("the answer was {:?}", String::from_utf8_lossy(answer)).into());
            }
            if number + ahead < requests {
                connection.send(&self.request)?;
            }
        }
        Ok(())
    }
}

/// How many times an interceptor of that server was passed, this request's way in included.
pub(crate) fn passes(address: SocketAddr) -> Result<usize, Failure> {
    let mut connection = Connection::open(address)?;
    connection.send(b"GET /passes HTTP/1.1\r\nhost: a\r\n\r\n")?;
    let passes = from_utf8(connection.receive()?)?;
    Ok(passes.parse()?)
}

struct Connection {
    stream: TcpStream,
    received: [u8; LONGEST_ANSWER],
}

impl Connection {
    fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(LONGEST))?;
        Ok(Self {
            stream,
            received: [0; LONGEST_ANSWER],
        })
    }

    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.stream.write_all(request)
    }

    /// The body of the next answer, which must be a 200 and all that there is to read.
    fn receive(&mut self) -> Result<&[u8], Failure> {
        let mut length = 0;
        loop {
            let read = self.stream.read(&mut self.received[length..])?;
            if read == 0 {
                return Err("the connection ended, or the answer is too long".into());
            }
            length += read;
            if let Some(start) = whole(&self.received[..length])? {
                return Ok(&self.received[start..length]);
            }
        }
    }
}

/// Where the body of an answer starts, if all of it has come.
fn whole(received: &[u8]) -> Result<Option<usize>, Failure> {
    let Some(end) = received.windows(4).position(|it| it == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = from_utf8(&received[..end])?;
    let length = head
        .strip_prefix("HTTP/1.1 200 OK\r\n")
        .and_then(content_length);
    let length = length.ok_or_else(|| format!("no 200 with a length: {head}"))?;
    let (start, come) = (end + 4, received.len() - end - 4);
    if come > length {
        return Err("there is more than one answer".into());
    }
    Ok((come == length).then_some(start))
}

fn content_length(fields: &str) -> Option<usize> {
    let mut fields = fields
        .split("\r\n")
        .filter_map(|field| field.split_once(": "));
    let (_, length) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-length"))?;
    length.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nx: y\r\nContent-Length: 2\r\n\r\nab";

    #[test]
    fn an_answer_is_whole_with_its_last_byte_and_not_before() {
        let start = ANSWER.len() - 2;
        for end in 0..ANSWER.len() {
            assert_eq!(whole(&ANSWER[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(whole(ANSWER).unwrap(), Some(start));
    }

    #[test]
    fn what_is_no_single_200_with_a_length_is_an_error() {
        assert!(whole(&[ANSWER, b"H"].concat()).is_err());
        assert!(whole(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").is_err());
        assert!(whole(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n").is_err());
    }
}
