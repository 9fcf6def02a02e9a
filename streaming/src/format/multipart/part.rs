//! One part of many.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

/// A part of a [`Multipart`](super::Multipart) body: headers and content. A part without `Content-Type` is plain text
/// (RFC 2046, section 5.1).
#[derive(Debug, Clone, Default)]
pub struct Part {
    headers: HeaderMap,
    content: Bytes,
}

impl Part {
    /// A part without headers.
    pub fn new(content: impl Into<Bytes>) -> Self {
        Self {
            headers: HeaderMap::new(),
            content: content.into(),
        }
    }

    /// Sets a header, in place of those of that name.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// The headers, for those of which there are many of one name.
    pub fn headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.headers
    }

    /// Headers have no line break in them, so the head ends where it is said to.
    pub(super) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in &self.headers {
            for piece in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
                out.extend_from_slice(piece);
            }
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(&self.content);
    }
}
