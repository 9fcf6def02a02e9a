//! Bytes that lie in several places, and go to the connection as one.

use std::{io::IoSlice, mem};

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// The data of a response's frame. One piece alone, as most are, costs no allocation, and little more than its bytes.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    first: Bytes,
    others: Option<Box<Others>>,
}

/// What follows the first piece.
#[derive(Debug, Default)]
struct Others {
    /// The last one first. None is empty.
    pieces: Vec<Bytes>,
    remaining: usize,
}

impl Others {
    fn next(&mut self) -> Option<Bytes> {
        let next = self.pieces.pop()?;
        self.remaining -= next.len();
        Some(next)
    }
}

impl Pieces {
    /// In order.
    pub(crate) fn new(first: Bytes, mut others: Vec<Bytes>) -> Self {
        if others.is_empty() {
            return first.into();
        }
        others.reverse();
        let remaining = others.iter().map(Bytes::len).sum();
        let others = Others {
            pieces: others,
            remaining,
        };
        Self {
            first,
            others: Some(Box::new(others)),
        }
    }

    /// What follows goes to the front. Returns whether there was something.
    fn go_on(&mut self) -> bool {
        let next = self.others.as_mut().and_then(|others| others.next());
        let more = next.is_some();
        self.first = next.unwrap_or_default();
        more
    }
}

impl From<Bytes> for Pieces {
    fn from(first: Bytes) -> Self {
        Self {
            first,
            others: None,
        }
    }
}

impl Buf for Pieces {
    fn remaining(&self) -> usize {
        let others = self.others.as_ref();
        self.first.len() + others.map_or(0, |others| others.remaining)
    }

    fn chunk(&self) -> &[u8] {
        &self.first
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let Some((slice, rest)) = slices.split_first_mut().filter(|_| !self.first.is_empty())
        else {
            return 0;
        };
        *slice = IoSlice::new(&self.first);
        let Some(others) = &self.others else {
            return 1;
        };
        let filled = rest.iter_mut().zip(others.pieces.iter().rev());
        1 + filled
            .map(|(slice, piece)| *slice = IoSlice::new(piece))
            .count()
    }

    fn advance(&mut self, mut count: usize) {
        while self.others.is_some() && count >= self.first.len() {
            count -= self.first.len();
            if !self.go_on() {
                self.others = None;
            }
        }
        self.first.advance(count);
    }

    fn copy_to_bytes(&mut self, length: usize) -> Bytes {
        if length == self.first.len() {
            let bytes = mem::take(&mut self.first);
            self.go_on();
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
