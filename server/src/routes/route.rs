//! One route, and what is known of it.

use std::{any::Any, fmt, panic::Location};

use http::Method;
use peristyle_core::Chain;

use super::{group::Shared, metadata::Metadata, path::BadPattern};
use crate::Exchange;

/// One route: what it matches, and the interceptors that answer.
#[derive(Debug)]
pub struct Route {
    pub(super) info: RouteInfo,
    pub(super) chain: Chain<Exchange>,
    /// What is wrong with how its pattern joins those of its groups.
    pub(super) fault: Option<BadPattern>,
}

impl Route {
    /// A route for one method.
    #[track_caller]
    pub fn new(method: Method, pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
        Self::methods([method], pattern, chain)
    }

    /// A route for several methods; one that is listed twice counts once. That there is none is reported by [`Routes::build`](crate::Routes::build).
    #[track_caller]
    pub fn methods(
        methods: impl IntoIterator<Item = Method>,
        pattern: &str,
        chain: impl Into<Chain<Exchange>>,
    ) -> Self {
        let mut each = Vec::new();
        for method in methods {
            if !each.contains(&method) {
                each.push(method);
            }
        }
        Self::matching(Some(each), pattern, chain.into())
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
        Self::matching(None, pattern, chain.into())
    }

    #[track_caller]
    fn matching(methods: Option<Vec<Method>>, pattern: &str, chain: Chain<Exchange>) -> Self {
        Self {
            info: RouteInfo {
                methods,
                host: None,
                pattern: pattern.to_owned(),
                name: None,
                metadata: Metadata::default(),
                place: Location::caller(),
            },
            chain,
            fault: None,
        }
    }

    /// Matches only requests for this host, given without a port, in any case. Default is that of its group, else any host. What
    /// can be no host is reported by [`Routes::build`](crate::Routes::build).
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        self.info.host = Some(host.to_ascii_lowercase());
        self
    }

    /// Names the route, so that addresses can be made for it ([`Router::url_for`](crate::Router::url_for)). Default is no name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.info.name = Some(name.to_owned());
        self
    }

    /// Says something of the route to every interceptor, which reads it by its type: `cx.route()`, then [`RouteInfo::get`]. It
    /// takes the place of a value of the same type, and of its groups' values of that type.
    #[must_use]
    pub fn with<V: Any + Send + Sync>(mut self, value: V) -> Self {
        self.info.metadata.push(value);
        self
    }

    pub(super) fn within(mut self, group: &Shared) -> Self {
        let fault = self.fault.take();
        self.fault = fault.or_else(|| group.fault(&self.info.pattern));
        self.info.pattern.insert_str(0, &group.prefix);
        if self.info.host.is_none() {
            self.info.host.clone_from(&group.host);
        }
        self.info.metadata.inherit(&group.metadata);
        self.chain = group.chain.then(&self.chain);
        self
    }
}

/// What is known of a route.
#[derive(Debug, Clone)]
pub struct RouteInfo {
    methods: Option<Vec<Method>>,
    host: Option<String>,
    pattern: String,
    name: Option<String>,
    metadata: Metadata,
    place: &'static Location<'static>,
}

impl RouteInfo {
    /// The methods, as they were given; `None` for any.
    pub fn methods(&self) -> Option<&[Method]> {
        self.methods.as_deref()
    }

    /// The host, in lower case; `None` for any.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The pattern, as it was given, behind the prefixes of its groups.
    pub fn pattern(&self) -> &str {
        &self.pattern
    }

    /// The name, if it was given one.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// What was said of the route, or of the innermost of its groups, with a value of this type.
    pub fn get<V: Any>(&self) -> Option<&V> {
        self.metadata.get()
    }

    /// Where in the source the route was made.
    pub fn place(&self) -> &'static Location<'static> {
        self.place
    }

    /// As in a listing: `PUT|PATCH`, or `any`.
    pub(super) fn method_list(&self) -> String {
        match &self.methods {
            None => "any".to_owned(),
            Some(methods) if methods.is_empty() => "none".to_owned(),
            Some(methods) => {
                let names: Vec<_> = methods.iter().map(Method::as_str).collect();
                names.join("|")
            }
        }
    }
}

/// Methods, host and pattern.
impl fmt::Display for RouteInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.host.as_deref().unwrap_or("");
        write!(f, "{} {host}{}", self.method_list(), self.pattern)
    }
}

/// The short ways to add a route, for whatever has `route`.
macro_rules! verbs {
    () => {
        verbs! {
            "Adds a route for `GET`, and so for `HEAD`." get
            "Adds a route for `POST`." post
            "Adds a route for `PUT`." put
            "Adds a route for `PATCH`." patch
            "Adds a route for `DELETE`." delete
            "Adds a route for every method that has none of its own at the same pattern." any
        }
    };
    ($($doc:literal $verb:ident)*) => {$(
        #[doc = $doc]
        #[must_use]
        #[track_caller]
        pub fn $verb(self, pattern: &str, chain: impl Into<Chain<Exchange>>) -> Self {
            self.route($crate::Route::$verb(pattern, chain))
        }
    )*};
}

pub(super) use verbs;
