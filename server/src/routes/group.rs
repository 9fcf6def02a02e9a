//! Routes that share a prefix, interceptors, a host and metadata.

use std::{any::Any, panic::Location};

use peristyle_core::Chain;

use super::{Route, metadata::Metadata, path::BadPattern, route::verbs};
use crate::Exchange;

/// Routes that share what stands before them: a prefix, and interceptors that are entered before their own; also a host and
/// metadata, where they have none of their own.
///
/// A group is a value, so that a module can make one and another can add it: to [`Routes`](crate::Routes), or to a group. What is
/// shared holds for all of its routes, whether they are added before or after. Interceptors run in the order in which they are
/// added, those of an outer group first.
///
/// ```
/// use peristyle_core::{before, handler};
/// use peristyle_server::{Context, Group, Routes};
///
/// fn users() -> Group {
///     Group::new("/users")
///         .get("", handler(|_: &mut Context| "all users"))
///         .get("/{id}", handler(|_: &mut Context| "one user"))
/// }
///
/// let admin = Group::new("/admin").interceptors(before(|_: &mut Context| ())).group(users());
/// let router = Routes::new().group(admin).build()?;
/// let patterns: Vec<_> = router.routes().iter().map(|listed| listed.route().pattern()).collect();
/// assert_eq!(patterns, ["/admin/users", "/admin/users/{id}"]);
/// # Ok::<(), peristyle_server::RouteErrors>(())
/// ```
#[derive(Debug)]
pub struct Group {
    prefix: String,
    place: &'static Location<'static>,
    host: Option<String>,
    metadata: Metadata,
    interceptors: Vec<Chain<Exchange>>,
    routes: Vec<Route>,
}

impl Group {
    /// A group whose routes' patterns follow this prefix, which can have parameters. The pattern `""` in it is the prefix itself;
    /// the prefix `""` adds nothing. One that does not start with a slash, or ends with one, is reported by
    /// [`Routes::build`](crate::Routes::build).
    #[track_caller]
    pub fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            place: Location::caller(),
            host: None,
            metadata: Metadata::default(),
            interceptors: Vec::new(),
            routes: Vec::new(),
        }
    }

    /// Adds a route.
    #[must_use]
    pub fn route(mut self, route: Route) -> Self {
        self.routes.push(route);
        self
    }

    verbs!();

    /// Adds the routes of another group, under this one's prefix and behind its interceptors.
    #[must_use]
    pub fn group(mut self, group: Self) -> Self {
        self.routes.extend(group.into_routes());
        self
    }

    /// Adds interceptors for the group's routes, and for them only: what matches none of them does not pass here.
    #[must_use]
    pub fn interceptors(mut self, chain: impl Into<Chain<Exchange>>) -> Self {
        self.interceptors.push(chain.into());
        self
    }

    /// The host of the routes that have none of their own: see [`Route::host`].
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.host = Some(host.to_ascii_lowercase());
        self
    }

    /// Says something of every route that does not say otherwise: see [`Route::with`].
    #[must_use]
    pub fn with<V: Any + Send + Sync>(mut self, value: V) -> Self {
        self.metadata.push(value);
        self
    }

    pub(super) fn into_routes(self) -> impl Iterator<Item = Route> {
        let shared = Shared {
            prefix: self.prefix,
            place: self.place,
            host: self.host,
            metadata: self.metadata,
            chain: self
                .interceptors
                .iter()
                .flat_map(Chain::iter)
                .cloned()
                .collect(),
        };
        let routes = self.routes.into_iter();
        routes.map(move |route| route.within(&shared))
    }
}

/// What a group gives to each of its routes.
pub(super) struct Shared {
    pub(super) prefix: String,
    pub(super) place: &'static Location<'static>,
    pub(super) host: Option<String>,
    pub(super) metadata: Metadata,
    pub(super) chain: Chain<Exchange>,
}

impl Shared {
    /// Why this pattern does not join the prefix.
    pub(super) fn fault(&self, pattern: &str) -> Option<BadPattern> {
        let prefix = &self.prefix;
        if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.ends_with('/')) {
            let prefix = prefix.clone();
            return Some(BadPattern::BadPrefix(prefix, self.place));
        }
        let joins = pattern.is_empty() || pattern.starts_with('/');
        (!joins).then(|| BadPattern::NoSlash(pattern.to_owned()))
    }
}
