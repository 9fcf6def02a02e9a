//! What a socket did not take.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice, Write},
};

use bytes::{Buf, Bytes};

use super::out::Out;

/// What one client's socket did not take of what it was to be sent at once.
#[derive(Debug, Default)]
#[expect(
    clippy::box_collection,
    reason = "it is small while there is nothing, which is nearly always"
)]
pub(super) struct Unsent(Option<Box<VecDeque<Bytes>>>);

/// How writing came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    All,
    /// Some of it, and the socket takes no more now.
    Some,
    /// The socket takes nothing now.
    Nothing,
}

impl Unsent {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Writes this, and keeps what the socket does not take. Nothing may be left from before.
    pub(super) fn begin(&mut self, out: &mut Out, socket: &mut impl Write) -> io::Result<Written> {
        debug_assert!(self.is_empty(), "what is left from before comes first");
        let length = attempt(|| match out.whole() {
            Some(whole) => socket.write(whole),
            None => socket.write_vectored(&out.slices()),
        })?;
        if length == Some(out.len()) {
            return Ok(Written::All);
        }
        self.go_on(length, out.rest(length.unwrap_or(0)), socket)
    }

    /// As [`begin`](Self::begin). What is kept is shared.
    pub(super) fn begin_page(
        &mut self,
        page: &Bytes,
        socket: &mut impl Write,
    ) -> io::Result<Written> {
        debug_assert!(self.is_empty(), "what is left from before comes first");
        let length = attempt(|| socket.write(page))?;
        if length == Some(page.len()) {
            return Ok(Written::All);
        }
        self.go_on(length, [page.slice(length.unwrap_or(0)..)], socket)
    }

    /// Keeps what is left, of which so much went before, and goes on with it.
    fn go_on(
        &mut self,
        written: Option<usize>,
        rest: impl IntoIterator<Item = Bytes>,
        socket: &mut impl Write,
    ) -> io::Result<Written> {
        let rest = rest.into_iter().filter(|part| !part.is_empty());
        self.0 = Some(Box::new(rest.collect()));
        if written.is_none() {
            return Ok(Written::Nothing);
        }
        // Only a socket that takes nothing tells when it takes more.
        Ok(match self.write(socket)? {
            Written::Nothing => Written::Some,
            other => other,
        })
    }

    /// Writes what is left.
    pub(super) fn write(&mut self, socket: &mut impl Write) -> io::Result<Written> {
        let mut written = Written::Nothing;
        while let Some(parts) = &self.0 {
            let mut slices = [IoSlice::new(&[]); 3];
            for (slice, bytes) in slices.iter_mut().zip(&**parts) {
                *slice = IoSlice::new(bytes);
            }
            let Some(length) = attempt(|| socket.write_vectored(&slices))? else {
                return Ok(written);
            };
            written = Written::Some;
            self.advance(length);
        }
        Ok(Written::All)
    }

    fn advance(&mut self, mut length: usize) {
        let Some(parts) = &mut self.0 else { return };
        while let Some(first) = parts.front_mut() {
            if first.len() > length {
                return first.advance(length);
            }
            length -= first.len();
            parts.pop_front();
        }
        // Clients that have nothing left are to keep no room for it.
        self.0 = None;
    }
}

/// `None` when the socket takes nothing now.
fn attempt(mut write: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match write() {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(length) => return Ok(Some(length)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peristyle_core::handover::Framing;

    /// Takes so many bytes at each call; 0 is a call that is refused.
    struct Socket {
        takes: Vec<usize>,
        taken: Vec<u8>,
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            match self.takes.pop() {
                None | Some(0) => Err(ErrorKind::WouldBlock.into()),
                Some(most) => {
                    let length = most.min(bytes.len());
                    self.taken.extend_from_slice(&bytes[..length]);
                    Ok(length)
                }
            }
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let first = slices.iter().find(|slice| !slice.is_empty());
            self.write(first.expect("something is to be written"))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn out() -> Out {
        let mut out = Out::default();
        out.data(Framing::Chunked, Bytes::from_static(b"small"));
        out.data(Framing::Chunked, Bytes::from(vec![b'x'; 20_000]));
        out
    }

    #[test]
    fn a_socket_that_takes_little_gets_all_in_the_end() {
        let all = out().written();
        for each in [1, 3, 7, 4096, 19_999, 30_000] {
            let takes = vec![each; 30_000];
            let mut socket = Socket {
                takes,
                taken: Vec::new(),
            };
            let mut unsent = Unsent::default();
            assert_eq!(unsent.begin(&mut out(), &mut socket).unwrap(), Written::All);
            assert!(unsent.is_empty());
            assert!(socket.taken == all, "{each}");
        }
    }

    #[test]
    fn what_a_socket_does_not_take_is_left_and_goes_on_there() {
        let all = out().written();
        let takes = vec![usize::MAX, usize::MAX, 0, 19_990, 0, 0, 6];
        let mut socket = Socket {
            takes,
            taken: Vec::new(),
        };
        let mut unsent = Unsent::default();
        assert_eq!(
            unsent.begin(&mut out(), &mut socket).unwrap(),
            Written::Some
        );
        assert_eq!(unsent.write(&mut socket).unwrap(), Written::Nothing);
        assert_eq!(unsent.write(&mut socket).unwrap(), Written::Some);
        assert_eq!(unsent.write(&mut socket).unwrap(), Written::All);
        assert!(socket.taken == all);
    }
}
