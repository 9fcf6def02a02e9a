//! JSON text sequences.

use futures_core::Stream;
use http::HeaderValue;
use peristyle_core::BoxError;
use serde::Serialize;

use super::{Format, Formatted};
use crate::Streaming;

/// Begins a text (RFC 7464, section 2.2).
pub(crate) const RECORD_SEPARATOR: u8 = 0x1e;

/// Each value as JSON between a record separator and a line feed (RFC 7464).
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct JsonSeq;

impl JsonSeq {
    /// Its content type.
    pub const CONTENT_TYPE: &str = "application/json-seq";
}

impl<V: Serialize> Format<V> for JsonSeq {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(Self::CONTENT_TYPE)
    }

    fn encode(&mut self, value: V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.push(RECORD_SEPARATOR);
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
    /// A JSON text sequence (RFC 7464), with the content type `application/json-seq`. Unlike in NDJSON, a reader finds the
    /// next value even after one that was cut.
    pub fn json_seq(self) -> Streaming<Formatted<S, JsonSeq>> {
        self.format(JsonSeq)
    }
}
