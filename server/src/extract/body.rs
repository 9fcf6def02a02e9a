//! The body, as it comes.

use peristyle_core::BoxError;

use super::FromExchange;
use crate::{Context, RequestBody};

/// The body, to be read piece by piece within its limit. It is taken away: reading it from the exchange afterwards is an
/// error, [`BodyError::is_taken`](crate::BodyError::is_taken).
impl FromExchange for RequestBody {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        Ok(cx.body().take())
    }
}
