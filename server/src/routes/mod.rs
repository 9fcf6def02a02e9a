//! The route table: built once, checked whole, then only read.

mod error;
mod group;
mod list;
mod matched;
mod metadata;
mod path;
mod route;
mod slash;
mod table;
mod url;

use peristyle_core::Chain;

use self::route::verbs;
use crate::{Exchange, Router, extract::States};

pub use self::{
    error::{RouteError, RouteErrors},
    group::Group,
    list::{ListedRoute, RouteList},
    route::{Route, RouteInfo},
    slash::TrailingSlash,
    url::{RouteUrl, UrlError},
};
pub(crate) use self::{
    matched::{Matched, MatchedRoute},
    table::{Found, Place, Table},
};

/// The routes of a service, to be [built](Self::build) into a [`Router`].
///
/// ```
/// use peristyle_core::{before, handler};
/// use peristyle_server::{
///     Context, Group, Problem, Redirect, Route, Routes, TestClient, TrailingSlash, UrlError,
///     http::{Method, StatusCode},
/// };
///
/// /// What a client must be allowed to do.
/// struct Needs(&'static str);
///
/// fn authorise(cx: &mut Context) -> Result<(), Problem> {
///     let needs = cx.route().and_then(|route| route.get::<Needs>());
///     let may = cx.headers().get("x-may");
///     match needs {
///         Some(Needs(needed)) if may.is_none_or(|may| may != needed) => {
///             Err(Problem::new(StatusCode::FORBIDDEN))
///         }
///         _ => Ok(()),
///     }
/// }
///
/// fn list(_: &mut Context) -> &'static str { "all orders" }
/// fn show(cx: &mut Context) -> String { format!("order {}", cx.param("id").unwrap_or("?")) }
/// fn change(cx: &mut Context) -> Result<Redirect, UrlError> {
///     let id = cx.param("id").unwrap_or_default();
///     Ok(Redirect::to(cx.url_for("order", &[("id", &id)])?.query("changed", true)))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let orders = Group::new("/orders")
///     .get("", handler(list))
///     .route(Route::get("/{id}", handler(show)).named("order"))
///     .route(
///         Route::methods([Method::PUT, Method::PATCH], "/{id}", handler(change))
///             .named("change")
///             .with(Needs("write")),
///     );
/// let router = Routes::new()
///     .group(Group::new("/api").interceptors(before(authorise)).with(Needs("read")).group(orders))
///     .get("/health", handler(|_: &mut Context| "well"))
///     .trailing_slash(TrailingSlash::Redirect)
///     .build()?;
///
/// assert_eq!(router.url_for("order", &[("id", &"a b")])?.as_str(), "/api/orders/a%20b");
/// let client = TestClient::new(router);
/// assert_eq!(client.get("/api/orders").send().await.status(), 403);
/// assert_eq!(client.get("/health/").send().await.headers()["location"], "/health");
/// # Ok(())
/// # }
/// ```
///
/// # Matching
///
/// A path is matched by the most specific pattern, whatever the order of the list: segment by segment from the left, a
/// literal goes before a parameter (`/orders/{id}`), and a parameter before a wildcard (`/files/{*path}`). A
/// parameter takes one segment, a wildcard the whole rest; neither is ever empty. A route of one host goes before those of any host. Only
/// then the method is looked up; a method of its own goes before [`Route::any`].
///
/// A path matches to the letter, trailing slash included, unless [`TrailingSlash::Redirect`] is set. `HEAD` is answered by the
/// route for `GET`, and `OPTIONS` from the table, unless there are routes for them. `OPTIONS *` asks for the server as a whole,
/// and gets an empty 204.
///
/// The table is a radix tree: what a look-up costs depends on the path's length and on how many routes overlap there, not on
/// how many there are.
#[derive(Debug, Default)]
pub struct Routes {
    routes: Vec<Route>,
    interceptors: Vec<Chain<Exchange>>,
    trailing_slash: TrailingSlash,
    states: States,
}

impl Routes {
    /// No routes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    verbs!();

    /// Adds the routes of a group.
    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.routes.extend(group.into_routes());
        self
    }

    /// Adds interceptors for every request, whether or not it matches a route. They are entered after the router, in the
    /// order in which they are added, and before the interceptors of the route. Those for routes only are a [`Group`]'s.
    #[must_use]
    pub fn interceptors(mut self, chain: impl Into<Chain<Exchange>>) -> Self {
        self.interceptors.push(chain.into());
        self
    }

    /// What becomes of a path that matches no route, but would with or without a slash at its end. Default is
    /// [`TrailingSlash::Exact`].
    #[must_use]
    pub fn trailing_slash(mut self, policy: TrailingSlash) -> Self {
        self.trailing_slash = policy;
        self
    }

    /// Gives all requests a value to share, which [`State`](crate::State) and [`Exchange::state`] find by its type. One that
    /// was given before of the same type is replaced.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.states.insert(value);
        self
    }

    /// Checks the routes and makes the router.
    ///
    /// # Errors
    ///
    /// All that is wrong with the table at once: patterns and hosts that nothing can match, routes for the same requests,
    /// names used twice, each with the places in the source.
    pub fn build(self) -> Result<Router, RouteErrors> {
        let table = Table::build(self.routes, self.trailing_slash)?;
        Ok(Router::new(table, &self.interceptors, self.states))
    }
}
