//! JSON, a value a line.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_core::Stream;
use peristyle_core::BoxError;
use pin_project_lite::pin_project;
use serde::Serialize;

use crate::{Error, Streaming, source::Source};

/// A stream of JSON values, each on a line of its own, as `application/x-ndjson`. Line breaks within a value are escaped, as
/// JSON requires.
///
/// A value that does not serialise aborts the stream, after those before it; nothing of its own line is sent. The error
/// [says so](Error::is_not_serialized), and has serde's as its source.
///
/// Other sources of this crate have [`Streaming::ndjson`]:
///
/// ```
/// use peristyle_streaming::from_iter;
///
/// let response = from_iter([("one", 1), ("two", 2)]).ndjson().into_response();
/// assert_eq!(response.headers()["content-type"], "application/x-ndjson");
/// ```
pub fn ndjson<S, T, E>(stream: S) -> Streaming<Ndjson<S>>
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Into<BoxError>,
{
    Streaming::new(stream).ndjson()
}

pin_project! {
    /// See [`ndjson`].
    pub struct Ndjson<S> {
        #[pin]
        values: Source<S>,
    }
}

impl<S> Ndjson<S> {
    pub(crate) fn source(values: Source<S>) -> Source<Self> {
        Source::closed_by(Self { values }, |this, why| {
            this.project().values.close(why);
        })
    }
}

impl<S, T, E> Stream for Ndjson<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Into<BoxError>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let values = self.project().values.project().stream;
        let value = ready!(values.poll_next(cx));
        Poll::Ready(value.map(|value| line(&value.map_err(Into::into)?)))
    }
}

fn line(value: &impl Serialize) -> Result<Bytes, BoxError> {
    let mut line = serde_json::to_vec(value).map_err(Error::not_serialized)?;
    line.push(b'\n');
    Ok(line.into())
}

impl<S> fmt::Debug for Ndjson<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ndjson").finish_non_exhaustive()
    }
}
