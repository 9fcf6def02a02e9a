//! A guard over the bytes of an HTTP/1.1 connection, which refuses what servers and proxies read differently.
//!
//! hyper accepts some of it, and hides the rest: when a request has both a length and chunks, the service sees no length. The
//! guard reads every request's head, and follows the body only to find the next head. It changes nothing, and keeps no bytes but
//! the first few of the word it is at, and from the second request on the fields of the last. What it refuses is in `tests/hostile`.
//!
//! A head that has come whole is read line by line in `usual`, which gives up at the first thing that it does not expect. Then
//! `head` reads from the start, byte by byte: it alone says what is refused, and can go on with the next piece.
//!
//! Of HTTP/2, whose requests cannot be read in two ways, only the host is looked at, by `named`.

mod authority;
mod chunks;
mod head;
mod named;
mod octets;
mod usual;

use chunks::Chunks;
use head::{Content, Head};
use usual::Usual;

pub(crate) use named::names_one_host;

/// Reads what a client sends, in pieces of any size.
#[derive(Debug)]
pub(crate) struct Guard {
    reading: Reading,
    usual: Usual,
    /// How many bytes of a target are passed on.
    target: usize,
    /// How many heads have passed.
    requests: usize,
}

#[derive(Debug)]
enum Reading {
    /// Between requests.
    Start,
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
    /// Within a target that is longer than the limit. What is passed on of it is too long, too, but could be a whole target.
    Target,
    Body,
    /// Between two frames of HTTP/2.
    Frame,
}

impl Guard {
    /// A guard that passes on no more of a target than shows that it is longer than `target_bytes`.
    pub(crate) fn new(target_bytes: usize) -> Self {
        Self {
            reading: Reading::Start,
            usual: Usual::default(),
            target: target_bytes.saturating_add(1),
            requests: 0,
        }
    }

    /// Reads on. After a refusal nothing more may be read.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let mut good = 0;
        while good < bytes.len() {
            good += self.advance(&bytes[good..]).map_err(|fault| Refused {
                good: good + fault.at,
                place: self.place(),
                why: fault.why,
            })?;
        }
        Ok(())
    }

    /// Whether what was read last is a part of a head.
    pub(crate) fn is_within_head(&self) -> bool {
        matches!(self.reading, Reading::Head(_))
    }

    /// How many requests have passed; `None` within one.
    pub(crate) fn requests(&self) -> Option<usize> {
        matches!(self.reading, Reading::Start).then_some(self.requests)
    }

    fn place(&self) -> Place {
        match &self.reading {
            Reading::Start => Place::Head,
            Reading::Head(head) => head.place(),
            Reading::Length(_) | Reading::Chunks(_) => Place::Body,
        }
    }

    /// Reads up to the end of a head or a body. Returns how many bytes that took.
    fn advance(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
        match &mut self.reading {
            Reading::Start => {
                let Some((length, content)) = self.usual.read(bytes, self.target) else {
                    self.reading = Reading::Head(Head::new(self.target));
                    return Ok(0);
                };
                self.follow(content);
                Ok(length)
            }
            Reading::Head(head) => {
                let (length, content) = head.read(bytes)?;
                if let Some(content) = content {
                    self.follow(content);
                }
                Ok(length)
            }
            Reading::Length(left) => {
                let length =
                    usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left -= length as u64;
                if *left == 0 {
                    self.reading = Reading::Start;
                }
                Ok(length)
            }
            Reading::Chunks(chunks) => {
                let (length, ended) = chunks.read(bytes)?;
                if ended {
                    self.reading = Reading::Start;
                }
                Ok(length)
            }
        }
    }

    /// A head has passed, behind which this comes.
    fn follow(&mut self, content: Content) {
        self.requests = self.requests.wrapping_add(1);
        self.reading = content.into();
    }
}

impl From<Content> for Reading {
    fn from(content: Content) -> Self {
        match content {
            Content::Length(0) => Self::Start,
            Content::Length(length) => Self::Length(length),
            Content::Chunked => Self::Chunks(Chunks::start()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{
        collection::vec,
        prelude::*,
        sample::{Index, select},
        test_runner::RngSeed,
    };

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

    /// What comes after more than `LIMIT` bytes of a target, and some that cannot be its end.
    const LONG_TARGETS: &[&str] = &[
        "GET /23456789012345678901|2 HTTP/1.1\r\n",
        "GET /2345678901234567890\u{e4}|b",
        "GET /234567890123456789?\u{20ac}|b",
        "GET http://a/234567890123|4",
        "GET http://a?234567890123|4",
        "GET http://abcdefghijklmn|o",
        "GET http://abcdefghijklmn|/",
        "GET http://abcdefghijk:80|8",
        "GET http://abcdefghijklm%41|b",
        "GET http://[0:0:0:0:0:0:0:1]|:80",
        "CONNECT abcdefghijklmnopqrstu|v",
    ];

    const LIMIT: usize = 20;

    fn refused(pieces: &[&[u8]]) -> Option<Refused> {
        let mut guard = Guard::new(LIMIT);
        let mut before = 0;
        for piece in pieces {
            if let Err(mut refused) = guard.read(piece) {
                refused.good += before;
                return Some(refused);
            }
            before += piece.len();
        }
        None
    }

    /// The same in one piece, in single bytes, and in every two and three pieces.
    fn check(text: &str, expected: Option<(usize, Place)>) {
        let bytes = text.as_bytes();
        let whole = refused(&[bytes]);
        let found = whole.as_ref().map(|refused| (refused.good, refused.place));
        assert_eq!(found, expected, "{text:?}");
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(refused(&single), whole, "{text:?}");
        for first in 0..=bytes.len() {
            let (start, rest) = bytes.split_at(first);
            for second in 0..=rest.len() {
                let (middle, end) = rest.split_at(second);
                assert_eq!(refused(&[start, middle, end]), whole, "{text:?}");
            }
        }
    }

    #[test]
    fn what_is_well_formed_passes_however_it_is_split() {
        for good in GOOD {
            check(good, None);
        }
        for bad in BAD_HEADS.iter().chain(LONG_TARGETS) {
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
        for long in LONG_TARGETS {
            let at = long.find('|').unwrap();
            check(&long.replacen('|', "", 1), Some((at, Place::Target)));
        }
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        for bad in BAD_BODIES {
            let at = head.len() + bad.find('|').unwrap();
            let text = format!("{head}{}", bad.replacen('|', "", 1));
            check(&text, Some((at, Place::Body)));
        }
    }

    /// A target that is one byte too long is for others to refuse, who see it whole.
    #[test]
    fn a_target_may_have_one_byte_more_than_the_limit() {
        for target in ["/23456789012345678901", "http://a/234567890123"] {
            assert_eq!(target.len(), LIMIT + 1);
            check(&format!("GET {target} HTTP/1.1\r\nhost: a\r\n\r\n"), None);
        }
    }

    /// A body is passed over by its length, even one that is longer than any memory.
    #[test]
    fn a_body_of_any_length_is_passed_over() {
        let mut guard = Guard::new(LIMIT);
        let head = b"POST / HTTP/1.0\r\ncontent-length: 18446744073709551615\r\n\r\n";
        assert_eq!(guard.read(head), Ok(()));
        assert_eq!(guard.read(b"\0\n"), Ok(()));
        assert_eq!(guard.place(), Place::Body);
    }

    /// Requests of lines that are good by themselves, with a few bytes removed and inserted here and there.
    fn requests() -> impl Strategy<Value = Vec<u8>> {
        let request = (select(LINES), vec(select(FIELDS), 0..6), select(BODIES));
        let request = request.prop_map(|(line, fields, body)| {
            [line, "\r\n", &fields.concat(), "\r\n", body].concat()
        });
        let bytes = prop_oneof![any::<u8>(), select(b"\r\n\t :,/%[]?#*\0aH19".as_slice())];
        let edit = (any::<Index>(), 0..3_usize, vec(bytes, 0..3));
        (vec(request, 1..4), vec(edit, 0..4)).prop_map(|(requests, edits)| {
            let mut bytes = requests.concat().into_bytes();
            for (at, removed, inserted) in edits {
                let from = at.index(bytes.len());
                let to = bytes.len().min(from + removed);
                bytes.splice(from..to, inserted);
            }
            bytes
        })
    }

    const LINES: &[&str] = &[
        "GET / HTTP/1.1",
        "GET /index.html?a=b HTTP/1.1",
        "POST /123456789012345678 HTTP/1.1",
        "GET /\u{e4}\u{20ac} HTTP/1.1",
        "GET http://a:80/ HTTP/1.1",
        "CONNECT a:443 HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "GET / HTTP/1.0",
    ];

    const FIELDS: &[&str] = &[
        "host: example.org\r\n",
        "Host:\ta:8080 \r\n",
        "HOST: [::1]:80\r\n",
        "host: %41\r\n",
        "content-length: 5\r\n",
        "Content-Length:005 \t\r\n",
        "transfer-encoding: chunked\r\n",
        "Transfer-Encoding:CHUNKED \r\n",
        "x-empty:\r\n",
        "accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n",
        "x_1: \u{e4}\tb\u{ff} c \r\n",
    ];

    const BODIES: &[&str] = &["", "12345", "3;a=b\r\nabc\r\n0\r\nx: y\r\n\r\n"];

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 1024,
            rng_seed: RngSeed::Fixed(1),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn a_head_is_read_the_same_at_once_and_byte_by_byte(bytes in requests(), size in 2..80_usize) {
            let whole = refused(&[&bytes]);
            let single: Vec<&[u8]> = bytes.chunks(1).collect();
            prop_assert_eq!(&refused(&single), &whole);
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(&refused(&pieces), &whole);
        }
    }
}
