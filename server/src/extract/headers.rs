//! The headers.

use std::ops::Deref;

use http::HeaderMap;
use peristyle_core::BoxError;

use super::FromExchange;
use crate::Context;

/// A copy of the request's headers. It derefs to the map.
///
/// ```
/// use peristyle_server::{Headers, handler};
///
/// let count = handler(async |headers: Headers| format!("{} headers", headers.len()));
/// ```
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is taken apart by its field"
)]
pub struct Headers(pub HeaderMap);

impl FromExchange for Headers {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        Ok(Self(cx.headers().clone()))
    }
}

impl Deref for Headers {
    type Target = HeaderMap;

    fn deref(&self) -> &HeaderMap {
        &self.0
    }
}
