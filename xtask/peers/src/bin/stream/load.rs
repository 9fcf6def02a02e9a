//! Who reads: one connection for each stream. Every byte is compared with what it should be.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    str::from_utf8,
    time::Duration,
};

use peristyle_peers::{Failure, Framing};

use crate::case::{Case, Server};

/// A pause that is longer is a fault.
const LONGEST: Duration = Duration::from_secs(60);
const LONGEST_HEAD: usize = 4096;
const READ: usize = 256 * 1024;

/// Asks for so many values of a case, and reads them all.
///
/// # Errors
///
/// At the first byte that is not what it should be, and when they are not as many.
pub(crate) fn run(
    address: SocketAddr,
    case: &Case,
    server: &Server,
    values: usize,
) -> Result<(), Failure> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONGEST))?;
    let request = format!("GET /{values} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut content = Content::new(server.start, (case.value)());
    let mut buffer = vec![0; READ];
    let mut length = 0;
    while !buffer[..length].ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer[length..=length])?;
        if read == 0 || length == LONGEST_HEAD {
            return Err("there is no head".into());
        }
        length += read;
    }
    let mut framing = framing(from_utf8(&buffer[..length])?)?;
    loop {
        let read = stream.read(&mut buffer)?;
        if read == 0 {
            break;
        }
        compare(&mut framing, &buffer[..read], &mut content)?;
    }
    if !framing.is_over() {
        return Err("the body is cut off".into());
    }
    let expected = server.start.len() + values * (case.value)().len();
    if content.read != expected {
        return Err(format!("{} bytes came, not {expected}", content.read).into());
    }
    Ok(())
}

fn framing(head: &str) -> Result<Framing, Failure> {
    if !head.starts_with("HTTP/1.1 200 OK\r\n") {
        return Err(format!("no 200: {head}").into());
    }
    Framing::of(head)
}

fn compare(framing: &mut Framing, bytes: &[u8], content: &mut Content) -> Result<(), Failure> {
    match framing.read(bytes, |piece| content.compare(piece))? {
        [] => Ok(()),
        _ => Err("the body is longer".into()),
    }
}

/// What is read, beside what should be.
struct Content {
    start: &'static [u8],
    /// The value over and over, so long that whatever is read is a part of it.
    pattern: Vec<u8>,
    period: usize,
    read: usize,
}

impl Content {
    fn new(start: &'static [u8], value: &[u8]) -> Self {
        Self {
            start,
            pattern: value.repeat(READ.div_ceil(value.len()) + 1),
            period: value.len(),
            read: 0,
        }
    }

    fn compare(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let start = &self.start[self.read.min(self.start.len())..];
        let (first, rest) = bytes.split_at(start.len().min(bytes.len()));
        let after = (self.read + first.len()).saturating_sub(self.start.len()) % self.period;
        if first != &start[..first.len()] || rest != &self.pattern[after..][..rest.len()] {
            return Err(format!("other bytes than expected after {}", self.read).into());
        }
        self.read += bytes.len();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// What is read of this body, which comes in pieces of this size.
    fn read(head: &str, body: &[u8], size: usize) -> Result<(usize, bool), Failure> {
        let mut content = Content::new(b":", b"abc");
        let mut framing = framing(head)?;
        for piece in body.chunks(size) {
            compare(&mut framing, piece, &mut content)?;
        }
        Ok((content.read, framing.is_over()))
    }

    #[test]
    fn a_body_is_read_however_it_comes_and_is_over_with_its_last_byte() {
        let body = b"3\r\n:ab\r\n0a\r\ncabcabcabc\r\n0\r\n\r\n";
        for size in 1..body.len() {
            let but_one = &body[..body.len() - 1];
            assert_eq!(read(CHUNKED, body, size).unwrap(), (13, true));
            assert_eq!(read(CHUNKED, but_one, size).unwrap(), (13, false));
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
        assert_eq!(read(head, b":abc", 3).unwrap(), (4, true));
        assert_eq!(read(head, b":ab", 3).unwrap(), (3, false));
    }

    #[test]
    fn what_is_not_the_expected_body_is_an_error() {
        for body in [&b"3\r\n:aa\r\n"[..], b"1\r\na\r\n", b"0\r\n\r\nH", b"x"] {
            assert!(read(CHUNKED, body, 2).is_err(), "{body:?}");
        }
        assert!(read("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n", b":ab", 3).is_err());
        assert!(read("HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n", b":aba", 3).is_err());
        assert!(
            read(
                "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
                b"",
                1
            )
            .is_err()
        );
    }
}
