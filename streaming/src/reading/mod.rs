//! Bodies of requests, read as streams.

mod bytes;
mod error;
mod framing;
mod lines;
mod pieces;
mod values;

use std::fmt;

use ::bytes::Buf;
use http_body::Body;
use peristyle_core::BoxError;

pub use self::{bytes::ReadBytes, error::ReadError, lines::ReadLines, values::ReadValues};
use self::{framing::Framing, pieces::Pieces};

/// The longest value, unless set: most are far shorter, and each stream may hold one.
const VALUE: usize = 64 * 1024;

/// The longest body, unless set: what servers take of a request that is not read as a stream.
const TOTAL: u64 = 2 * 1024 * 1024;

/// Reads a body, such as that of a request, as a stream of bytes, lines or JSON values.
///
/// Nothing is read ahead: the body is asked for its next piece when there is no whole value left of the one before, so a client
/// sends no faster than its values are taken. What is held is that piece, and the value that began before it. A value is
/// given out as soon as its end has come.
///
/// An error is the last item. It [says](ReadError) which value failed, where, and why; the values before it were given
/// out. A body that breaks off never looks complete: what came of its last value is not given out.
///
/// ```
/// use peristyle_streaming::{ReadError, Reading};
/// use tokio_stream::StreamExt;
///
/// #[derive(serde::Deserialize)]
/// struct Sample {
///     celsius: f64,
/// }
///
/// async fn warmest<B>(body: B) -> Result<f64, ReadError>
/// where
///     B: http_body::Body<Data: bytes::Buf, Error: Into<peristyle_core::BoxError>>,
/// {
///     let samples = Reading::new(body).total_limit(1 << 30).ndjson::<Sample>();
///     let mut samples = std::pin::pin!(samples);
///     let mut warmest = f64::MIN;
///     while let Some(sample) = samples.try_next().await? {
///         warmest = warmest.max(sample.celsius);
///     }
///     Ok(warmest)
/// }
/// ```
///
/// A server may have a limit of its own for a request's body, which then has to be raised as well.
#[must_use = "nothing is read before the stream is polled"]
pub struct Reading<B> {
    body: B,
    value_limit: usize,
    total_limit: u64,
}

impl<B> Reading<B>
where
    B: Body<Data: Buf, Error: Into<BoxError>>,
{
    /// A body with the default limits.
    pub fn new(body: B) -> Self {
        Self {
            body,
            value_limit: VALUE,
            total_limit: TOTAL,
        }
    }

    /// The most bytes of one value, without its line end. Default is 64 KiB.
    pub fn value_limit(mut self, bytes: usize) -> Self {
        self.value_limit = bytes;
        self
    }

    /// The most bytes of the whole body. Default is 2 MiB. A body that declares to be larger is refused before it is read.
    pub fn total_limit(mut self, bytes: u64) -> Self {
        self.total_limit = bytes;
        self
    }

    /// The bytes, in the pieces in which they come.
    pub fn bytes(self) -> ReadBytes<B> {
        ReadBytes::new(self.body, self.total_limit)
    }

    /// The lines of a text in UTF-8, without their line ends, which are a line feed with or without a carriage return before
    /// it. What comes behind the last one is a line too, unless it is empty.
    pub fn lines(self) -> ReadLines<B> {
        ReadLines::new(self.pieces(Framing::Lines))
    }

    /// Values of JSON, each on a line; see [`lines`](Self::lines). Empty lines are passed over.
    pub fn ndjson<T>(self) -> ReadValues<B, T> {
        ReadValues::new(self.pieces(Framing::JsonLines))
    }

    /// The values of a JSON text sequence (RFC 7464). As only the next text, or the end of the body, tells that one is whole, a
    /// value is given out then.
    ///
    /// A text that may have been cut is an error, as is any other that is not JSON.
    pub fn json_seq<T>(self) -> ReadValues<B, T> {
        ReadValues::new(self.pieces(Framing::JsonSeq))
    }

    fn pieces(self, framing: Framing) -> Pieces<B> {
        let value_limit = self.value_limit;
        Pieces::new(self.bytes(), framing, value_limit)
    }
}

impl<B> fmt::Debug for Reading<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading")
            .field("value_limit", &self.value_limit)
            .field("total_limit", &self.total_limit)
            .finish_non_exhaustive()
    }
}
