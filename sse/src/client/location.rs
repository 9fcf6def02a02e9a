//! `Location`, resolved against the URL that was asked for (RFC 3986 §5.2).

use std::fmt::Write;

use http::{Uri, uri::Authority};

/// The URL that `location` names, as seen from `base`; `None` if it is no URL that can be followed:
/// malformed, neither `http` nor `https`, or with credentials in it (Fetch §4.4, "HTTP-redirect
/// fetch").
pub(super) fn resolve(base: &Uri, location: &[u8]) -> Option<Uri> {
    let location = escape(location);
    let target = location.split('#').next().unwrap_or_default();
    let uri: Uri = join(base, target)?.parse().ok()?;
    is_followed(&uri).then_some(uri)
}

/// Whether it names a host to ask, and holds no credentials.
pub(super) fn is_followed(uri: &Uri) -> bool {
    let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
    scheme && uri.authority().is_some_and(is_plain)
}

fn is_plain(authority: &Authority) -> bool {
    let host = authority.host();
    // What is written before the host is kept out with this.
    let port = authority.as_str().strip_prefix(host);
    !host.is_empty() && port.is_some_and(|it| it.len() < 2 || authority.port_u16().is_some())
}

fn join(base: &Uri, target: &str) -> Option<String> {
    if has_scheme(target) {
        return Some(target.to_owned());
    }
    let scheme = base.scheme_str()?;
    if target.starts_with("//") {
        return Some(format!("{scheme}:{target}"));
    }
    let authority = base.authority()?;
    let (path, query) = match target.find('?') {
        Some(at) => target.split_at(at),
        None => (target, ""),
    };
    let query = match base.query() {
        Some(of_base) if target.is_empty() => format!("?{of_base}"),
        _ => query.to_owned(),
    };
    let path = without_dots(&merge(base.path(), path));
    Some(format!("{scheme}://{authority}{path}{query}"))
}

fn has_scheme(target: &str) -> bool {
    let end = target.find([':', '/', '?']);
    let name = end.filter(|&at| target[at..].starts_with(':'));
    name.is_some_and(|at| target[..at].starts_with(|c: char| c.is_ascii_alphabetic()))
}

fn merge(base: &str, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    if path.is_empty() {
        return base.to_owned();
    }
    let folder = base.rfind('/').map_or("/", |at| &base[..=at]);
    format!("{folder}{path}")
}

/// RFC 3986 §5.2.4, "Remove Dot Segments", of a path that starts with a slash.
fn without_dots(path: &str) -> String {
    let mut kept = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." | ".." => {
                if segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// What servers leave as it is, though no URL may have it, in percent-encoding.
fn escape(location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    for &byte in location {
        if byte.is_ascii_graphic() && !matches!(byte, b'"' | b'<' | b'>' | b'`') {
            text.push(char::from(byte));
        } else {
            write!(text, "%{byte:02X}").expect("a string takes any text");
        }
    }
    text
}
