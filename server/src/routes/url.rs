//! Addresses of routes.

use std::{
    error,
    fmt::{self, Display},
};

use http::uri::{Authority, Scheme};

use super::{
    RouteInfo,
    path::{Part, normalise, parts, push_encoded},
};

/// The address of a route: see [`Router::url_for`](crate::Router::url_for).
///
/// ```
/// use peristyle_core::handler;
/// use peristyle_server::{Context, Route, Routes};
///
/// let file = Route::get("/{user}/files/{*path}", handler(|_: &mut Context| ())).named("file");
/// let router = Routes::new().route(file).build()?;
///
/// let url = router.url_for("file", &[("user", &7), ("path", &"notes/caf\u{e9}?.txt")])?;
/// assert_eq!(url.as_str(), "/7/files/notes/caf%C3%A9%3F.txt");
///
/// let url = url.query("page", 2).query("sort", "by name");
/// assert_eq!(url.as_str(), "/7/files/notes/caf%C3%A9%3F.txt?page=2&sort=by%20name");
/// assert!(url.absolute("https", "example.org")?.starts_with("https://example.org/7/files/notes/"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteUrl {
    host: Option<String>,
    /// From the root, with the query.
    text: String,
}

impl RouteUrl {
    pub(super) fn new(
        route: &RouteInfo,
        params: &[(&str, &dyn Display)],
    ) -> Result<Self, UrlError> {
        superfluous(route, params)?;
        let mut text = String::with_capacity(route.pattern().len());
        for part in parts(route.pattern()) {
            text.push('/');
            match part {
                Part::Literal(literal) => {
                    text.push_str(&normalise(literal).expect("the pattern was checked"));
                }
                Part::Parameter(name) => {
                    let start = text.len();
                    push_encoded(&mut text, &value(route, params, name)?);
                    matchable(&text[start..], route, name)?;
                }
                Part::Wildcard(name) => {
                    let start = text.len();
                    push_segments(&mut text, &value(route, params, name)?);
                    matchable(&text[start..], route, name)?;
                }
            }
        }
        let host = route.host().map(ToOwned::to_owned);
        Ok(Self { host, text })
    }

    /// Adds a parameter to the query. Several of one name are kept, in order.
    #[must_use]
    pub fn query(mut self, name: &str, value: impl Display) -> Self {
        let separator = if self.text.contains('?') { '&' } else { '?' };
        self.text.push(separator);
        push_encoded(&mut self.text, name);
        self.text.push('=');
        push_encoded(&mut self.text, &value.to_string());
        self
    }

    /// Path and query. It holds at the host that it is used at, so that for a route of one [host](Self::host) another page
    /// needs the [absolute](Self::absolute) form.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host of the route, if it matches only one.
    pub fn host(&self) -> Option<&str> {
        self.host.as_deref()
    }

    /// The address with scheme and host; the host may have a port. Both are the application's to know: a request's own `Host` is
    /// whatever its client wrote there.
    ///
    /// # Errors
    ///
    /// [`UrlError::BadOrigin`] for what is no scheme or no host, [`UrlError::OtherHost`] when the route is of another host.
    pub fn absolute(&self, scheme: &str, host: &str) -> Result<String, UrlError> {
        let bad = || UrlError::BadOrigin {
            origin: format!("{scheme}://{host}"),
        };
        let scheme = Scheme::try_from(scheme).map_err(|_| bad())?;
        let authority = Authority::try_from(host).map_err(|_| bad())?;
        let bare = !authority.as_str().contains('@') && !authority.host().is_empty();
        if scheme.as_str().is_empty() || !bare {
            return Err(bad());
        }
        match &self.host {
            Some(own) if !own.eq_ignore_ascii_case(authority.host()) => Err(UrlError::OtherHost {
                host: own.clone(),
                given: host.to_owned(),
            }),
            _ => Ok(format!("{scheme}://{authority}{}", self.text)),
        }
    }
}

/// Path and query.
impl Display for RouteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Path and query.
impl From<RouteUrl> for String {
    fn from(url: RouteUrl) -> Self {
        url.text
    }
}

fn superfluous(route: &RouteInfo, params: &[(&str, &dyn Display)]) -> Result<(), UrlError> {
    let takes = |name: &str| parts(route.pattern()).any(|part| part.name() == Some(name));
    for (at, (name, _)) in params.iter().enumerate() {
        let again = params[..at].iter().any(|(earlier, _)| earlier == name);
        if again || !takes(name) {
            return Err(UrlError::Superfluous {
                route: route.to_string(),
                parameter: (*name).to_owned(),
            });
        }
    }
    Ok(())
}

fn value(
    route: &RouteInfo,
    params: &[(&str, &dyn Display)],
    name: &str,
) -> Result<String, UrlError> {
    let given = params.iter().find(|(given, _)| *given == name);
    let missing = || UrlError::Missing {
        route: route.to_string(),
        parameter: name.to_owned(),
    };
    given
        .map(|(_, value)| value.to_string())
        .ok_or_else(missing)
}

/// Slashes stay, but for one that would follow another: empty segments are merged on the way by some proxies, and at the start
/// of a path what follows would be taken for a host.
fn push_segments(text: &mut String, value: &str) {
    for (at, segment) in value.split('/').enumerate() {
        match at {
            0 => {}
            _ if text.ends_with('/') => push_encoded(text, "/"),
            _ => text.push('/'),
        }
        push_encoded(text, segment);
    }
}

/// Nothing matches what is empty. And clients take dot segments away, escaped or not, before they send a path (RFC 3986,
/// section 5.2.4, and the WHATWG's URL standard, "double-dot URL path segment"): it would be another address.
fn matchable(encoded: &str, route: &RouteInfo, name: &str) -> Result<(), UrlError> {
    let lost = |segment| matches!(segment, "." | "..");
    if !encoded.is_empty() && !encoded.split('/').any(lost) {
        return Ok(());
    }
    Err(UrlError::Unmatchable {
        route: route.to_string(),
        parameter: name.to_owned(),
    })
}

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UrlError {
    /// No route has this name.
    #[non_exhaustive]
    UnknownRoute {
        /// The name that was asked for.
        name: String,
    },
    /// The route has a parameter that was not given.
    #[non_exhaustive]
    Missing {
        /// The route.
        route: String,
        /// The parameter's name.
        parameter: String,
    },
    /// The route has no such parameter, or it was given twice.
    #[non_exhaustive]
    Superfluous {
        /// The route.
        route: String,
        /// The name that was given.
        parameter: String,
    },
    /// No address has this value: it is empty, or has a segment `.` or `..`.
    #[non_exhaustive]
    Unmatchable {
        /// The route.
        route: String,
        /// The parameter's name.
        parameter: String,
    },
    /// It is no scheme, or no host.
    #[non_exhaustive]
    BadOrigin {
        /// What was given.
        origin: String,
    },
    /// The route is of another host.
    #[non_exhaustive]
    OtherHost {
        /// The host of the route.
        host: String,
        /// The host that was given.
        given: String,
    },
    /// The context has passed no router.
    NotRouted,
}

impl Display for UrlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRoute { name } => write!(f, "no route has the name `{name}`"),
            Self::Missing { route, parameter } => {
                write!(f, "`{route}` needs the parameter `{parameter}`")
            }
            Self::Superfluous { route, parameter } => {
                write!(
                    f,
                    "`{route}` takes no parameter `{parameter}`, or not twice"
                )
            }
            Self::Unmatchable { route, parameter } => write!(
                f,
                "`{parameter}` of `{route}` is empty or has a dot segment, which no address can have"
            ),
            Self::BadOrigin { origin } => write!(f, "`{origin}` is not a scheme with a host"),
            Self::OtherHost { host, given } => {
                write!(f, "the route is of the host `{host}`, not of `{given}`")
            }
            Self::NotRouted => f.write_str("no router has run yet"),
        }
    }
}

impl error::Error for UrlError {}
