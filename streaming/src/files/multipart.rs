//! Several ranges in one body: `multipart/byteranges` (RFC 9110, section 14.6).

use std::{
    hash::{BuildHasher, Hasher, RandomState},
    ops::Range,
};

use http::HeaderValue;

use super::ranges::Piece;

/// The parts of a body, and its content type.
pub(super) struct Multipart {
    pub(super) pieces: Vec<Piece>,
    pub(super) content_type: HeaderValue,
}

impl Multipart {
    pub(super) fn new(ranges: Vec<Range<u64>>, length: u64, part_type: &HeaderValue) -> Self {
        let boundary = boundary();
        let mut pieces = Vec::with_capacity(2 * ranges.len() + 1);
        let mut before = "";
        for range in ranges {
            let mut head = format!("{before}--{boundary}\r\ncontent-type: ").into_bytes();
            head.extend_from_slice(part_type.as_bytes());
            let place = content_range(&range, length);
            head.extend_from_slice(format!("\r\ncontent-range: {place}\r\n\r\n").as_bytes());
            pieces.extend([Piece::Text(head.into()), Piece::Range(range)]);
            before = "\r\n";
        }
        pieces.push(Piece::Text(format!("\r\n--{boundary}--\r\n").into()));
        let content_type = format!("multipart/byteranges; boundary={boundary}");
        Self {
            pieces,
            content_type: HeaderValue::try_from(content_type).expect("it is visible ASCII"),
        }
    }

    /// In bytes, with what stands around the ranges.
    pub(super) fn length(&self) -> u64 {
        let lengths = self.pieces.iter().map(Piece::length);
        lengths.fold(0, u64::saturating_add)
    }
}

pub(super) fn content_range(range: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", range.start, range.end - 1)
}

/// 128 bits that nobody can guess, who writes what is in the content for instance.
fn boundary() -> String {
    let half = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", half(), half())
}
