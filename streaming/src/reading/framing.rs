//! Where a value ends.

use bytes::Bytes;

use super::error::Fault;
use crate::format::RECORD_SEPARATOR;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Lines,
    JsonLines,
    JsonSeq,
}

/// What stands between two delimiters.
pub(super) struct Piece {
    pub(super) bytes: Bytes,
    /// Where it begins in the body.
    pub(super) offset: u64,
    /// A delimiter ends it, rather than the end of the body.
    pub(super) delimited: bool,
}

impl Framing {
    pub(super) fn delimiter(self) -> u8 {
        match self {
            Self::Lines | Self::JsonLines => b'\n',
            Self::JsonSeq => RECORD_SEPARATOR,
        }
    }

    /// The value in a piece, if there is one. It is at most a byte shorter.
    pub(super) fn value(self, piece: Piece) -> Result<Option<Bytes>, Fault> {
        match self {
            Self::Lines => Ok(Some(line(piece))),
            Self::JsonLines => Ok(Some(line(piece)).filter(|line| !line.is_empty())),
            Self::JsonSeq => text(piece),
        }
    }
}

fn line(piece: Piece) -> Bytes {
    let mut line = piece.bytes;
    if piece.delimited && line.ends_with(b"\r") {
        line.truncate(line.len() - 1);
    }
    line
}

/// The text behind a record separator. Several in a row are one (RFC 7464, section 2.1).
fn text(piece: Piece) -> Result<Option<Bytes>, Fault> {
    let mut text = piece.bytes;
    if text.is_empty() {
        return Ok(None);
    }
    if piece.offset == 0 {
        return Err(Fault::NotBegun);
    }
    if text.ends_with(b"\n") {
        text.truncate(text.len() - 1);
    } else if !is_self_delimited(&text) {
        return Err(Fault::Cut);
    }
    Ok(Some(text))
}

/// Whether JSON that lacks its end could not be taken for JSON (RFC 7464, section 2.4).
fn is_self_delimited(text: &[u8]) -> bool {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    first.is_some_and(|first| b"{[\"".contains(first))
        || text.last().is_some_and(u8::is_ascii_whitespace)
}
