//! Slashes at the end of a path.

use std::borrow::Cow;

/// What becomes of a path that matches no route, but would with or without a slash at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TrailingSlash {
    /// It matches nothing, and is a 404: `/a` and `/a/` are two paths, each of which can have routes.
    #[default]
    Exact,
    /// It is answered by a 308 to the path that does match, under whatever method, with the query kept. Paths that match are
    /// not touched, so that `/a` and `/a/` can still both have routes.
    Redirect,
}

impl TrailingSlash {
    /// The path to look for instead of one that matches nothing.
    pub(super) fn other_form(self, path: &str) -> Option<Cow<'_, str>> {
        // What starts with two slashes would be taken for a host: redirects must not lead elsewhere.
        let has_segments = path.len() > 1 && path.starts_with('/') && !path.starts_with("//");
        if self == Self::Exact || !has_segments {
            return None;
        }
        let without = path.strip_suffix('/').map(Cow::Borrowed);
        Some(without.unwrap_or_else(|| Cow::Owned(format!("{path}/"))))
    }
}
