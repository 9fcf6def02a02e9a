//! What a source sends.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version,
    header::{
        ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LANGUAGE,
        CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, COOKIE, HOST, PROXY_AUTHORIZATION,
        TRANSFER_ENCODING,
    },
    request,
    uri::PathAndQuery,
};
use http_body_util::Full;

use super::{
    error::{Error, Kind},
    location,
};

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// A request that can be sent again, here or where a redirect leads.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) uri: Uri,
    method: Method,
    /// Those of the user.
    headers: HeaderMap,
    body: Bytes,
}

impl Outgoing {
    pub(super) fn new(parts: request::Parts, body: Bytes) -> Result<Self, Error> {
        if !location::is_followed(&parts.uri) {
            return Err(Kind::Url.into());
        }
        if parts.method == Method::CONNECT {
            return Err(Kind::Method.into());
        }
        let mut headers = parts.headers;
        // They follow from the body, which a redirect may drop.
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        Ok(Self {
            uri: parts.uri,
            method: parts.method,
            headers,
            body,
        })
    }

    pub(super) fn request(&self, last_event_id: &str) -> Result<Request<Full<Bytes>>, Error> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target();
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = self.all_headers(last_event_id)?;
        Ok(request)
    }

    /// What to ask after a redirect (Fetch §4.4, "HTTP-redirect fetch").
    pub(super) fn redirected(mut self, status: StatusCode, to: &[u8]) -> Result<Self, Error> {
        let uri = location::resolve(&self.uri, to).ok_or(Kind::Location)?;
        if becomes_get(status, &self.method) {
            self.method = Method::GET;
            self.body = Bytes::new();
            for name in [
                CONTENT_ENCODING,
                CONTENT_LANGUAGE,
                CONTENT_LOCATION,
                CONTENT_TYPE,
            ] {
                self.headers.remove(name);
            }
        }
        if !same_origin(&self.uri, &uri) {
            self.headers = without_credentials(&self.headers);
        }
        self.uri = uri;
        Ok(self)
    }

    fn all_headers(&self, last_event_id: &str) -> Result<HeaderMap, Error> {
        let mut headers = HeaderMap::new();
        headers.insert(HOST, host(&self.uri)?);
        headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.extend(self.headers.clone());
        if !last_event_id.is_empty() {
            let id = HeaderValue::from_bytes(last_event_id.as_bytes());
            headers.insert(LAST_EVENT_ID, id.map_err(|_| Kind::LastEventId)?);
        }
        Ok(headers)
    }

    /// RFC 9112 §3.2.1, "origin-form".
    fn target(&self) -> Uri {
        let path = self.uri.path_and_query().cloned();
        Uri::from(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
    }
}

fn becomes_get(status: StatusCode, method: &Method) -> bool {
    match status.as_u16() {
        301 | 302 => *method == Method::POST,
        303 => !matches!(*method, Method::GET | Method::HEAD),
        _ => false,
    }
}

fn same_origin(one: &Uri, other: &Uri) -> bool {
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme() == other.scheme() && host(one) == host(other) && port(one) == port(other)
}

/// Those that speak for the user to one origin: the usual ones, and what is marked as sensitive.
fn without_credentials(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for (name, value) in headers {
        let credentials = [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, HOST].contains(name);
        if !credentials && !value.is_sensitive() {
            kept.append(name, value.clone());
        }
    }
    kept
}

/// RFC 9110 §7.2: without the port that goes without saying.
fn host(uri: &Uri) -> Result<HeaderValue, Error> {
    let host = uri.host().unwrap_or_default();
    let value = match uri.port_u16() {
        Some(port) if Some(port) != default_port(uri) => format!("{host}:{port}"),
        _ => host.to_owned(),
    };
    value.try_into().map_err(|_| Kind::Url.into())
}

/// The one that is written, or the one that goes without saying.
pub(super) fn port(uri: &Uri) -> Option<u16> {
    uri.port_u16().or_else(|| default_port(uri))
}

fn default_port(uri: &Uri) -> Option<u16> {
    match uri.scheme_str() {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    }
}
