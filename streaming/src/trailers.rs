//! Header fields after the body.

use std::{error, fmt};

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        AGE, AUTHORIZATION, CACHE_CONTROL, CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH,
        CONTENT_RANGE, CONTENT_TYPE, COOKIE, DATE, EXPECT, EXPIRES, HOST, IF_MATCH,
        IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LOCATION, MAX_FORWARDS,
        PRAGMA, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, RETRY_AFTER, SET_COOKIE, TE,
        TRAILER, TRANSFER_ENCODING, UPGRADE, VARY, WARNING, WWW_AUTHENTICATE,
    },
};
use peristyle_core::{BoxError, Panicked};

use crate::Error;

/// Gives trailer fields at the end of a body; see [`Streaming::trailers`](crate::Streaming::trailers).
///
/// A closure does when they do not depend on the bytes of the body. A checksum is a type of its own:
///
/// ```
/// use http::{HeaderMap, HeaderName};
/// use peristyle_streaming::{Trailers, from_iter};
///
/// const CHECKSUM: HeaderName = HeaderName::from_static("x-crc32");
///
/// struct Checksum(crc32fast::Hasher);
///
/// impl Trailers for Checksum {
///     fn pass(&mut self, bytes: &[u8]) {
///         self.0.update(bytes);
///     }
///
///     fn finish(self: Box<Self>) -> HeaderMap {
///         HeaderMap::from_iter([(CHECKSUM, self.0.finalize().into())])
///     }
/// }
///
/// # fn main() -> Result<(), peristyle_core::BoxError> {
/// let response = from_iter(["one", "two"])
///     .trailers([CHECKSUM], Checksum(crc32fast::Hasher::new()))?
///     .into_response();
/// assert_eq!(response.headers()["trailer"], "x-crc32");
/// # Ok(())
/// # }
/// ```
pub trait Trailers: Send + Sync + 'static {
    /// Is shown the next bytes of the body, on their way to the host. Default is to do nothing with them.
    fn pass(&mut self, bytes: &[u8]) {
        let _ = bytes;
    }

    /// The fields, when the source has ended well and all its bytes have passed. Those that have nothing to say may be left
    /// out; one that was not declared aborts the body with an [error](Error::is_undeclared_trailer).
    fn finish(self: Box<Self>) -> HeaderMap;
}

impl<F> Trailers for F
where
    F: FnOnce() -> HeaderMap + Send + Sync + 'static,
{
    fn finish(self: Box<Self>) -> HeaderMap {
        self()
    }
}

/// Trailers with the names that they may have.
pub(crate) struct Declared {
    names: Vec<HeaderName>,
    trailers: Box<dyn Trailers>,
}

impl Declared {
    pub(crate) fn new(
        names: impl IntoIterator<Item = HeaderName>,
        trailers: impl Trailers,
    ) -> Result<Self, ForbiddenTrailer> {
        let allowed = |name| {
            if FORBIDDEN.contains(&name) {
                Err(ForbiddenTrailer(name))
            } else {
                Ok(name)
            }
        };
        Ok(Self {
            names: names.into_iter().map(allowed).collect::<Result<_, _>>()?,
            trailers: Box::new(trailers),
        })
    }

    /// The value of `Trailer`.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let names: Vec<_> = self.names.iter().map(HeaderName::as_str).collect();
        let value = HeaderValue::try_from(names.join(", ")).expect("names are visible ASCII");
        Some(value).filter(|value| !value.is_empty())
    }

    pub(crate) fn pass(&mut self, bytes: &[u8]) -> Result<(), Panicked> {
        if bytes.is_empty() {
            return Ok(());
        }
        Panicked::catch(|| self.trailers.pass(bytes))
    }

    /// The fields, if there are any.
    pub(crate) fn finish(self) -> Result<Option<HeaderMap>, BoxError> {
        let Self { names, trailers } = self;
        let fields = Panicked::catch(|| trailers.finish())?;
        match fields.keys().find(|name| !names.contains(name)) {
            Some(name) => Err(Error::undeclared_trailer(name.clone()).into()),
            None => Ok(Some(fields).filter(|fields| !fields.is_empty())),
        }
    }
}

/// Fields for framing, routing, authentication, control of requests and responses, and those that say how to process the
/// content (RFC 9110, section 6.5.1).
const FORBIDDEN: [HeaderName; 33] = [
    AGE,
    AUTHORIZATION,
    CACHE_CONTROL,
    CONNECTION,
    CONTENT_ENCODING,
    CONTENT_LENGTH,
    CONTENT_RANGE,
    CONTENT_TYPE,
    COOKIE,
    DATE,
    EXPECT,
    EXPIRES,
    HOST,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_RANGE,
    IF_UNMODIFIED_SINCE,
    LOCATION,
    MAX_FORWARDS,
    PRAGMA,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    RANGE,
    RETRY_AFTER,
    SET_COOKIE,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    VARY,
    WARNING,
    WWW_AUTHENTICATE,
];

/// A field that must stand in the head of a response.
#[derive(Debug)]
pub struct ForbiddenTrailer(HeaderName);

impl ForbiddenTrailer {
    /// Its name.
    pub fn name(&self) -> &HeaderName {
        &self.0
    }
}

impl fmt::Display for ForbiddenTrailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the field `{}` cannot be a trailer", self.0)
    }
}

impl error::Error for ForbiddenTrailer {}
