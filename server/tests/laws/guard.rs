//! HTTP/1.1: the guard, hyper and a plain reading of the standard find the same requests in the same bytes.

#[cfg(test)]
use super::variations;
use super::{
    Law,
    connection::{Seen, exchange},
    requests, seeds,
};
use crate::guard::{Guard, Refused};

/// Longer ones are of the same kinds.
const LONGEST: usize = 1024;

pub(super) fn law() -> Law {
    let rows = requests::rows().map(|[_, _, _, bytes]| requests::unescaped(bytes));
    let found = seeds(&[]);
    Law {
        holds,
        seeds: rows
            .filter(|row| row.len() <= LONGEST)
            .chain(found)
            .collect(),
        words: &[
            "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
            "POST / HTTP/1.1\r\nhost: a\r\n",
            "content-length: 3\r\n",
            "Content-Length:",
            "transfer-encoding: chunked\r\n",
            "Transfer-Encoding:",
            "host: a\r\n",
            "connection: close\r\n",
            "connection: keep-alive\r\n",
            "expect: 100-continue\r\n",
            "upgrade: h2c\r\n",
            "chunked",
            "identity",
            "HTTP/1.0",
            "HTTP/1.1",
            "\r\n",
            "\r\n\r\n",
            "\n",
            "\r",
            "\0",
            " ",
            "\t",
            ":",
            ",",
            ";",
            "0\r\n\r\n",
            "3\r\nabc\r\n",
            "0",
            "f",
            "+",
            "http://",
            "*",
            "OPTIONS",
            "CONNECT",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        ],
    }
}

#[test]
fn the_guard_and_hyper_find_the_same_requests() {
    variations::check(&law());
}

fn holds(bytes: &[u8]) {
    let refused = refused(bytes.chunks(usize::MAX));
    assert_eq!(
        self::refused(bytes.chunks(1)),
        refused,
        "{}",
        bytes.escape_ascii()
    );
    // A split that has something to do with the bytes, so that each has its own.
    let piece = 2 + bytes
        .iter()
        .fold(0, |sum, byte| (sum + usize::from(*byte)) % 31);
    assert_eq!(self::refused(bytes.chunks(piece)), refused);
    if bytes.starts_with(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") {
        return;
    }
    comes_whole(bytes, piece);
    let passed = &bytes[..refused.unwrap_or(bytes.len())];
    let expected = requests(passed);
    for buffer in [1 << 16, piece] {
        let exchanged = exchange(bytes, buffer);
        let count = exchanged.seen.len();
        assert!(
            count <= expected.len(),
            "{:?} for {expected:?}",
            exchanged.seen
        );
        assert_eq!(exchanged.seen, expected[..count]);
        let ended = count == expected.len() || is_last(&exchanged.answers);
        let answers = exchanged.answers.escape_ascii();
        assert!(ended, "`{answers}` for `{}`", bytes.escape_ascii());
    }
}

/// Well-formed requests are refused nowhere, whatever their content.
fn comes_whole(bytes: &[u8], piece: usize) {
    let mut request = b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for (number, chunk) in bytes.chunks(piece).enumerate() {
        let size = match number % 3 {
            0 => format!("{:x}\r\n", chunk.len()),
            1 => format!("{:04X};a=\"b\"\r\n", chunk.len()),
            _ => format!("{:x} ; a\r\n", chunk.len()),
        };
        request.extend([size.as_bytes(), chunk, b"\r\n"].concat());
    }
    request.extend(b"0\r\nx: y\r\n\r\nPUT /next HTTP/1.1\r\nhost: a\r\ncontent-length: ");
    request.extend(format!("{}\r\n\r\n", bytes.len()).bytes());
    request.extend(bytes);
    assert_eq!(
        refused(request.chunks(piece)),
        None,
        "{}",
        request.escape_ascii()
    );
    let expected = [("POST", "/"), ("PUT", "/next")];
    let expected = expected.map(|(method, target)| Seen::new(method, target, Some(bytes.to_vec())));
    assert_eq!(exchange(&request, 1 << 16).seen, expected);
}

/// Where a byte is refused first.
fn refused<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> Option<usize> {
    let mut guard = Guard::new(16 * 1024);
    let mut before = 0;
    for piece in pieces {
        if let Err(Refused { good, .. }) = guard.read(piece) {
            return Some(before + good);
        }
        before += piece.len();
    }
    None
}

/// Whether the last answer says that none follows: it was of HTTP/1.0, or says so.
fn is_last(answers: &[u8]) -> bool {
    let answers = String::from_utf8_lossy(answers);
    let last = answers.rsplit("HTTP/1.").next().unwrap_or_default();
    let keeps = last.starts_with('0') && !last.contains("connection: keep-alive\r\n");
    keeps || last.contains("connection: close\r\n")
}

/// The requests in bytes that are well-formed, in the plainest way (RFC 9112).
fn requests(mut bytes: &[u8]) -> Vec<Seen> {
    let mut requests = Vec::new();
    loop {
        while let Some(rest) = bytes.strip_prefix(b"\r\n") {
            bytes = rest;
        }
        let Some((head, rest)) = split_once(bytes, b"\r\n\r\n") else {
            return requests;
        };
        let head = String::from_utf8_lossy(head);
        let mut words = head.split([' ', '\r']);
        let (method, target) = (words.next(), words.next());
        let (body, rest) = body(&head, rest).unzip();
        requests.push(Seen::new(
            method.unwrap_or_default(),
            target.unwrap_or_default(),
            body,
        ));
        match rest {
            Some(rest) => bytes = rest,
            None => return requests,
        }
    }
}

/// The body and what follows it, if the body is whole.
fn body<'a>(head: &str, bytes: &'a [u8]) -> Option<(Vec<u8>, &'a [u8])> {
    let fields = head
        .split("\r\n")
        .skip(1)
        .filter_map(|line| line.split_once(':'));
    let named = |name: &str| {
        let field = fields
            .clone()
            .find(|field| field.0.eq_ignore_ascii_case(name));
        field.map(|field| field.1.trim_matches([' ', '\t']))
    };
    if named("transfer-encoding").is_some() {
        return chunks(bytes);
    }
    let length = named("content-length").map_or(Ok(0), str::parse).ok()?;
    let (body, rest) = bytes.split_at_checked(length)?;
    Some((body.to_vec(), rest))
}

fn chunks(mut bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let (size, rest) = split_once(bytes, b"\r\n")?;
        let digits = size.split(|byte| b"; \t".contains(byte)).next()?;
        let size = usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
        if size == 0 {
            let after = rest.strip_prefix(b"\r\n");
            let rest = after.or_else(|| Some(split_once(rest, b"\r\n\r\n")?.1))?;
            return Some((body, rest));
        }
        let (data, rest) = rest.split_at_checked(size)?;
        body.extend(data);
        bytes = rest.strip_prefix(b"\r\n")?;
    }
}

fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = bytes
        .windows(separator.len())
        .position(|part| part == separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}
