//! Bodies of many parts.

mod boundary;
mod part;

use std::{error, fmt};

use futures_core::Stream;
use http::HeaderValue;
use memchr::memmem;
use peristyle_core::BoxError;

use self::boundary::Boundary;
pub use self::{boundary::InvalidBoundary, part::Part};
use super::{Format, Formatted};
use crate::Streaming;

/// A body of parts, each with headers of its own (RFC 2046, section 5.1).
///
/// The boundary between them is made of 128 random bits that are drawn for each body. Nobody who had a hand in a part could
/// know it when the part was written, so no part can have it within and pass for two. One that has it all the same, such as
/// what a client sends back of its own response, aborts the body with a [`BoundaryInPart`].
///
/// Each boundary is written right behind the part that it ends, together with it: a reader that waits for it, as browsers do
/// to show a part of `multipart/x-mixed-replace`, has the part at once. A body that fails has no closing boundary. One of no
/// parts is a closing boundary alone, although RFC 2046 wants at least one part.
pub struct Multipart {
    subtype: &'static str,
    boundary: Boundary,
    begun: bool,
}

impl Multipart {
    /// `multipart/mixed`: independent parts in an order (RFC 2046, section 5.1.3).
    pub fn mixed() -> Self {
        Self::of("mixed")
    }

    /// `multipart/x-mixed-replace`: each part takes the place of the one before, as the pictures of a camera do.
    pub fn replace() -> Self {
        Self::of("x-mixed-replace")
    }

    fn of(subtype: &'static str) -> Self {
        Self {
            subtype,
            boundary: Boundary::random(),
            begun: false,
        }
    }

    /// Takes this boundary in place of a random one, so that the same parts give the same bytes. Whoever knows it can make a
    /// part that aborts the body.
    ///
    /// # Errors
    ///
    /// When it is not made of 1 to 70 letters, digits and `'+_-.`, which are the characters of RFC 2046 that need no quotes
    /// in a header.
    pub fn boundary(mut self, boundary: &str) -> Result<Self, InvalidBoundary> {
        self.boundary = boundary.parse()?;
        Ok(self)
    }

    fn begin(&mut self, out: &mut Vec<u8>) {
        if !self.begun {
            out.extend_from_slice(self.boundary.delimiter());
            self.begun = true;
        }
    }
}

impl Format<Part> for Multipart {
    fn content_type(&self) -> HeaderValue {
        let value = format!("multipart/{}; boundary={}", self.subtype, self.boundary);
        HeaderValue::try_from(value).expect("a boundary is visible ASCII")
    }

    fn encode(&mut self, part: Part, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.begin(out);
        let begin = out.len();
        out.extend_from_slice(b"\r\n");
        part.write(out);
        if memmem::find(&out[begin..], self.boundary.delimiter()).is_some() {
            return Err(BoundaryInPart(()).into());
        }
        out.extend_from_slice(b"\r\n");
        out.extend_from_slice(self.boundary.delimiter());
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), BoxError> {
        self.begin(out);
        out.extend_from_slice(b"--\r\n");
        Ok(())
    }
}

impl fmt::Debug for Multipart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Multipart")
            .field("subtype", &self.subtype)
            .finish_non_exhaustive()
    }
}

/// A part that has the boundary of its body within.
#[derive(Debug)]
pub struct BoundaryInPart(());

impl fmt::Display for BoundaryInPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the part has the boundary within")
    }
}

impl error::Error for BoundaryInPart {}

impl<S, E> Streaming<S>
where
    S: Stream<Item = Result<Part, E>>,
{
    /// A body of independent parts with the content type `multipart/mixed`; see [`Multipart`].
    ///
    /// ```
    /// use http::header::{CONTENT_TYPE, HeaderValue};
    /// use peristyle_streaming::{Part, from_iter};
    ///
    /// let text = HeaderValue::from_static("text/plain; charset=utf-8");
    /// let parts = ["one", "two"].map(|part| Part::new(part).header(CONTENT_TYPE, text.clone()));
    /// let response = from_iter(parts).multipart_mixed().into_response();
    /// # drop(response);
    /// ```
    pub fn multipart_mixed(self) -> Streaming<Formatted<S, Multipart>> {
        self.format(Multipart::mixed())
    }

    /// A body of which each part takes the place of the one before, with the content type `multipart/x-mixed-replace`; see
    /// [`Multipart`].
    pub fn multipart_replace(self) -> Streaming<Formatted<S, Multipart>> {
        self.format(Multipart::replace())
    }
}
