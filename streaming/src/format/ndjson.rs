//! JSON, a value a line.

use futures_core::Stream;
use http::HeaderValue;
use peristyle_core::BoxError;
use serde::Serialize;

use super::{Format, Formatted};
use crate::Streaming;

/// Each value as JSON on a line of its own: <https://github.com/ndjson/ndjson-spec>.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Ndjson;

impl Ndjson {
    /// Its content type.
    pub const CONTENT_TYPE: &str = "application/x-ndjson";
}

impl<V: Serialize> Format<V> for Ndjson {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(Self::CONTENT_TYPE)
    }

    fn encode(&mut self, value: V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        serde_json::to_writer(&mut *out, &value)?;
        out.push(b'\n');
        Ok(())
    }
}

impl<S, V, E> Streaming<S>
where
    S: Stream<Item = Result<V, E>>,
    V: Serialize,
{
    /// Each value as a line of JSON, with the content type `application/x-ndjson`. Line breaks within a value are escaped, as
    /// JSON requires.
    ///
    /// ```
    /// use peristyle_streaming::from_iter;
    ///
    /// let response = from_iter([("one", 1), ("two", 2)]).ndjson().into_response();
    /// assert_eq!(response.headers()["content-type"], "application/x-ndjson");
    /// ```
    pub fn ndjson(self) -> Streaming<Formatted<S, Ndjson>> {
        self.format(Ndjson)
    }
}
