//! Parameters of the path.

use http::StatusCode;
use peristyle_core::BoxError;
use serde::de::DeserializeOwned;

use super::{
    FromExchange, Part, Rejection,
    pairs::{Kind, Pairs},
};
use crate::Context;

/// The parameters of the route's pattern, percent-decoded: a struct or map by their names, a tuple or list by their
/// positions, or the value itself where there is one parameter.
///
/// A value that is not what is wanted is a 400. A `T` that the pattern can never give, as it has no such parameter or another
/// number of them, is a 500.
///
/// ```
/// use peristyle_server::{Path, Routes, TestClient, handler};
///
/// async fn item(Path((order, item)): Path<(u64, u8)>) -> String {
///     format!("item {item} of order {order}")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let routes = Routes::new().get("/orders/{order}/items/{item}", handler(item));
/// let client = TestClient::new(routes.build()?);
/// let response = client.get("/orders/7/items/2").send().await;
/// assert_eq!(response.text().await?, "item 2 of order 7");
/// assert_eq!(client.get("/orders/7/items/256").send().await.status(), 400);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is taken apart by its field"
)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send> FromExchange for Path<T> {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        let value = Pairs::of_path(cx.params()).deserialize();
        Ok(Self(value.map_err(|mut mismatch| {
            let status = match mismatch.kind {
                Kind::Syntax | Kind::Value => StatusCode::BAD_REQUEST,
                Kind::Missing | Kind::Type => StatusCode::INTERNAL_SERVER_ERROR,
            };
            let field = mismatch.field.take();
            Rejection::new(status, Part::Path, mismatch).with_field(field)
        })?))
    }
}
