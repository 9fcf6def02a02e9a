//! Bytes that lie in several places, and go to the connection as one.

use std::{io::IoSlice, mem};

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The data of a response's frame. One piece alone, as most are, costs no allocation.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    first: Bytes,
    /// The others, the last one first. None is empty.
    others: Vec<Bytes>,
    remaining: usize,
}

impl Pieces {
    /// In order.
    pub(crate) fn new(first: Bytes, mut others: Vec<Bytes>) -> Self {
        others.reverse();
        let others_length: usize = others.iter().map(Bytes::len).sum();
        Self {
            remaining: first.len() + others_length,
            first,
            others,
        }
    }
}

impl From<Bytes> for Pieces {
    fn from(first: Bytes) -> Self {
        Self::new(first, Vec::new())
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        self.remaining
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = std::iter::once(&self.first).chain(self.others.iter().rev());
        let pieces = pieces.filter(|piece| !piece.is_empty());
        let filled = slices.iter_mut().zip(pieces);
        filled
            .map(|(slice, piece)| *slice = IoSlice::new(piece))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        self.remaining = self
            .remaining
            .checked_sub(count)
            .expect("no more than remains");
        while count >= self.first.len() {
            count -= self.first.len();
            let Some(next) = self.others.pop() else {
                self.first.clear();
                return;
            };
            self.first = next;
        }
        self.first.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        if length == self.first.len() {
            let bytes = mem::take(&mut self.first);
            self.first = self.others.pop().unwrap_or_default();
            self.remaining -= length;
            return bytes;
        }
        let mut copied = BytesMut::with_capacity(length);
        copied.put(self.take(length));
        copied.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn abcdef() -> Pieces {
        let others = [&b"cde"[..], b"f"].map(Bytes::from_static);
        Pieces::new(Bytes::from_static(b"ab"), others.into())
    }

    /// What would be written in one call with room for so many slices.
    fn slices(pieces: &Pieces, room: usize) -> Vec<u8> {
        let mut slices = vec![IoSlice::new(&[]); room];
        let filled = pieces.chunks_vectored(&mut slices);
        slices[..filled].iter().flat_map(|it| it.to_vec()).collect()
    }

    #[test]
    fn what_is_left_after_any_part_is_the_rest_in_order() {
        for at in 0..=6 {
            let mut pieces = abcdef();
            pieces.advance(at);
            let rest = &b"abcdef"[at..];
            assert_eq!(pieces.remaining(), rest.len());
            assert_eq!(slices(&pieces, 4), rest);
            assert!(rest.starts_with(pieces.chunk()));
            assert_eq!(pieces.chunk().is_empty(), rest.is_empty());
            assert_eq!(pieces.copy_to_bytes(rest.len()), rest);
            assert_eq!(pieces.remaining(), 0);
        }
        assert_eq!(slices(&abcdef(), 2), b"abcde");
    }

    #[test]
    fn any_part_can_be_copied() {
        for length in 0..=6 {
            let mut pieces = abcdef();
            assert_eq!(pieces.copy_to_bytes(length), b"abcdef"[..length]);
            assert_eq!(slices(&pieces, 4), b"abcdef"[length..]);
            assert_eq!(pieces.remaining(), 6 - length);
        }
    }
}
