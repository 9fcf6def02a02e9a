//! The body as text.

use http::StatusCode;
use peristyle_core::BoxError;

use super::{FromExchange, Part, Rejection};
use crate::Context;

/// The body, which must be UTF-8, whatever its content type says. Otherwise it is a 400; beyond its limit it is a 413.
impl FromExchange for String {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        let body = super::bytes::read(cx).await?;
        Ok(utf8(&body)?.to_owned())
    }
}

pub(super) fn utf8(body: &[u8]) -> Result<&str, Rejection> {
    let text = std::str::from_utf8(body);
    text.map_err(|error| Rejection::new(StatusCode::BAD_REQUEST, Part::Body, error))
}
