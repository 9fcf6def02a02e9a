//! What can be read from any place in it.

use std::{
    future::{Future, ready},
    io,
    sync::Arc,
};

use bytes::Bytes;

use super::Validators;

/// A source of known length that can be read from any place in it: a file, a part of memory, an object in a store.
///
/// ```
/// use std::{io, sync::Arc};
///
/// use bytes::Bytes;
/// use peristyle_streaming::files::Addressable;
///
/// /// A gibibyte of zeros.
/// struct Zeros;
///
/// impl Addressable for Zeros {
///     fn length(&self) -> u64 {
///         1 << 30
///     }
///
///     async fn read_at(self: Arc<Self>, _: u64, length: usize) -> io::Result<Bytes> {
///         Ok(vec![0; length].into())
///     }
/// }
/// ```
pub trait Addressable: Send + Sync + 'static {
    /// The length in bytes. It is asked for once a response, and what is then read must fit it.
    fn length(&self) -> u64;

    /// What tells this content from any other of the same resource. Default is that nothing does: each request is then
    /// answered in full, and no range is taken to go on with what a client has (`If-Range`).
    fn validators(&self) -> Validators {
        Validators::default()
    }

    /// Reads from `offset` on: at least one byte, at most `length`, which is 256 KiB or less. What is read stays within
    /// [`length`](Self::length).
    ///
    /// One read is asked for after the other, each when the host has room for it. The future is dropped when the client
    /// leaves; it must not matter how far it has come.
    ///
    /// # Errors
    ///
    /// Any error ends the body with it, and so does a read of nothing: the response never looks complete then.
    fn read_at(
        self: Arc<Self>,
        offset: u64,
        length: usize,
    ) -> impl Future<Output = io::Result<Bytes>> + Send;
}

impl Addressable for Bytes {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(
        self: Arc<Self>,
        offset: u64,
        length: usize,
    ) -> impl Future<Output = io::Result<Self>> + Send {
        let start = usize::try_from(offset).map_or(self.len(), |it| it.min(self.len()));
        let end = self.len().min(start + length);
        ready(Ok(self.slice(start..end)))
    }
}
