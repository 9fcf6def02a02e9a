//! Text split where the event stream format ends a line.

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

/// Passes over whole blocks without asking where in them, which compiles to a few wide comparisons
/// each, and looks at single bytes only in the block that has a line break and in the last,
/// incomplete one.
fn position(text: &str) -> Option<usize> {
    const BLOCK: usize = 16;
    let bytes = text.as_bytes();
    let clean = bytes
        .chunks_exact(BLOCK)
        .take_while(|block| block.iter().fold(0, |breaks, &byte| breaks | mask(byte)) == 0)
        .count();
    let skipped = clean * BLOCK;
    let found = bytes[skipped..].iter().position(|&byte| mask(byte) != 0)?;
    Some(skipped + found)
}

/// 1 for a byte that ends a line, 0 for any other: a `bool` here keeps the compiler from comparing
/// many at once.
fn mask(byte: u8) -> u8 {
    u8::from(byte == b'\r') | u8::from(byte == b'\n')
}
