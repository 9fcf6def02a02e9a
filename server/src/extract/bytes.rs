//! The body, whole.

use bytes::Bytes;
use peristyle_core::BoxError;

use super::{FromExchange, Rejection};
use crate::{Context, RequestBody};

/// The body, of any content type. Beyond its limit it is a 413, and one that broke off a 400.
impl FromExchange for Bytes {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        Ok(read(cx).await?)
    }
}

/// Reads the body within its limit, and leaves it as it was for whoever reads it next.
pub(super) async fn read(cx: &mut Context) -> Result<Bytes, Rejection> {
    let bytes = cx.body().bytes().await.map_err(Rejection::body)?;
    let mut body = RequestBody::from(bytes.clone());
    body.set_limit(bytes.len() as u64);
    *cx.body() = body;
    Ok(bytes)
}
