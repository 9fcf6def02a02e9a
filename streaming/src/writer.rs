//! The writer of a blocking producer.

use std::{
    fmt,
    io::{self, Write},
};

use bytes::{Bytes, BytesMut};
use peristyle_core::{End, channel::Sender};
use tokio::runtime::Handle;

/// The bytes of one value.
pub(crate) const VALUE_SIZE: usize = 16 * 1024;

/// Writes into the stream of [`write_blocking`](crate::write_blocking).
///
/// What is written goes out when 16 KiB have come together, by [`flush`](Write::flush), and when the producer ends.
/// Both `write` and `flush` block while the stream is full.
///
/// # Errors
///
/// Once the stream has ended every call fails with [`BrokenPipe`](io::ErrorKind::BrokenPipe), blocked ones included. The text
/// of the error is the [`End`].
///
/// # Panics
///
/// Within an async block that the producer runs with `block_on`: a call that sends, or that finds the stream ended. `write`
/// sends when 16 KiB have come together, `flush` whenever anything waits.
pub struct Writer {
    sender: Sender<Bytes>,
    buffer: BytesMut,
    runtime: Handle,
}

impl Writer {
    /// For use on a thread of a runtime's blocking pool only.
    pub(crate) fn new(sender: Sender<Bytes>) -> Self {
        Self {
            sender,
            buffer: BytesMut::new(),
            runtime: Handle::current(),
        }
    }

    fn check_open(&self) -> io::Result<()> {
        if self.sender.is_closed() {
            return Err(broken_pipe(self.runtime.block_on(self.sender.closed())));
        }
        Ok(())
    }

    fn send_buffer(&mut self) -> io::Result<()> {
        // The buffer is left alone until there is room: a call that panics here loses nothing that was written.
        let room = self.runtime.block_on(self.sender.reserve());
        let sent = room
            .map_err(broken_pipe)?
            .send(self.buffer.split().freeze());
        sent.map_err(|error| broken_pipe(error.end().unwrap_or(End::PeerLeft)))
    }
}

impl Write for Writer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.check_open()?;
        let taken = data.len().min(VALUE_SIZE - self.buffer.len());
        self.buffer.extend_from_slice(&data[..taken]);
        if self.buffer.len() == VALUE_SIZE {
            self.send_buffer()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.check_open()?;
        if !self.buffer.is_empty() {
            self.send_buffer()?;
        }
        Ok(())
    }
}

fn broken_pipe(why: End) -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, why.as_str())
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("buffered", &self.buffer.len())
            .finish_non_exhaustive()
    }
}
