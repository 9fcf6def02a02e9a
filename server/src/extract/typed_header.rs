//! A header as a value of its type.

use std::ops::Deref;

use headers::{Header, HeaderMapExt};
use http::StatusCode;
use peristyle_core::BoxError;

use super::{FromExchange, Part, Rejection};
use crate::{Context, IntoResponse, Response};

/// A header, read as its type. It derefs to the value. The types are those of the crate [`headers`], and any that implement
/// its [`Header`].
///
/// A request without the header is a 400, and so is one whose header is malformed. As an `Option` it is `None` without the
/// header, and malformed still a 400. What the header says is not told in the error, as it may be a secret.
///
/// In a response it goes between status and body, and replaces the header of its name that the body brought.
///
/// ```
/// use http::{HeaderValue, StatusCode, header::RANGE};
/// use peristyle_server::{
///     Routes, TestClient, TypedHeader, handler,
///     headers::{AcceptRanges, Range},
/// };
///
/// async fn film(range: Option<TypedHeader<Range>>) -> (StatusCode, TypedHeader<AcceptRanges>, String) {
///     let ranges = range.map_or(0, |range| range.satisfiable_ranges(700).count());
///     (StatusCode::OK, TypedHeader(AcceptRanges::bytes()), format!("{ranges} ranges"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let client = TestClient::new(Routes::new().get("/", handler(film)).build()?);
/// let range = HeaderValue::from_static("bytes=0-99, 200-299");
/// let response = client.get("/").header(RANGE, range).send().await;
/// assert_eq!(response.headers()["accept-ranges"], "bytes");
/// assert_eq!(response.text().await?, "2 ranges");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is built and taken apart by its field"
)]
pub struct TypedHeader<T>(pub T);

impl<T: Header + Send> FromExchange for TypedHeader<T> {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        let value = read(cx)?;
        Ok(value.ok_or_else(|| rejection::<T>("it is missing"))?)
    }
}

/// `None` when there is no such header.
impl<T: Header + Send> FromExchange for Option<TypedHeader<T>> {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        Ok(read(cx)?)
    }
}

fn read<T: Header>(cx: &Context) -> Result<Option<TypedHeader<T>>, Rejection> {
    let value = cx.headers().typed_try_get();
    let value = value.map_err(|_| rejection::<T>("it is malformed"))?;
    Ok(value.map(TypedHeader))
}

fn rejection<T: Header>(what: &'static str) -> Rejection {
    let name = T::name().as_str().to_owned();
    Rejection::new(StatusCode::BAD_REQUEST, Part::Headers, what).with_field(Some(name))
}

impl<T> Deref for TypedHeader<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The header replaces that of the same name that the body brought.
impl<T: Header, R: IntoResponse> IntoResponse for (StatusCode, TypedHeader<T>, R) {
    fn into_response(self) -> Result<Response, BoxError> {
        let (status, TypedHeader(header), body) = self;
        let mut response = (status, body).into_response()?;
        response.headers_mut().typed_insert(header);
        Ok(response)
    }
}
