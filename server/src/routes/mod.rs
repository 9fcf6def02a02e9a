//! The route table: built once, checked whole, then only read.

mod error;
mod path;
mod table;

use std::{fmt, panic::Location};

use http::Method;
use peristyle_core::Chain;

use crate::{Exchange, Router};

pub use self::error::{RouteError, RouteErrors};
pub(crate) use self::table::{Found, Matched, Table};

/// The routes of a service, to be [built](Self::build) into a [`Router`].
///
/// A path is matched by the most specific pattern, whatever the order of the list: segment by segment from the left, a
/// literal goes before a parameter (`/orders/{id}`), and a parameter before a wildcard (`/files/{*path}`). A
/// parameter takes one segment, a wildcard the whole rest; neither is ever empty. A route of one host goes before those of any host. Only
/// then the method is looked up; a method of its own goes before [`Route::any`].
///
/// A path matches to the letter, trailing slash included. `HEAD` is answered by the route for `GET`, and `OPTIONS` from the
/// table, unless there are routes for them. `OPTIONS *` asks for the server as a whole, and gets an empty 204.
///
/// ```
/// use peristyle_core::handler;
/// use peristyle_server::{Context, Route, Routes};
///
/// async fn list(_: &mut Context) -> &'static str { "all orders" }
/// async fn show(cx: &mut Context) -> String { format!("order {}", cx.param("id").unwrap_or("?")) }
///
/// let router = Routes::new()
///     .get("/orders", handler(list))
///     .route(Route::get("/orders/{id}", handler(show)).named("order"))
///     .build()?;
/// # Ok::<(), peristyle_server::RouteErrors>(())
/// ```
#[derive(Debug, Default)]
pub struct Routes {
    routes: Vec<Route>,
    interceptors: Vec<Chain<Exchange>>,
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

    /// Adds a route for `GET`, and so for `HEAD`.
    #[must_use]
    #[track_caller]
    pub fn get(self, pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        self.route(Route::get(pattern, chain))
    }

    /// Adds a route for `POST`.
    #[must_use]
    #[track_caller]
    pub fn post(self, pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        self.route(Route::post(pattern, chain))
    }

    /// Adds interceptors for every request, whether or not it matches a route. They are entered after the router, in the
    /// order in which they are added, and before the interceptors of the route.
    #[must_use]
    pub fn interceptors(mut self, chain: impl Into<Chain<Exchange>>) -> Self {
        self.interceptors.push(chain.into());
        self
    }

    /// Checks the routes and makes the router.
    ///
    /// # Errors
    ///
    /// All that is wrong with the table at once: patterns and hosts that nothing can match, routes for the same requests,
    /// names used twice, each with the places in the source.
    pub fn build(self) -> Result<Router, RouteErrors> {
        let table = Table::build(self.routes)?;
        Ok(Router::new(table, &self.interceptors))
    }
}

/// One route: what it matches, and the interceptors that answer.
#[derive(Debug)]
pub struct Route {
    info: RouteInfo,
    chain: Chain<Exchange>,
}

impl Route {
    /// A route for one method.
    #[track_caller]
    pub fn new(method: Method, pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self::with(Some(method), pattern, chain)
    }

    /// A route for `GET`, and so for `HEAD`.
    #[track_caller]
    pub fn get(pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self::new(Method::GET, pattern, chain)
    }

    /// A route for `POST`.
    #[track_caller]
    pub fn post(pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self::new(Method::POST, pattern, chain)
    }

    /// A route for `PUT`.
    #[track_caller]
    pub fn put(pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self::new(Method::PUT, pattern, chain)
    }

    /// A route for `PATCH`.
    #[track_caller]
    pub fn patch(pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self::new(Method::PATCH, pattern, chain)
    }

    /// A route for `DELETE`.
    #[track_caller]
    pub fn delete(pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self::new(Method::DELETE, pattern, chain)
    }

    /// A route for every method that has none of its own at the same pattern.
    #[track_caller]
    pub fn any(pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self::with(None, pattern, chain)
    }

    #[track_caller]
    fn with(method: Option<Method>, pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self {
            info: RouteInfo {
                method,
                host: None,
                pattern: pattern.to_owned(),
                name: None,
                place: Location::caller(),
            },
            chain: chain.into(),
        }
    }

    /// Matches only requests for this host, given without a port, in any case. Default is any host. What can be no host is
    /// reported by [`Routes::build`].
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.info.host = Some(host.to_ascii_lowercase());
        self
    }

    /// Names the route. Default is no name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.info.name = Some(name.to_owned());
        self
    }
}

/// What is known of a route.
#[derive(Debug, Clone)]
pub struct RouteInfo {
    method: Option<Method>,
    host: Option<String>,
    pattern: String,
    name: Option<String>,
    place: &'static Location<'static>,
}

impl RouteInfo {
    /// The method; `None` for any.
    pub fn method(&self) -> Option<&Method> {
        self.method.as_ref()
    }

    /// The host; `None` for any.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The pattern, as it was given.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Where in the source the route was made.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }
}

/// Method, host and pattern.
impl fmt::Display for RouteInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.method.as_ref().map_or("any", Method::as_str);
        let host = self.host.as_deref().unwrap_or("");
        write!(f, "{method} {host}{}", self.pattern)
    }
}
