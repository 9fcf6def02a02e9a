//! A stream on its way to becoming a response.

use std::fmt;

use bytes::Bytes;
use futures_core::Stream;
use http::{
    HeaderName, HeaderValue, Response,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, TRAILER},
};
use peristyle_core::{BoxError, Control, Controlled, End};

use crate::{
    DrainPolicy, ForbiddenTrailer, InvalidContentType, StreamBody, Trailers, drain::Drain,
    length::Length, source::Source, trailers::Declared,
};

/// nginx holds back what it proxies unless this says `no`.
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Builds a response from a stream of `Result<V, E>`, where `V` becomes [`Bytes`] and `E` a [`BoxError`].
///
/// ```
/// use peristyle_streaming::Streaming;
///
/// # fn main() -> Result<(), peristyle_core::BoxError> {
/// let lines = async_stream::stream! {
///     yield Ok("one\n");
///     yield Err("out of paper");
/// };
/// let response = Streaming::new(lines).content_type("text/plain")?.into_response();
/// # drop(response);
/// # Ok(())
/// # }
/// ```
#[must_use = "a stream does nothing until it is the body of a response"]
pub struct Streaming<S> {
    source: Source<S>,
    content_type: HeaderValue,
    length: Option<u64>,
    trailers: Option<Declared>,
    drain_policy: DrainPolicy,
    control: Control,
    controlled: Controlled,
}

impl<S> Streaming<S> {
    /// The values of a stream, which learns of an early end by being dropped.
    ///
    /// A receiver of core's channel is better made with [`Streaming::from`]: its senders then learn the reason too.
    pub fn new(stream: S) -> Self
    where
        S: Stream,
    {
        Self::of(Source::new(stream))
    }

    pub(crate) fn of(source: Source<S>) -> Self {
        let (control, controlled) = Control::new();
        Self {
            source,
            content_type: HeaderValue::from_static("application/octet-stream"),
            length: None,
            trailers: None,
            drain_policy: DrainPolicy::default(),
            control,
            controlled,
        }
    }

    /// The content type. Default is `application/octet-stream`.
    ///
    /// # Errors
    ///
    /// When `value` cannot stand in a header, such as for a line break in it.
    pub fn content_type(mut self, value: &str) -> Result<Self, InvalidContentType> {
        self.content_type = HeaderValue::from_str(value).map_err(InvalidContentType::new)?;
        Ok(self)
    }

    /// Declares the length of the body in bytes; the response then has a `Content-Length`. Default is that it is not known.
    ///
    /// A source of any other length is an [error](crate::Error::is_wrong_length) of the body. The value that completes the
    /// length waits until the source has ended: given out before, it would make a source that is too long, or that fails at
    /// its very end, look complete.
    pub fn length(mut self, bytes: u64) -> Self {
        self.length = Some(bytes);
        self
    }

    /// What the stream does when its host shuts down. Default is [`DrainPolicy::Finish`].
    pub fn drain_policy(mut self, policy: DrainPolicy) -> Self {
        self.drain_policy = policy;
        self
    }

    /// Calls `f` exactly once, when the stream ends; replaces a function given before.
    ///
    /// [`End::Finished`] means that the host has taken every value, not that the client has read them. A stream that is
    /// dropped before its end, as for a `HEAD`, ends with the host's reason, else [`End::PeerLeft`].
    pub fn on_end(mut self, f: impl FnOnce(End) + Send + Sync + 'static) -> Self {
        self.controlled.on_end(f);
        self
    }

    /// Declares trailer fields, of which `trailers` gives the values when the source has ended well; replaces those declared
    /// before. The names are in the head as `Trailer` (RFC 9110, section 6.6.2).
    ///
    /// Fields are sent after the whole body over HTTP/2, and over HTTP/1.1 to a client that said `TE: trailers`, unless the
    /// body has a declared [length](Self::length). A stream that fails, or is cut by its [`DrainPolicy`], has none. An
    /// interceptor that compresses the body changes its bytes, but not a checksum of them in a trailer.
    ///
    /// # Errors
    ///
    /// When one of the names is of a field that must stand in the head (RFC 9110, section 6.5.1).
    pub fn trailers(
        mut self,
        names: impl IntoIterator<Item = HeaderName>,
        trailers: impl Trailers,
    ) -> Result<Self, ForbiddenTrailer> {
        self.trailers = Some(Declared::new(names, trailers)?);
        Ok(self)
    }

    /// The same with another source, made of the values of this one.
    pub(crate) fn map_source<T>(
        self,
        map: impl FnOnce(Source<S>) -> Source<T>,
        content_type: HeaderValue,
    ) -> Streaming<T> {
        Streaming {
            source: map(self.source),
            content_type,
            length: self.length,
            trailers: self.trailers,
            drain_policy: self.drain_policy,
            control: self.control,
            controlled: self.controlled,
        }
    }

    pub(crate) fn stream_mut(&mut self) -> &mut S {
        &mut self.source.stream
    }

    /// The response, with status 200, to which other headers and another status can be given.
    ///
    /// It says `X-Accel-Buffering: no` and `Cache-Control: no-transform`, so that proxies pass each value on at once, and
    /// carries a [`Control`] in its extensions.
    pub fn into_response<V, E>(self) -> Response<StreamBody<S>>
    where
        S: Stream<Item = Result<V, E>>,
        V: Into<Bytes>,
        E: Into<BoxError>,
    {
        let trailer = self.trailers.as_ref().and_then(Declared::header);
        let mut response = Response::new(StreamBody::new(
            self.source,
            Length::new(self.length),
            self.trailers,
            Drain::new(self.drain_policy),
            self.controlled,
        ));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, self.content_type);
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-transform"));
        headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
        if let Some(length) = self.length {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        if let Some(names) = trailer {
            headers.insert(TRAILER, names);
        }
        response.extensions_mut().insert(self.control);
        response
    }
}

impl<S, V, E> From<Streaming<S>> for Response<StreamBody<S>>
where
    S: Stream<Item = Result<V, E>>,
    V: Into<Bytes>,
    E: Into<BoxError>,
{
    fn from(streaming: Streaming<S>) -> Self {
        streaming.into_response()
    }
}

impl<S> fmt::Debug for Streaming<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming")
            .field("content_type", &self.content_type)
            .field("length", &self.length)
            .field("drain_policy", &self.drain_policy)
            .finish_non_exhaustive()
    }
}
