//! Forms of parts: the same fields however the body comes, those that a plain reading finds, and what was written.

use std::{
    convert::Infallible,
    iter,
    pin::Pin,
    str,
    task::{Context as TaskContext, Poll},
    vec,
};

use bytes::Bytes;
use http::{HeaderValue, Request, header::CONTENT_TYPE};
use http_body::Frame;
use memchr::memmem;

#[cfg(test)]
use super::variations;
use super::{Law, block_on, context, seeds};
use crate::{Body, FromExchange, Multipart, Rejection};

pub(super) fn law() -> Law {
    Law {
        holds,
        seeds: seeds(&[
            b"",
            b"b\n",
            b"b\n--b--",
            b"b\n--b\r\ncontent-disposition: form-data; name=a\r\n\r\none\r\n--b--\r\n",
            b"b\nbefore\r\n--b \t\r\ncontent-type: image/png\r\nCONTENT-DISPOSITION:FORM-DATA;filename=\"c\\\"; name=x\"; \
              name=\"a\"\r\n\r\n--b\r\r\n--\r\n--b\r\ncontent-disposition: form-data; name=\"\"\r\n\r\n\r\n--b--after",
            b"b\n--b\r\nContent-Disposition: form-data; name=\"C:\\dir\\\\a\\\"\\\"; x=\"%22\"\r\n\r\n\r\n\r\n--b\r\n\r\n",
            b"b\n--b\r\ncontent-disposition: form-data; name=a; name=b\r\n\r\n\r\n--b--",
            b"b\n--b\r\ncontent-disposition: form-data; name=a\r\ncontent-type: caf\xc3\xa9\r\n\r\n\xff\r\n--bx",
            b"a b'()+_,-./:=?\n\r\n--a b'()+_,-./:=?\r\ncontent-disposition: form-data; name=a\r\n\r\n\0\r\n--a b'()+_,-./:=?--",
            b"b\n--b\r\n--b: c\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n--b--",
            b"a\"; boundary=b\n--b--",
            b"--\n----\r\ncontent-disposition: form-data; name=a\r\n\r\n\r\n--\r\n------",
        ]),
        words: &[
            "\r\n",
            "\r\n\r\n",
            "--",
            "-",
            "\r",
            "\n",
            "b",
            "--b",
            "\r\n--b",
            "\r\n--b\r\n",
            "\r\n--b--",
            "--b: c\r\n",
            "content-disposition: form-data; name=a\r\n\r\n",
            "Content-Disposition:",
            "content-type: text/plain\r\n",
            "form-data",
            "; name=",
            "; filename=\"a\"",
            "\"",
            "\\",
            "=",
            ";",
            ":",
            " ",
            "\t",
            "\0",
            "\u{e9}",
        ],
    }
}

#[test]
fn a_form_is_what_a_plain_reading_finds_however_it_comes() {
    variations::check(&law());
}

/// A boundary, a line feed, then the body.
fn holds(bytes: &[u8]) {
    let mut halves = bytes.splitn(2, |byte| *byte == b'\n');
    let boundary = halves.next().unwrap_or_default();
    let body = halves.next().unwrap_or_default();
    let Some(content_type) = content_type(boundary) else {
        return;
    };
    let read_in = |pieces: &[&[u8]]| form(&content_type, pieces).map(read);
    let found = read_in(&[body]);
    assert_eq!(found.is_some(), is_boundary(boundary));
    let byte_by_byte: Vec<_> = body.chunks(1).collect();
    assert_eq!(read_in(&byte_by_byte), found);
    assert_eq!(read_in(&drawn(body)), found);
    let Some(found) = found else {
        return;
    };
    let skimmed = form(&content_type, &drawn(body)).map(skim);
    assert_eq!(skimmed, Some(found.skimmed()));
    agrees(&found, boundary, body);
    reads_back(boundary, body);
}

/// What a form came to.
#[derive(Debug, PartialEq)]
struct Read {
    parts: Vec<Part>,
    refused: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
struct Part {
    name: String,
    file_name: Option<String>,
    content_type: Option<String>,
    content: Vec<u8>,
}

impl Read {
    fn skimmed(&self) -> (Vec<String>, Option<String>) {
        let names = self.parts.iter().map(|part| part.name.clone());
        (names.collect(), self.refused.clone())
    }
}

fn read(mut form: Multipart) -> Read {
    let mut parts = Vec::new();
    let refused = block_on(read_into(&mut form, &mut parts)).err();
    let refused = refused.map(|rejection| format!("{rejection:?}"));
    Read { parts, refused }
}

async fn read_into(form: &mut Multipart, parts: &mut Vec<Part>) -> Result<(), Rejection> {
    while let Some(field) = form.next_field().await {
        let mut field = field?;
        parts.push(Part {
            name: field.name().to_owned(),
            file_name: field.file_name().map(str::to_owned),
            content_type: field.content_type().map(str::to_owned),
            content: Vec::new(),
        });
        while let Some(piece) = field.chunk().await {
            let part = parts.last_mut().expect("it was put there");
            part.content.extend(piece?);
        }
    }
    Ok(())
}

/// The names only, and why there are no more.
fn skim(mut form: Multipart) -> (Vec<String>, Option<String>) {
    let mut names = Vec::new();
    while let Some(field) = block_on(form.next_field()) {
        match field {
            Ok(field) => names.push(field.name().to_owned()),
            Err(rejection) => return (names, Some(format!("{rejection:?}"))),
        }
    }
    (names, None)
}

/// All that a plain reading finds is found; in a form that is refused, what comes before that.
fn agrees(found: &Read, boundary: &[u8], body: &[u8]) {
    let Plain { mut parts, closed } = Plain::read(boundary, body);
    if found.refused.is_none() {
        assert!(closed, "{found:?} for `{}`", body.escape_ascii());
    } else if parts.len() > found.parts.len() || closed {
        parts.truncate(found.parts.len());
    } else if let (Some(Some(part)), Some(last)) = (parts.last_mut(), found.parts.last()) {
        // It broke off in what may have been the beginning of a delimiter.
        part.content.truncate(last.content.len());
    }
    let found: Vec<_> = found.parts.iter().cloned().map(Some).collect();
    assert_eq!(found, parts, "`{}`", body.escape_ascii());
}

/// A form cut at its delimiters in the plainest way (RFC 2046, section 5.1.1); `None` is a part that cannot be read.
#[derive(Debug)]
struct Plain {
    parts: Vec<Option<Part>>,
    closed: bool,
}

impl Plain {
    fn read(boundary: &[u8], body: &[u8]) -> Self {
        let delimiter = [b"\r\n--", boundary].concat();
        let whole = [b"\r\n", body].concat();
        let (mut parts, mut rest) = (Vec::new(), split_once(&whole, &delimiter));
        while let Some((_, after)) = rest {
            if after.starts_with(b"--") {
                return Self {
                    parts,
                    closed: true,
                };
            }
            rest = split_once(after, &delimiter);
            parts.push(part(rest.map_or(after, |(part, _)| part)));
        }
        Self {
            parts,
            closed: false,
        }
    }
}

/// RFC 7578, section 4.
fn part(part: &[u8]) -> Option<Part> {
    // Without content, the line break of the delimiter is the one that ends the head.
    let (head, content) =
        split_once(part, b"\r\n\r\n").or_else(|| Some((part.strip_suffix(b"\r\n")?, b"")))?;
    let mut lines = str::from_utf8(head).ok()?.split("\r\n");
    if !lines.next()?.trim_matches([' ', '\t']).is_empty() {
        return None;
    }
    let fields: Option<Vec<_>> = lines.map(|line| line.split_once(':')).collect();
    let fields = fields?;
    let field = |name: &str| {
        let field = fields
            .iter()
            .find(|field| field.0.eq_ignore_ascii_case(name));
        field.map(|field| field.1.trim_matches([' ', '\t']))
    };
    let disposition = parameters(field("content-disposition")?);
    let parameter = |name: &str| {
        let found = disposition
            .iter()
            .find(|it| it.0.eq_ignore_ascii_case(name));
        found.map(|found| found.1.clone())
    };
    Some(Part {
        name: parameter("name")?,
        file_name: parameter("filename"),
        content_type: field("content-type")
            .filter(|it| it.is_ascii())
            .map(str::to_owned),
        content: content.to_vec(),
    })
}

/// What has an equals sign, between semicolons outside of quotes, without the spaces there.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut pieces = vec![String::new()];
    let mut is_quoted = false;
    let mut characters = value.chars().peekable();
    while let Some(character) = characters.next() {
        let piece = pieces.last_mut().expect("there is always one");
        match character {
            '"' => is_quoted = !is_quoted,
            '\\' if is_quoted => piece.push(
                characters
                    .next_if(|it| "\"\\".contains(*it))
                    .unwrap_or('\\'),
            ),
            ';' if !is_quoted => pieces.push(String::new()),
            ' ' | '\t' if !is_quoted => {}
            other => piece.push(other),
        }
    }
    let pairs = pieces.iter().filter_map(|piece| piece.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A form of fields that are drawn from these bytes is refused nowhere.
fn reads_back(boundary: &[u8], bytes: &[u8]) {
    let others = (0..).map(|number| format!("b{number}").into_bytes());
    let mut boundaries = iter::once(boundary.to_vec()).chain(others);
    let unseen =
        boundaries.find(|boundary| split_once(bytes, &[b"--", &boundary[..]].concat()).is_none());
    let boundary = unseen.expect("bytes have an end");
    let delimiter = [b"--", &boundary[..]].concat();
    let (mut parts, mut body) = (Vec::new(), Vec::new());
    for (number, content) in drawn(bytes).into_iter().take(MOST).enumerate() {
        let part = drawn_part(number, content);
        body.extend([&delimiter, &head(number, &part)[..], content, b"\r\n"].concat());
        parts.push(part);
    }
    body.extend([&delimiter[..], b"--\r\n"].concat());
    let content_type = content_type(&boundary).expect("a boundary is text");
    let expected = Read {
        parts,
        refused: None,
    };
    for pieces in [vec![&body[..]], drawn(&body)] {
        let form = form(&content_type, &pieces).expect("it is a boundary");
        assert_eq!(read(form), expected, "{}", body.escape_ascii());
    }
}

const MOST: usize = 9;

fn drawn_part(number: usize, content: &[u8]) -> Part {
    let text = String::from_utf8_lossy(content);
    let name = text.chars().filter(|it| !it.is_control());
    let is_file = number % 3 > 0;
    Part {
        name: name.clone().collect(),
        file_name: is_file.then(|| name.rev().collect()),
        content_type: is_file.then(|| "image/png".to_owned()),
        content: content.to_vec(),
    }
}

/// What stands between the boundary and the content.
fn head(number: usize, part: &Part) -> Vec<u8> {
    let name = quoted(&part.name);
    let Some(file_name) = &part.file_name else {
        return format!("\r\nContent-Disposition: form-data; name={name}\r\n\r\n").into_bytes();
    };
    let file_name = quoted(file_name);
    let head = match number % 3 {
        1 => format!(
            "\r\nContent-Disposition: form-data; name={name}; filename={file_name}\r\nContent-Type: image/png\r\n\r\n"
        ),
        _ => format!(
            " \t\r\nx: y\r\ncontent-type:image/png \r\ncontent-disposition:FORM-DATA;FileName={file_name} ;NAME={name};\r\n\r\n"
        ),
    };
    head.into_bytes()
}

/// RFC 9110, section 5.6.4.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Pieces whose lengths have something to do with the bytes, and empty ones between them.
fn drawn(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    while let Some(first) = bytes.first() {
        let length = 1 + usize::from(*first) % 31;
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        pieces.extend([piece, &rest[..0]]);
        bytes = rest;
    }
    pieces
}

fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memmem::find(bytes, separator)?;
    Some((&bytes[..at], &bytes[at + separator.len()..]))
}

/// `None` when no header can say it.
fn content_type(boundary: &[u8]) -> Option<HeaderValue> {
    let mut value = b"multipart/form-data; boundary=\"".to_vec();
    for byte in boundary {
        let is_escaped = matches!(byte, b'"' | b'\\');
        value.extend(is_escaped.then_some(b'\\').into_iter().chain([*byte]));
    }
    value.push(b'"');
    HeaderValue::from_bytes(&value).ok()
}

/// RFC 2046, section 5.1.1.
fn is_boundary(bytes: &[u8]) -> bool {
    let is_allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(byte);
    (1..=70).contains(&bytes.len()) && bytes.iter().all(is_allowed) && !bytes.ends_with(b" ")
}

fn form(content_type: &HeaderValue, pieces: &[&[u8]]) -> Option<Multipart> {
    let pieces = pieces.iter().map(|piece| Bytes::copy_from_slice(piece));
    let pieces: Vec<_> = pieces.collect();
    let mut cx = context(Request::post("/").header(CONTENT_TYPE, content_type));
    *cx.body() = Body::new(Pieces(pieces.into_iter())).into();
    block_on(Multipart::from_exchange(&mut cx)).ok()
}

struct Pieces(vec::IntoIter<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
    }
}
