//! The query.

use http::StatusCode;
use peristyle_core::BoxError;
use serde::de::DeserializeOwned;

use super::{
    FromExchange, Part, Rejection,
    pairs::{Kind, Mismatch, Pairs},
};
use crate::Context;

/// The query, as a struct or map by the names of its pairs, or a list of the pairs. A name that comes several times is a list.
///
/// A field of an `Option` may be missing. What is not as wanted is a 400, and so are more than 1,000 pairs. Escapes that are
/// none stay as they are, as browsers have it.
///
/// ```
/// use peristyle_server::{Query, Routes, TestClient, handler};
/// use serde::Deserialize;
///
/// #[derive(Deserialize)]
/// struct Page { at: u32, #[serde(default)] tag: Vec<String> }
///
/// async fn list(Query(page): Query<Page>) -> String {
///     format!("page {} of {}", page.at, page.tag.join(" and "))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), peristyle_core::BoxError> {
/// let client = TestClient::new(Routes::new().get("/", handler(list)).build()?);
/// let response = client.get("/?tag=blue+ink&at=2&tag=paper").send().await;
/// assert_eq!(response.text().await?, "page 2 of blue ink and paper");
/// assert_eq!(client.get("/?at=two").send().await.status(), 400);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(
    clippy::exhaustive_structs,
    reason = "a wrapper that is taken apart by its field"
)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send> FromExchange for Query<T> {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        let pairs = Pairs::of_form(cx.uri().query().unwrap_or(""));
        let value = pairs.and_then(Pairs::deserialize);
        Ok(Self(value.map_err(rejection)?))
    }
}

fn rejection(mut mismatch: Mismatch) -> Rejection {
    let status = match mismatch.kind {
        Kind::Syntax | Kind::Missing | Kind::Value => StatusCode::BAD_REQUEST,
        Kind::Type => StatusCode::INTERNAL_SERVER_ERROR,
    };
    let field = mismatch.field.take();
    Rejection::new(status, Part::Query, mismatch).with_field(field)
}
