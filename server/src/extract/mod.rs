//! What a handler's arguments are made of.
//!
//! A failed extraction raises a [`Rejection`], which knows its status, the part of the request, the field and the argument.

mod accept;
mod body;
mod bytes;
mod content_type;
mod cookies;
mod form;
mod headers;
mod json;
mod multipart;
mod pairs;
mod parameters;
mod path;
mod query;
mod rejection;
mod state;
mod string;
#[cfg(feature = "typed-header")]
mod typed_header;
mod uri;

use std::future::Future;

use peristyle_core::BoxError;

use crate::Context;

pub(crate) use self::state::States;
#[cfg(feature = "typed-header")]
pub use self::typed_header::TypedHeader;
pub use self::{
    accept::{Accept, NotAcceptable},
    cookies::Cookies,
    form::Form,
    headers::Headers,
    multipart::{Field, Multipart},
    path::Path,
    query::Query,
    rejection::{Part, Rejection},
    state::State,
};

/// Something that a [`handler`](crate::handler) can take as an argument, made from the exchange.
///
/// | argument | is made from | refused with |
/// |---|---|---|
/// | [`Path<T>`](Path) | the parameters of the route's pattern | 400 |
/// | [`Query<T>`](Query) | the query | 400 |
/// | [`Headers`], [`Cookies`] | the headers | |
/// | [`Accept`] | the header `Accept`; [choosing](Accept::choose) may fail with 406 | |
/// | [`Uri`](http::Uri) | the request's target | |
/// | `TypedHeader<T>` (feature `typed-header`) | one header | 400 |
/// | [`State<T>`](State) | what [`Routes::state`](crate::Routes::state) was given | 500 |
/// | [`Json<T>`](crate::Json), [`Form<T>`](Form) | the body | 400, 413, 415, 422 |
/// | [`Multipart`] | the body, field by field | 400, 415, and while it is read 400, 413 |
/// | [`Bytes`](::bytes::Bytes), `String` | the body | 400, 413 |
/// | [`RequestBody`](crate::RequestBody) | the body, as it comes | |
/// | `Result<A, BoxError>` | `A`, or what its extraction raised | |
/// | `Option<TypedHeader<T>>` | `None` when there is no such header | 400 |
///
/// Arguments are made in order, and the first that fails ends it. Those that read the whole body leave it for others: one
/// handler can take both `Bytes`, to check a signature, and `Json`.
///
/// A type of your own is one `async fn`, which may raise any error; a [`Problem`](crate::Problem) is answered as it is.
///
/// ```
/// use http::StatusCode;
/// use peristyle_core::BoxError;
/// use peristyle_server::{Context, FromExchange, Problem, Routes, TestClient, handler};
///
/// struct User(String);
///
/// impl FromExchange for User {
///     async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
///         let name = cx.headers().get("x-user").and_then(|name| name.to_str().ok());
///         let name = name.ok_or_else(|| Problem::new(StatusCode::UNAUTHORIZED))?;
///         Ok(Self(name.to_owned()))
///     }
/// }
///
/// async fn greet(User(name): User) -> String {
///     format!("hello, {name}")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), BoxError> {
/// let client = TestClient::new(Routes::new().get("/", handler(greet)).build()?);
/// assert_eq!(client.get("/").send().await.status(), 401);
/// # Ok(())
/// # }
/// ```
///
/// A stage function that takes the context extracts by calling it: `Query::<Page>::from_exchange(cx).await?`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be extracted from an exchange",
    label = "not an extractor",
    note = "take `Path<T>`, `Query<T>`, `Json<T>`, `Form<T>`, `Multipart`, `State<T>`, `Headers`, `Accept`, `Uri`, `Cookies`, `Bytes`, `String`, `RequestBody`, or implement `FromExchange` for `{Self}`"
)]
pub trait FromExchange: Sized + Send {
    /// Makes the argument. Implementations write `async fn`; the future must be `Send`.
    ///
    /// # Errors
    ///
    /// What keeps it from being made: the error to raise.
    fn from_exchange(cx: &mut Context) -> impl Future<Output = Result<Self, BoxError>> + Send;
}

/// The handler deals with the failure itself.
impl<A: FromExchange> FromExchange for Result<A, BoxError> {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        Ok(A::from_exchange(cx).await)
    }
}
