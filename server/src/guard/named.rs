//! The host that a request over HTTP/2 names. What it is made of, frames and fields, hyper has checked.

use http::{Method, Request, header::HOST};

use super::authority::Authority;

/// Whether a request names one host, in its authority or in `Host`, or the same in both (RFC 9113, section 8.3.1). CONNECT
/// names a port too (RFC 9110, section 9.3.6).
pub(crate) fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut hosts = request.headers().get_all(HOST).iter();
    let (host, second) = (hosts.next(), hosts.next());
    if second.is_some() {
        return false;
    }
    let target = request.uri();
    let Some(authority) = target.authority() else {
        return host.is_some_and(|host| read(host.as_bytes()).is_some());
    };
    let authority = authority.as_str().as_bytes();
    let whole = match read(authority) {
        Some(read) => read.has_port() || request.method() != Method::CONNECT,
        None => false,
    };
    let port = default_port(target.scheme_str());
    whole && host.is_none_or(|host| is_same(authority, host.as_bytes(), port))
}

fn read(bytes: &[u8]) -> Option<Authority> {
    let mut bytes = bytes.iter().copied();
    let read = bytes.try_fold(Authority::Start, Authority::read);
    read.filter(|read| read.is_whole())
}

/// As it stands at an authority's end (RFC 9110, sections 4.2.1 and 4.2.2).
fn default_port(scheme: Option<&str>) -> &'static [u8] {
    match scheme {
        Some("https") => b":443",
        _ => b":80",
    }
}

/// RFC 9110, section 4.2.3: in any case, and with the default port or without.
fn is_same(first: &[u8], second: &[u8], default_port: &[u8]) -> bool {
    let [first, second] = [first, second].map(|text| {
        let text = text.strip_suffix(default_port).unwrap_or(text);
        text.strip_suffix(b":").unwrap_or(text)
    });
    first.eq_ignore_ascii_case(second)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(method: &str, target: &str, hosts: &[&str]) -> bool {
        let request = Request::builder().method(method).uri(target);
        let request = hosts
            .iter()
            .fold(request, |request, host| request.header(HOST, *host));
        names_one_host(&request.body(()).unwrap())
    }

    #[test]
    fn a_host_is_named_once_or_the_same_twice() {
        for (target, hosts) in [
            ("http://a/", &[][..]),
            ("/", &["a"]),
            ("http://a/", &["a"]),
            ("http://a.b/", &["A.B"]),
            ("http://a/", &["a:80"]),
            ("https://a:443/", &["a"]),
            ("http://[::1]:8080/", &["[::1]:8080"]),
            ("http://a:/", &["a"]),
        ] {
            assert!(named("GET", target, hosts), "{target} {hosts:?}");
        }
        for (target, hosts) in [
            ("/", &[][..]),
            ("/", &[""]),
            ("/", &["u@a"]),
            ("/", &["a", "a"]),
            ("http://a/", &["a", "a"]),
            ("http://a/", &["b"]),
            ("http://a/", &[""]),
            ("http://a/", &["a:443"]),
            ("https://a/", &["a:80"]),
            ("http://u@a/", &[]),
            ("http://u@a/", &["u@a"]),
            ("http://a:65536/", &[]),
        ] {
            assert!(!named("GET", target, hosts), "{target} {hosts:?}");
        }
    }

    #[test]
    fn a_tunnel_has_a_port() {
        assert!(named("CONNECT", "a:443", &[]));
        assert!(!named("CONNECT", "a", &[]));
    }
}
