//! Entity tags (RFC 9110, section 8.8.3).

use std::{error, fmt};

use http::HeaderValue;

/// An entity tag: it names one content of a resource.
///
/// ```
/// use peristyle_streaming::files::ETag;
///
/// # fn main() -> Result<(), peristyle_streaming::files::InvalidETag> {
/// let tag = ETag::strong("v1")?;
/// assert_eq!(tag.to_string(), r#""v1""#);
/// assert_eq!(ETag::weak("v1")?.to_string(), r#"W/"v1""#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct ETag(String);

impl ETag {
    /// A tag that is another whenever a single byte is. Only such a tag lets a client go on with what it has (`If-Range`).
    ///
    /// # Errors
    ///
    /// When `opaque` has anything but visible ASCII characters, or a quotation mark.
    pub fn strong(opaque: &str) -> Result<Self, InvalidETag> {
        Self::new("", opaque)
    }

    /// A tag that may stay the same when the content changes in a way that does not matter.
    ///
    /// # Errors
    ///
    /// As [`strong`](Self::strong).
    pub fn weak(opaque: &str) -> Result<Self, InvalidETag> {
        Self::new("W/", opaque)
    }

    fn new(prefix: &str, opaque: &str) -> Result<Self, InvalidETag> {
        let valid = opaque.is_ascii() && opaque.bytes().all(is_etagc);
        valid
            .then(|| Self(format!("{prefix}\"{opaque}\"")))
            .ok_or(InvalidETag)
    }

    /// Whether it is a weak tag.
    pub fn is_weak(&self) -> bool {
        self.0.starts_with('W')
    }

    pub(super) fn to_header(&self) -> HeaderValue {
        HeaderValue::from_str(&self.0).expect("it has visible characters only")
    }

    /// Both are strong, and the same (section 8.8.3.2).
    pub(super) fn is_strongly(&self, other: Tag<'_>) -> bool {
        !self.is_weak() && !other.weak && self.opaque() == other.opaque
    }

    /// Both name the same, strong or weak.
    pub(super) fn is_weakly(&self, other: Tag<'_>) -> bool {
        self.opaque() == other.opaque
    }

    fn opaque(&self) -> &[u8] {
        let start = if self.is_weak() { 3 } else { 1 };
        &self.0.as_bytes()[start..self.0.len() - 1]
    }
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ETag").field(&self.0).finish()
    }
}

fn is_etagc(byte: u8) -> bool {
    byte == b'!' || (0x23..=0x7e).contains(&byte) || byte >= 0x80
}

/// A tag as a client has sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    weak: bool,
    opaque: &'a [u8],
}

impl<'a> Tag<'a> {
    /// The first tag of `text`, and what follows it.
    fn first(text: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (weak, text) = match text.strip_prefix(b"W/") {
            Some(text) => (true, text),
            None => (false, text),
        };
        let text = text.strip_prefix(b"\"")?;
        let end = text.iter().position(|byte| !is_etagc(*byte))?;
        let rest = text[end..].strip_prefix(b"\"")?;
        let opaque = &text[..end];
        Some((Self { weak, opaque }, rest))
    }

    /// A text that is one tag.
    pub(super) fn parse(text: &'a [u8]) -> Option<Self> {
        let (tag, rest) = Self::first(text.trim_ascii())?;
        rest.is_empty().then_some(tag)
    }

    /// The tags of a list, up to the first element that is none.
    pub(super) fn list(mut text: &'a [u8]) -> impl Iterator<Item = Self> {
        std::iter::from_fn(move || {
            while let [b',' | b' ' | b'\t', rest @ ..] = text {
                text = rest;
            }
            let (tag, rest) = Self::first(text)?;
            text = rest.trim_ascii_start();
            (text.is_empty() || text[0] == b',').then_some(tag)
        })
    }
}

/// What cannot be an entity tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidETag;

impl fmt::Display for InvalidETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity tag has visible ASCII characters only, and no quotation mark")
    }
}

impl error::Error for InvalidETag {}
