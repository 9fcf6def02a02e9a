//! Forms in the body.

use http::{HeaderValue, StatusCode};
use peristyle_core::BoxError;
use serde::de::DeserializeOwned;

use super::{
    FromExchange, Part, Rejection, content_type,
    pairs::{Kind, Mismatch, Pairs},
    string::utf8,
};
use crate::Context;

/// The body, `application/x-www-form-urlencoded`, read as [`Query`](super::Query) reads the query. A form that a browser
/// sends with GET is in the query instead.
///
/// Another content type is a 415, a body beyond its limit a 413, one that is not UTF-8 or has more than 1,000 pairs a 400,
/// and fields that are not as wanted are a 422. One with files, `multipart/form-data`, is read by [`Multipart`](super::Multipart).
///
/// ```
/// use http::{HeaderValue, header::CONTENT_TYPE};
/// use peristyle_server::{Form, Routes, TestClient, handler};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct SignUp { name: String, age: Option<u8> }
///
/// async fn sign_up(Form(form): Form<SignUp>) -> String {
///     format!("{} is {:?}", form.name, form.age)
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let client = TestClient::new(Routes::new().post("/", handler(sign_up)).build()?);
/// let form = HeaderValue::from_static("application/x-www-form-urlencoded");
/// let response = client.post("/", "name=Ada&age=36").header(CONTENT_TYPE, form).send().await;
/// assert_eq!(response.text().await?, "Ada is Some(36)");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is taken apart by its field"
)]
pub struct Form<T>(pub T);

const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

impl<T: DeserializeOwned + Send> FromExchange for Form<T> {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        content_type::require(cx, FORM, |media_type| {
            media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        })?;
        let body = super::bytes::read(cx).await?;
        let pairs = Pairs::of_form(utf8(&body)?);
        let value = pairs.and_then(Pairs::deserialize);
        Ok(Self(value.map_err(rejection)?))
    }
}

fn rejection(mut mismatch: Mismatch) -> Rejection {
    let status = match mismatch.kind {
        Kind::Syntax => StatusCode::BAD_REQUEST,
        Kind::Missing | Kind::Value => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Type => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let field = mismatch.field.take();
    Rejection::new(status, Part::Body, mismatch).with_field(field)
}
