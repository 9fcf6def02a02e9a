//! How values become the bytes of a body.

#[cfg(feature = "csv")]
mod csv;
mod json_array;
mod json_seq;
mod lines;
mod multipart;
mod ndjson;

use std::{
    fmt, mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use http::HeaderValue;
use peristyle_core::BoxError;
use pin_project_lite::pin_project;

#[cfg(feature = "csv")]
pub use self::csv::Csv;
pub(crate) use self::json_seq::RECORD_SEPARATOR;
pub use self::{
    json_array::JsonArray,
    json_seq::JsonSeq,
    lines::{LineBreak, Lines},
    multipart::{BoundaryInPart, InvalidBoundary, Multipart, Part},
    ndjson::Ndjson,
};
use crate::{Error, Streaming, source::Source};

/// Above this a value keeps the buffer that it was written to, which is copied otherwise.
const COPIED_AT_MOST: usize = 16 * 1024;

/// How values become the bytes of a body; see [`Streaming::format`].
///
/// Those of this crate are made by methods of [`Streaming`]. Another is as short as they are:
///
/// ```
/// use http::HeaderValue;
/// use peristyle_core::BoxError;
/// use peristyle_streaming::{Format, from_iter};
///
/// /// Strings with their length before them (<https://cr.yp.to/proto/netstrings.txt>).
/// struct Netstrings;
///
/// impl<V: AsRef<[u8]>> Format<V> for Netstrings {
///     fn content_type(&self) -> HeaderValue {
///         HeaderValue::from_static("application/octet-stream")
///     }
///
///     fn encode(&mut self, value: V, out: &mut Vec<u8>) -> Result<(), BoxError> {
///         let value = value.as_ref();
///         out.extend_from_slice(format!("{}:", value.len()).as_bytes());
///         out.extend_from_slice(value);
///         out.push(b',');
///         Ok(())
///     }
/// }
///
/// let response = from_iter(["one", "two"]).format(Netstrings).into_response();
/// # drop(response);
/// ```
pub trait Format<V> {
    /// The content type of the body.
    fn content_type(&self) -> HeaderValue;

    /// Appends what stands for the next value in the body, with all that separates it from the one before.
    ///
    /// # Errors
    ///
    /// When there is nothing that could stand for it. The body then fails, after the values before it; what was appended is
    /// not sent.
    fn encode(&mut self, value: V, out: &mut Vec<u8>) -> Result<(), BoxError>;

    /// Appends what ends a body of which every value was sent. It is not called for one that fails. Default is nothing.
    ///
    /// # Errors
    ///
    /// When the body cannot be whole; it then fails.
    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let _ = out;
        Ok(())
    }
}

impl<S, V, E> Streaming<S>
where
    S: Stream<Item = Result<V, E>>,
{
    /// The values in a format, with its content type.
    ///
    /// Each value is one piece of the body, given out before the next is asked for. A value that has no form in the format
    /// aborts the stream, after those before it; nothing of it is sent. The error
    /// [says so](Error::is_not_serialized), and has that of the format as its source.
    pub fn format<F: Format<V>>(self, format: F) -> Streaming<Formatted<S, F>> {
        let content_type = format.content_type();
        self.map_source(|values| Formatted::source(values, format), content_type)
    }
}

pin_project! {
    /// The values of a stream in a format; see [`Streaming::format`].
    pub struct Formatted<S, F> {
        #[pin]
        values: Source<S>,
        format: F,
        // What is being encoded; its room is used again.
        out: Vec<u8>,
        ended: bool,
    }
}

impl<S, F> Formatted<S, F> {
    fn source(values: Source<S>, format: F) -> Source<Self> {
        let formatted = Self {
            values,
            format,
            out: Vec::new(),
            ended: false,
        };
        Source::closed_by(formatted, |this, why| this.project().values.close(why))
    }
}

impl<S, F, V, E> Stream for Formatted<S, F>
where
    S: Stream<Item = Result<V, E>>,
    F: Format<V>,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        if *this.ended {
            return Poll::Ready(None);
        }
        let value = ready!(this.values.project().stream.poll_next(cx));
        let encoded = if let Some(value) = value.transpose().map_err(Into::into)? {
            this.format.encode(value, this.out)
        } else {
            *this.ended = true;
            this.format.finish(this.out)
        };
        encoded.map_err(Error::not_serialized)?;
        Poll::Ready(Some(Ok(taken(this.out))))
    }
}

/// One allocation of the value's own size; a stream that waits holds no more than what its largest value of up to 16 KiB took.
fn taken(out: &mut Vec<u8>) -> Bytes {
    if out.len() > COPIED_AT_MOST {
        return mem::take(out).into();
    }
    let value = Bytes::copy_from_slice(out);
    out.clear();
    value
}

impl<S, F> fmt::Debug for Formatted<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Formatted")
            .field("format", &std::any::type_name::<F>())
            .finish_non_exhaustive()
    }
}
