//! What one client is to be sent at once, framed for HTTP/1.

use std::io::IoSlice;

use bytes::Bytes;
use peristyle_core::handover::Framing;

/// Data that is longer is not copied.
const LONGEST_COPIED: usize = 16 * 1024;

/// Room that is kept from client to client.
const LARGEST_KEPT: usize = 128 * 1024;

/// After the data of a chunk (RFC 9112, section 7.1).
const AFTER: &[u8] = b"\r\n";
/// The last chunk, and no trailers.
const LAST: &[u8] = b"0\r\n\r\n";
const AFTER_AND_LAST: &[u8] = b"\r\n0\r\n\r\n";

/// Small data is copied together; data that is large comes last.
#[derive(Debug, Default)]
pub(super) struct Out {
    copied: Vec<u8>,
    large: Bytes,
    after: &'static [u8],
}

impl Out {
    /// Puts data behind what is there, unless it [is full](Self::is_full).
    pub(super) fn data(&mut self, framing: Framing, data: Bytes) {
        if data.is_empty() {
            return;
        }
        let chunked = framing == Framing::Chunked;
        if chunked {
            put_size(data.len(), &mut self.copied);
        }
        let after = if chunked { AFTER } else { &[] };
        if data.len() > LONGEST_COPIED {
            self.large = data;
            self.after = after;
        } else {
            self.copied.extend_from_slice(&data);
            self.copied.extend_from_slice(after);
        }
    }

    /// Nothing comes after this.
    pub(super) fn end(&mut self, framing: Framing) {
        match framing {
            Framing::Chunked if self.is_full() => self.after = AFTER_AND_LAST,
            Framing::Chunked => self.copied.extend_from_slice(LAST),
            _ => {}
        }
    }

    /// Whether nothing but the end may follow.
    pub(super) fn is_full(&self) -> bool {
        !self.large.is_empty()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.copied.is_empty() && self.large.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.copied.len() + self.large.len() + self.after.len()
    }

    pub(super) fn slices(&self) -> [IoSlice<'_>; 3] {
        [&self.copied, &self.large[..], self.after].map(IoSlice::new)
    }

    /// All of it, when it is in one piece.
    pub(super) fn whole(&self) -> Option<&[u8]> {
        self.large.is_empty().then_some(&self.copied)
    }

    /// What is left when so much was written. What was copied is copied again, large data is shared.
    pub(super) fn rest(&mut self, written: usize) -> [Bytes; 3] {
        let copied = &self.copied[written.min(self.copied.len())..];
        let mut written = written.saturating_sub(self.copied.len());
        let mut left = |mut bytes: Bytes| {
            let gone = written.min(bytes.len());
            written -= gone;
            bytes.split_off(gone)
        };
        let large = left(std::mem::take(&mut self.large));
        let after = left(Bytes::from_static(self.after));
        [Bytes::copy_from_slice(copied), large, after]
    }

    pub(super) fn clear(&mut self) {
        self.copied.clear();
        self.copied.shrink_to(LARGEST_KEPT);
        self.large = Bytes::new();
        self.after = &[];
    }
}

/// Each in a chunk of its own.
pub(super) fn chunked<'a>(all: impl IntoIterator<Item = &'a Bytes>) -> Bytes {
    let mut framed = Vec::new();
    for data in all {
        put_chunk(data, &mut framed);
    }
    framed.into()
}

fn put_chunk(data: &[u8], out: &mut Vec<u8>) {
    put_size(data.len(), out);
    out.extend_from_slice(data);
    out.extend_from_slice(AFTER);
}

/// In hexadecimal digits, which the formatter of the standard library takes ten times as long to write.
fn put_size(length: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(length >> (4 * place)) & 0xf]);
    }
    out.extend_from_slice(AFTER);
}

#[cfg(test)]
impl Out {
    pub(super) fn written(&self) -> Vec<u8> {
        let slices = self.slices();
        slices.iter().flat_map(|slice| slice.to_vec()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_goes_in_chunks_or_as_it_is() {
        for (framing, expected) in [
            (
                Framing::Chunked,
                "3\r\n:\n\n\r\n1a\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\n\r\n",
            ),
            (Framing::UntilClose, ":\n\nabcdefghijklmnopqrstuvwxyz"),
        ] {
            let mut out = Out::default();
            out.data(framing, Bytes::from_static(b":\n\n"));
            out.data(framing, Bytes::new());
            out.data(framing, Bytes::from_static(b"abcdefghijklmnopqrstuvwxyz"));
            out.end(framing);
            assert_eq!(out.written(), expected.as_bytes());
            assert_eq!(out.whole(), Some(expected.as_bytes()));
            assert_eq!(out.len(), expected.len());
        }
    }

    #[test]
    fn sizes_are_written_as_the_standard_library_does() {
        for length in (1..5000).chain([0xffff, 0x1_0000, 0xdead_beef]) {
            let mut size = Vec::new();
            put_size(length, &mut size);
            assert_eq!(size, format!("{length:x}\r\n").into_bytes());
        }
    }

    #[test]
    fn large_data_is_shared_and_what_is_left_goes_on_where_it_stopped() {
        for framing in [Framing::Chunked, Framing::UntilClose] {
            let large = Bytes::from(vec![7; LONGEST_COPIED + 1]);
            let fill = |out: &mut Out| {
                out.data(framing, Bytes::from_static(b"small"));
                out.data(framing, large.clone());
                out.end(framing);
            };
            let mut out = Out::default();
            fill(&mut out);
            assert!(out.is_full() && out.whole().is_none());
            let all = out.written();
            assert_eq!(all.len(), out.len());
            assert_eq!(all.ends_with(b"\r\n0\r\n\r\n"), framing == Framing::Chunked);
            for length in (0..20).chain(all.len() - 20..=all.len()) {
                out.clear();
                fill(&mut out);
                let rest = out.rest(length).concat();
                assert!(rest == all[length..], "{framing:?} {length}");
            }
            out.clear();
            assert!(out.is_empty());
        }
    }
}
