//! What can be a response.

use std::borrow::Cow;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, LOCATION},
};
use peristyle_core::BoxError;
use serde::Serialize;

use crate::Body;

/// A response, with a body of any kind.
pub type Response = http::Response<Body>;

/// Something that a handler can return.
///
/// The conversion may fail: a `Result` that is `Err` and a value that does not serialise raise an error in the chain, where
/// every failure is handled in one place.
///
/// ```
/// use http::StatusCode;
/// use peristyle_server::{IntoResponse, Json};
///
/// let response = (StatusCode::CREATED, Json(["a", "b"])).into_response()?;
/// assert_eq!(response.status(), 201);
/// assert_eq!(response.headers()["content-type"], "application/json");
/// # Ok::<(), peristyle_core::BoxError>(())
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a response",
    label = "cannot be returned from a handler",
    note = "return `()`, text, bytes, a `StatusCode`, `(StatusCode, body)`, `(StatusCode, headers, body)`, `Json`, `Html`, `Redirect`, a `Result` of these, or an `http::Response` whose body is an `http_body::Body` of `Bytes`"
)]
pub trait IntoResponse {
    /// The response.
    ///
    /// # Errors
    ///
    /// When there is none: the error to raise.
    fn into_response(self) -> Result<Response, BoxError>;
}

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const BYTES: HeaderValue = HeaderValue::from_static("application/octet-stream");

fn typed(content_type: HeaderValue, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

/// 200 with no body.
impl IntoResponse for () {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(Response::default())
    }
}

impl IntoResponse for &'static str {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(typed(TEXT, self))
    }
}

impl IntoResponse for String {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(typed(TEXT, self))
    }
}

impl IntoResponse for Cow<'static, str> {
    fn into_response(self) -> Result<Response, BoxError> {
        match self {
            Cow::Borrowed(text) => text.into_response(),
            Cow::Owned(text) => text.into_response(),
        }
    }
}

impl IntoResponse for Bytes {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(typed(BYTES, self))
    }
}

impl IntoResponse for Vec<u8> {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(typed(BYTES, self))
    }
}

/// The status with no body.
impl IntoResponse for StatusCode {
    fn into_response(self) -> Result<Response, BoxError> {
        let mut response = Response::default();
        *response.status_mut() = self;
        Ok(response)
    }
}

impl<R: IntoResponse> IntoResponse for (StatusCode, R) {
    fn into_response(self) -> Result<Response, BoxError> {
        let mut response = self.1.into_response()?;
        *response.status_mut() = self.0;
        Ok(response)
    }
}

/// The headers replace those of the same names that the body brought.
impl<R: IntoResponse> IntoResponse for (StatusCode, HeaderMap, R) {
    fn into_response(self) -> Result<Response, BoxError> {
        let mut response = (self.0, self.2).into_response()?;
        response.headers_mut().extend(self.1);
        Ok(response)
    }
}

/// The headers replace those of the same names that the body brought. A value that is not allowed in a header is an error.
impl<R: IntoResponse, V, const N: usize> IntoResponse for (StatusCode, [(HeaderName, V); N], R)
where
    V: TryInto<HeaderValue, Error: Into<BoxError>>,
{
    fn into_response(self) -> Result<Response, BoxError> {
        let mut headers = HeaderMap::with_capacity(N);
        for (name, value) in self.1 {
            headers.append(name, value.try_into().map_err(Into::into)?);
        }
        (self.0, headers, self.2).into_response()
    }
}

/// `Err` is raised in the chain.
impl<R: IntoResponse, E: Into<BoxError>> IntoResponse for Result<R, E> {
    fn into_response(self) -> Result<Response, BoxError> {
        self.map_err(Into::into)?.into_response()
    }
}

impl<B> IntoResponse for http::Response<B>
where
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(self.map(Body::new))
    }
}

impl IntoResponse for Body {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(Response::new(self))
    }
}

/// A value as `application/json`.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is built and taken apart by its field"
)]
pub struct Json<T>(pub T);

/// A value that does not serialise raises the serialiser's error.
impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(typed(JSON, serde_json::to_vec(&self.0)?))
    }
}

/// Text as `text/html; charset=utf-8`.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is built and taken apart by its field"
)]
pub struct Html<T>(pub T);

impl<T: Into<Body>> IntoResponse for Html<T> {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(typed(HTML, self.0))
    }
}

/// Sends the client to another address (RFC 9110, section 15.4).
#[derive(Debug, Clone)]
pub struct Redirect {
    status: StatusCode,
    location: String,
}

impl Redirect {
    /// 303 See Other: the client gets `location` with GET.
    pub fn to(location: impl Into<String>) -> Self {
        Self::with(StatusCode::SEE_OTHER, location)
    }

    /// 307 Temporary Redirect: the client repeats the request at `location`.
    pub fn temporary(location: impl Into<String>) -> Self {
        Self::with(StatusCode::TEMPORARY_REDIRECT, location)
    }

    /// 308 Permanent Redirect: the client repeats the request at `location`, from now on.
    pub fn permanent(location: impl Into<String>) -> Self {
        Self::with(StatusCode::PERMANENT_REDIRECT, location)
    }

    fn with(status: StatusCode, location: impl Into<String>) -> Self {
        let location = location.into();
        Self { status, location }
    }
}

/// An address that is not allowed in a header is an error.
impl IntoResponse for Redirect {
    fn into_response(self) -> Result<Response, BoxError> {
        let location = HeaderValue::try_from(self.location)?;
        (self.status, [(LOCATION, location)], ()).into_response()
    }
}
