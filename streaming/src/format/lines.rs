//! Text, a value a line.

use std::{error, fmt};

use futures_core::Stream;
use http::HeaderValue;
use peristyle_core::BoxError;

use super::{Format, Formatted};
use crate::Streaming;

/// Each value as a line of text.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Lines;

impl Lines {
    /// Its content type.
    pub const CONTENT_TYPE: &str = "text/plain; charset=utf-8";
}

impl<V: AsRef<str>> Format<V> for Lines {
    fn content_type(&self) -> HeaderValue {
        HeaderValue::from_static(Self::CONTENT_TYPE)
    }

    fn encode(&mut self, value: V, out: &mut Vec<u8>) -> Result<(), BoxError> {
        let line = value.as_ref();
        if let Some(at) = line.find(['\r', '\n']) {
            return Err(LineBreak(at).into());
        }
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
        Ok(())
    }
}

/// A line of text that has a line break in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineBreak(usize);

impl LineBreak {
    /// Where it is, in bytes.
    pub fn offset(&self) -> usize {
        self.0
    }
}

impl fmt::Display for LineBreak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the line has a line break at byte {}", self.0)
    }
}

impl error::Error for LineBreak {}

impl<S, V, E> Streaming<S>
where
    S: Stream<Item = Result<V, E>>,
    V: AsRef<str>,
{
    /// Each value as a line, ended by a line feed, with the content type `text/plain; charset=utf-8`.
    ///
    /// A value with a line break in it, be it a line feed or a carriage return, aborts the stream with a [`LineBreak`]: a
    /// reader could not tell it from two. Text of many lines goes without a format, or through one that escapes.
    pub fn lines(self) -> Streaming<Formatted<S, Lines>> {
        self.format(Lines)
    }
}
