//! Streams from readers and files.

use std::{
    fmt,
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{BufMut, Bytes, BytesMut};
use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::{
    fs::File,
    io::{AsyncRead, AsyncReadExt, AsyncSeekExt, Take},
};

use crate::{Streaming, source::Source};

const CHUNK_SIZE: usize = 16 * 1024;

/// Each read of a file is a trip to the blocking pool: fewer and larger ones pay.
const FILE_CHUNK_SIZE: usize = 64 * 1024;

/// A stream of what a reader gives, in chunks of up to 16 KiB.
///
/// Each chunk goes out as soon as the reader gives it, however short. A reader of known length is declared with
/// [`Streaming::length`].
pub fn from_reader<R: AsyncRead>(reader: R) -> Streaming<Reader<R>> {
    Streaming::of(Source::new(Reader {
        reader,
        buffer: BytesMut::new(),
        chunk_size: CHUNK_SIZE,
    }))
}

/// A stream of a file from its current position, in chunks of up to 64 KiB, with a `Content-Length`.
///
/// The length is that of this moment: what is appended later is no part of it, and a file that is cut meanwhile is an
/// [error](crate::Error::is_wrong_length) of the body. A file of no length that has content all the same, as in `/proc`,
/// needs [`from_reader`].
///
/// ```no_run
/// # async fn example() -> std::io::Result<()> {
/// let file = tokio::fs::File::open("report.csv").await?;
/// let response = peristyle_streaming::from_file(file).await?.into_response();
/// # drop(response);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When the file cannot be asked for its length and position, or is a directory, a pipe or a device.
///
/// # Cancel safety
///
/// Dropping the future closes the file and has no other effect.
pub async fn from_file(mut file: File) -> io::Result<Streaming<Reader<Take<File>>>> {
    let metadata = file.metadata().await?;
    if !metadata.is_file() {
        let kind = io::ErrorKind::InvalidInput;
        return Err(io::Error::new(kind, "not a regular file"));
    }
    let length = metadata.len().saturating_sub(file.stream_position().await?);
    let streaming = from_reader(file.take(length));
    Ok(streaming.chunk_size(FILE_CHUNK_SIZE).length(length))
}

impl<R> Streaming<Reader<R>> {
    /// The most bytes of one chunk, and of the buffer that the stream holds. Default is 16 KiB, of a file 64 KiB.
    ///
    /// # Panics
    ///
    /// When `bytes` is 0.
    #[track_caller]
    pub fn chunk_size(mut self, bytes: usize) -> Self {
        assert!(bytes > 0, "a chunk has at least one byte");
        self.stream_mut().chunk_size = bytes;
        self
    }
}

pin_project! {
    /// See [`from_reader`] and [`from_file`].
    pub struct Reader<R> {
        #[pin]
        reader: R,
        buffer: BytesMut,
        chunk_size: usize,
    }
}

impl<R: AsyncRead> Stream for Reader<R> {
    type Item = io::Result<Bytes>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if this.buffer.capacity() == 0 {
            this.buffer.reserve(*this.chunk_size);
        }
        // The future holds nothing between polls, so a new one each time goes on where the last was.
        let mut chunk = this.buffer.limit(*this.chunk_size);
        let read = ready!(pin!(this.reader.read_buf(&mut chunk)).poll(cx));
        Poll::Ready(match read {
            Ok(0) => None,
            Ok(_) => Some(Ok(this.buffer.split().freeze())),
            Err(error) => Some(Err(error)),
        })
    }
}

impl<R> fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("chunk_size", &self.chunk_size)
            .finish_non_exhaustive()
    }
}
