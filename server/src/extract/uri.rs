//! The request's target.

use http::Uri;
use peristyle_core::BoxError;

use super::FromExchange;
use crate::Context;

/// The request's target, as it was sent.
impl FromExchange for Uri {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        Ok(cx.uri().clone())
    }
}
