//! How a response over HTTP/1.1 is read, whatever pieces it comes in.

use crate::Failure;

/// Where the end of a response's body is (RFC 9112, section 6), and how far it was read.
#[derive(Debug)]
pub struct Framing(Kind);

#[derive(Debug)]
enum Kind {
    /// So many bytes are to come.
    Length(usize),
    Chunks(Chunk),
    /// It is over when the connection is.
    Close,
}

/// Where in the chunks the reader is.
#[derive(Debug)]
enum Chunk {
    /// Within the line of its size, which is so much as far as it was read.
    Size(usize),
    Data(usize),
    /// So many bytes after its data are to come.
    End(usize),
    /// So many bytes after the last one's size are to come.
    Last(usize),
}

impl Framing {
    /// Of the response with this head, which ends with an empty line.
    ///
    /// # Errors
    ///
    /// When its length cannot be read.
    pub fn of(head: &str) -> Result<Self, Failure> {
        let field = |name| {
            let mut fields = head
                .split("\r\n")
                .filter_map(|field| field.split_once(": "));
            fields.find_map(|(it, value)| it.eq_ignore_ascii_case(name).then_some(value))
        };
        let kind = match (field("content-length"), field("transfer-encoding")) {
            _ if status(head) == Some("204") => Kind::Length(0),
            (Some(length), None) => Kind::Length(length.parse()?),
            (None, Some("chunked")) => Kind::Chunks(Chunk::Size(0)),
            (None, None) => Kind::Close,
            _ => return Err(format!("the framing is unusual: {head}").into()),
        };
        Ok(Self(kind))
    }

    /// Whether the body has come to its end. One that ends with its connection has not.
    pub fn is_over(&self) -> bool {
        matches!(self.0, Kind::Length(0) | Kind::Chunks(Chunk::Last(0)))
    }

    /// Hands on what is content, piece by piece, and returns what comes after the body.
    ///
    /// # Errors
    ///
    /// When the chunks are none, and when `content` says so.
    pub fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        mut content: impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<&'a [u8], Failure> {
        let mut rest = bytes;
        while !rest.is_empty() && !self.is_over() {
            rest = match &mut self.0 {
                Kind::Close => {
                    content(rest)?;
                    &[]
                }
                Kind::Length(left) => take(rest, left, &mut content)?,
                Kind::Chunks(chunk) => chunk.read(rest, &mut content)?,
            };
        }
        Ok(rest)
    }
}

/// The three digits.
pub(crate) fn status(head: &str) -> Option<&str> {
    head.split(' ').nth(1)
}

/// Hands on as much as is left, and returns the rest.
fn take<'a>(
    bytes: &'a [u8],
    left: &mut usize,
    content: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
) -> Result<&'a [u8], Failure> {
    let (taken, rest) = bytes.split_at(bytes.len().min(*left));
    *left -= taken.len();
    content(taken)?;
    Ok(rest)
}

impl Chunk {
    /// Reads a part, and returns the rest.
    fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        content: &mut impl FnMut(&[u8]) -> Result<(), Failure>,
    ) -> Result<&'a [u8], Failure> {
        let (&first, after) = bytes.split_first().ok_or("there is nothing to read")?;
        match self {
            Self::Size(size) => match first {
                b'\n' if *size == 0 => *self = Self::Last(2),
                b'\n' => *self = Self::Data(*size),
                b'\r' => {}
                digit => {
                    let digit = char::from(digit).to_digit(16);
                    let digit = digit.ok_or("no size of a chunk")?;
                    *size = *size * 16 + digit as usize;
                }
            },
            Self::Data(left) => {
                let rest = take(bytes, left, content)?;
                if *left == 0 {
                    *self = Self::End(2);
                }
                return Ok(rest);
            }
            Self::End(1) => *self = Self::Size(0),
            Self::End(left) | Self::Last(left) => *left -= 1,
        }
        Ok(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    /// The content of what comes in pieces of this size, what comes after it, and whether it is over.
    fn read(head: &str, body: &[u8], size: usize) -> Result<(String, String, bool), Failure> {
        let mut framing = Framing::of(head)?;
        let (mut content, mut after) = (Vec::new(), Vec::new());
        for piece in body.chunks(size) {
            after.extend(framing.read(piece, |bytes| {
                content.extend(bytes);
                Ok(())
            })?);
        }
        let content = String::from_utf8(content)?;
        Ok((content, String::from_utf8(after)?, framing.is_over()))
    }

    fn expected(content: &str, after: &str, is_over: bool) -> (String, String, bool) {
        (content.to_owned(), after.to_owned(), is_over)
    }

    #[test]
    fn chunks_are_read_however_they_come_and_are_over_with_their_last_byte() {
        let body = b"3\r\n:ab\r\n0a\r\ncabcabcabc\r\n0\r\n\r\nHTTP";
        for size in 1..body.len() {
            let whole = expected(":abcabcabcabc", "HTTP", true);
            assert_eq!(read(CHUNKED, body, size).unwrap(), whole);
            let but_one = &body[..body.len() - 5];
            let open = expected(":abcabcabcabc", "", false);
            assert_eq!(read(CHUNKED, but_one, size).unwrap(), open);
        }
    }

    #[test]
    fn a_length_is_counted_and_without_one_all_is_content() {
        let head = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n";
        assert_eq!(
            read(head, b"abcdHT", 3).unwrap(),
            expected("abcd", "HT", true)
        );
        assert_eq!(read(head, b"abc", 3).unwrap(), expected("abc", "", false));
        let head = "HTTP/1.1 200 OK\r\n\r\n";
        assert_eq!(read(head, b"abc", 2).unwrap(), expected("abc", "", false));
        let head = "HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(read(head, b"HTTP", 3).unwrap(), expected("", "HTTP", true));
    }

    #[test]
    fn what_is_no_framing_is_an_error() {
        assert!(read(CHUNKED, b"x", 2).is_err());
        let head = "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n";
        assert!(Framing::of(head).is_err());
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n";
        assert!(Framing::of(head).is_err());
    }
}
