//! One JSON array, written value by value.

use futures_core::Stream;
use http::HeaderValue;
use peristyle_core::BoxError;
use serde::Serialize;

use super::{Format, Formatted};
use crate::Streaming;

/// One JSON array (RFC 8259) of all the values.
#[derive(Debug, Default)]
pub struct JsonArray {
    begun: bool,
}

impl JsonArray {
    /// Its content type.
    pub const CONTENT_TYPE: &str = "application/json";

    /// An array of no values so far.
    pub const fn new() -> Self {
        Self { begun: false }
    }
}

impl<V: Serialize> Format<V> for JsonArray {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(Self::CONTENT_TYPE)
    }

    fn encode(&mut self, value: V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        out.push(if self.begun { b',' } else { b'[' });
        self.begun = true;
        Ok(serde_json::to_writer(out, &value)?)
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let end: &[u8] = if self.begun { b"]" } else { b"[]" };
        out.extend_from_slice(end);
        Ok(())
    }
}

impl<S, V, E> Streaming<S>
where
    S: Stream<Item = Result<V, E>>,
    V: Serialize,
{
    /// One JSON array of all the values, `[]` when there are none, with the content type `application/json`.
    ///
    /// The closing bracket comes only when the source has ended well: a stream that fails is never valid JSON. Nor is one
    /// that is cut by [`DrainPolicy::EndWith`](crate::DrainPolicy::EndWith), unless the bytes given there close it.
    pub fn json_array(self) -> Streaming<Formatted<S, JsonArray>> {
        self.format(JsonArray::new())
    }
}
