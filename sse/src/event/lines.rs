//! Text split where the event stream format ends a line.

use memchr::memchr2;

/// The lines of `text`, which end at CRLF, LF or CR (WHATWG HTML §9.2.5). Text that ends with a
/// line end has an empty last line, and empty text is one empty line, so that joining the lines
/// with LF gives all of the text back.
#[derive(Debug)]
pub(super) struct Lines<'a> {
    rest: Option<&'a str>,
}

pub(super) fn lines(text: &str) -> Lines<'_> {
    Lines { rest: Some(text) }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.rest.take()?;
        let Some(end) = position(text) else {
            return Some(text);
        };
        let (line, rest) = text.split_at(end);
        self.rest = rest
            .strip_prefix("\r\n")
            .or_else(|| rest.strip_prefix(['\r', '\n']));
        Some(line)
    }
}

pub(super) fn has_break(text: &str) -> bool {
    position(text).is_some()
}

fn position(text: &str) -> Option<usize> {
    memchr2(b'\r', b'\n', text.as_bytes())
}
