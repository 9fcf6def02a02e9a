//! The head of a response over HTTP/1.1.

use std::str::from_utf8;

use crate::{Failure, Framing, framing::status};

const LONGEST: usize = 8192;

/// A head that comes in pieces.
#[derive(Debug, Default)]
pub struct Head(Vec<u8>);

impl Head {
    /// Takes what came. With the end of the head, the framing of its body, and how many of the bytes were part of the head.
    ///
    /// # Errors
    ///
    /// When the answer is none of success, and when the head is none.
    pub fn read(&mut self, bytes: &[u8]) -> Result<Option<(Framing, usize)>, Failure> {
        let before = self.0.len();
        self.0.extend_from_slice(bytes);
        // The end may have begun in the piece before.
        let from = before.saturating_sub(3);
        let mut ends = self.0[from..].windows(4);
        let Some(end) = ends.position(|it| it == b"\r\n\r\n") else {
            return self.refuse_long().map(|()| None);
        };
        let length = from + end + 4;
        let framing = framing(from_utf8(&self.0[..length])?)?;
        self.0 = Vec::new();
        Ok(Some((framing, length - before)))
    }

    fn refuse_long(&self) -> Result<(), Failure> {
        match self.0.len() {
            ..=LONGEST => Ok(()),
            _ => Err("there is no head".into()),
        }
    }
}

fn framing(head: &str) -> Result<Framing, Failure> {
    match status(head) {
        Some(status) if head.starts_with("HTTP/1.1 ") && status.starts_with('2') => {
            Framing::of(head)
        }
        _ => Err(format!("the answer is {head}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_however_it_comes_and_no_byte_after_it() {
        let response = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nab";
        for size in 1..=response.len() {
            let mut head = Head::default();
            let mut read = 0;
            let found = response.chunks(size).find_map(|piece| {
                let found = head.read(piece).unwrap();
                read += found.as_ref().map_or(piece.len(), |(_, length)| *length);
                found
            });
            assert_eq!(read, response.len() - 2);
            assert!(!found.unwrap().0.is_over());
        }
    }

    #[test]
    fn only_success_is_taken() {
        for response in [
            "HTTP/1.1 503 Service Unavailable\r\n\r\n",
            "HTTP/1.0 200 OK\r\n\r\n",
            "hello\r\n\r\n",
        ] {
            assert!(Head::default().read(response.as_bytes()).is_err());
        }
        assert!(Head::default().read(&[b'a'; LONGEST + 1]).is_err());
    }
}
