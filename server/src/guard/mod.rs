//! A guard over the bytes of an HTTP/1.1 connection, which refuses what servers and proxies read differently.
//!
//! hyper accepts some of it, and hides the rest: when a request has both a length and chunks, the service sees no length. The
//! guard reads every request's head, and follows the body only to find the next head. It changes nothing, keeps no bytes
//! but the first few of the word it is at, and allocates nothing. What it refuses is in `tests/hostile`.

mod authority;
mod chunks;
mod head;
mod octets;

use chunks::Chunks;
use head::{Content, Head};

/// Reads what a client sends, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Guard(Reading);

#[derive(Debug)]
enum Reading {
    Head(Head),
    Length(u64),
    Chunks(Chunks),
}

/// Why a byte was refused, and where in the piece it is.
#[derive(Debug, PartialEq, Eq)]
struct Fault {
    at: usize,
    why: &'static str,
}

/// Bytes that are not passed on.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// How many bytes of the piece are good.
    pub(crate) good: usize,
    pub(crate) place: Place,
    pub(crate) why: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Head,
    Body,
}

impl Guard {
    pub(crate) fn new() -> Self {
        Self(Reading::Head(Head::default()))
    }

    /// Reads on. After a refusal nothing more may be read.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut good = 0;
        while good < bytes.len() {
            let place = self.place();
            good += self.advance(&bytes[good..]).map_err(|fault| Refused {
                good: good + fault.at,
                place,
                why: fault.why,
            })?;
        }
        Ok(())
    }

    fn place(&self) -> Place {
        match self.0 {
            Reading::Head(_) => Place::Head,
            Reading::Length(_) | Reading::Chunks(_) => Place::Body,
        }
    }

    /// Reads up to the end of a head or a body. Returns how many bytes that took.
    fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match &mut self.0 {
            Reading::Head(head) => {
                let (length, content) = head.read(bytes)?;
                match content {
                    Some(Content::Chunked) => self.0 = Reading::Chunks(Chunks::start()),
                    Some(Content::Length(0)) => *self = Self::new(),
                    Some(Content::Length(length)) => self.0 = Reading::Length(length),
                    None => {}
                }
                Ok(length)
            }
            Reading::Length(left) => {
                let length =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= length as u64;
                if *left == 0 {
                    *self = Self::new();
                }
                Ok(length)
            }
            Reading::Chunks(chunks) => {
                let (length, ended) = chunks.read(bytes)?;
                if ended {
                    *self = Self::new();
                }
                Ok(length)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &[&str] = &[
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET http://a:80/b?c HTTP/1.1\r\nhost:\ta \r\nx:\r\ny: \u{e4} b\r\n\r\n",
        "GET HTTPS://[::1]?c HTTP/1.1\r\nhost: b\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
        "CONNECT a:443 HTTP/1.1\r\nhost: a:443\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\n\0\r\nGET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: Chunked\r\n\r\n\
         3;a=\"b\"\r\n\0\r\n\r\n0A \t;b\r\n0123456789\r\n000\r\nx: y\r\nz:\r\n\r\nGET / HTTP/1.0\r\n\r\n",
    ];

    /// A bar stands before the byte that is refused.
    const BAD_HEADS: &[&str] = &[
        "|\nGET / HTTP/1.1\r\n",
        "\r|GET",
        "\r\n|\0",
        "| GET",
        "GET|\t/",
        "GET |\u{7f}",
        "GET | /",
        "GET |*",
        "GET |a:80",
        "GET |ftp://",
        "GET h|/",
        "GET http:/|a",
        "GET http://|/",
        "GET http://u|@a",
        "GET http://a:|x",
        "GET /|\0",
        "GET /a|#b",
        "GET /|\r\n",
        "GET / | HTTP/1.1",
        "OPTIONS *|/",
        "CONNECT |/",
        "CONNECT a| HTTP/1.1",
        "CONNECT a:1|/",
        "GET / |h",
        "GET / HTTP/|2",
        "GET / HTTP/1.|2",
        "GET / HTTP/1.1|\n",
        "GET / HTTP/1.1| ",
        "GET / HTTP/1.1|1",
        "GET / HTTP/1|\r\n",
        "GET / HTTP/1.1\r|\r",
        "GET / HTTP/1.1\r\n| a: b",
        "GET / HTTP/1.1\r\n|\n",
        "GET / HTTP/1.1\r\n|:",
        "GET / HTTP/1.1\r\na| : b",
        "GET / HTTP/1.1\r\na|\r\n",
        "GET / HTTP/1.1\r\na: b|\n",
        "GET / HTTP/1.1\r\na: b|\0",
        "GET / HTTP/1.1\r\na: b\r\n| c",
        "GET / HTTP/1.1\r\na: b\r\n|\tc",
        "GET / HTTP/1.1\r\nhost:|\r\n",
        "GET / HTTP/1.1\r\nhost: a |b",
        "GET / HTTP/1.1\r\nhost: a|/",
        "GET / HTTP/1.1\r\nhost: a\r\nHOST|: a",
        "GET / HTTP/1.1\r\n\r|\n",
        "GET / HTTP/1.1\r\ncontent-length:|\r\n",
        "GET / HTTP/1.1\r\ncontent-length: |+1",
        "GET / HTTP/1.1\r\ncontent-length: 1|, 1",
        "GET / HTTP/1.1\r\ncontent-length: 1 |1",
        "GET / HTTP/1.1\r\ncontent-length: 1844674407370955161|6",
        "GET / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length|: 1",
        "GET / HTTP/1.1\r\ncontent-length: 1\r\ntransfer-encoding|: chunked",
        "GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length|: 1",
        "GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\ntransfer-encoding|: chunked",
        "GET / HTTP/1.1\r\ntransfer-encoding: chunked,|\r\n",
        "GET / HTTP/1.1\r\ntransfer-encoding: gzip, |chunked",
        "GET / HTTP/1.1\r\ntransfer-encoding: xchunked|\r\n",
        "GET / HTTP/1.1\r\ntransfer-encoding:|\r\n",
        "GET / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r|\n",
        "GET / HTTP/1.0\r\n\r\nGET / HTTP/1.1\r\n\r|\n",
        "GET / HTTP/1.0\r\ncontent-length: 2\r\n\r\nab|\0",
    ];

    /// What comes after the head of a request with chunks.
    const BAD_BODIES: &[&str] = &[
        "|\r\n",
        "|;",
        "|x",
        "| 1",
        "1|\n",
        "1 |\r\n",
        "1 |1",
        "1\r|a",
        "1;a|\0",
        "1;a|\n",
        "1\r\na|b",
        "1\r\na|\n",
        "1\r\na\r|a",
        "000000000000000|0",
        "fffffffffffffff|f",
        "0\r\n|\n",
        "0\r\n| a: b",
        "0\r\na| : b",
        "0\r\na: b|\0",
        "0\r\na: b|\n",
        "0\r\n\r|a",
    ];

    fn refused(pieces: &[&[u8]]) -> Option<(usize, Place)> {
        let mut guard = Guard::new();
        let mut before = 0;
        for piece in pieces {
            if let Err(refused) = guard.read(piece) {
                return Some((before + refused.good, refused.place));
            }
            before += piece.len();
        }
        None
    }

    /// The same in one piece, in single bytes, and in every two and three pieces.
    fn check(text: &str, expected: Option<(usize, Place)>) {
        let bytes = text.as_bytes();
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(refused(&single), expected, "{text:?}");
        for first in 0..=bytes.len() {
            let (start, rest) = bytes.split_at(first);
            for second in 0..=rest.len() {
                let (middle, end) = rest.split_at(second);
                assert_eq!(refused(&[start, middle, end]), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn what_is_well_formed_passes_however_it_is_split() {
        for good in GOOD {
            check(good, None);
        }
        for bad in BAD_HEADS {
            let (good, _) = bad.split_once('|').unwrap();
            check(good, None);
        }
    }

    #[test]
    fn what_is_not_is_refused_at_the_same_byte_however_it_is_split() {
        for bad in BAD_HEADS {
            let at = bad.find('|').unwrap();
            check(&bad.replacen('|', "", 1), Some((at, Place::Head)));
        }
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        for bad in BAD_BODIES {
            let at = head.len() + bad.find('|').unwrap();
            let text = format!("{head}{}", bad.replacen('|', "", 1));
            check(&text, Some((at, Place::Body)));
        }
    }

    /// A body is passed over by its length, even one that is longer than any memory.
    #[test]
    fn a_body_of_any_length_is_passed_over() {
        let mut guard = Guard::new();
        let head = b"POST / HTTP/1.0\r\ncontent-length: 18446744073709551615\r\n\r\n";
        assert_eq!(guard.read(head), Ok(()));
        assert_eq!(guard.read(b"\0\n"), Ok(()));
        assert_eq!(guard.place(), Place::Body);
    }
}
