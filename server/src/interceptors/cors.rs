//! Cross-origin resource sharing (the Fetch standard, section 3.2).

use std::{error, fmt, marker::PhantomData, sync::Arc, time::Duration};

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS,
        ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
        ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
    },
    request,
    uri::{Authority, Scheme},
};
use peristyle_core::{Error, Interceptor, Name, Outcome, Stages, Step};

use super::vary;
use crate::{Context, Exchange};

/// An interceptor that lets pages of other origins read responses, and answers the preflights by which browsers ask.
///
/// It belongs among the interceptors of all requests ([`Routes::interceptors`](crate::Routes::interceptors)): a preflight is an
/// `OPTIONS`, which a route for `GET` does not match. Its headers are on error exits too; else a page would see a network
/// error in place of yours.
///
/// A request of an origin that is not let in is served without the headers, so that the browser hides the response from the
/// page; its preflight is refused in the same way. It is no protection against clients other than browsers.
///
/// ```
/// use http::HeaderValue;
/// use peristyle_core::{Link, handler};
/// use peristyle_server::{Context, Routes, TestClient, interceptors::Cors};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let cors = Cors::origins(["https://app.example.org"])?.credentials();
/// let router = Routes::new()
///     .interceptors(Link::new(cors))
///     .get("/", handler(async |_: &mut Context| "hello"))
///     .build()?;
/// let request = TestClient::new(router);
/// let request = request.get("/").header(http::header::ORIGIN, HeaderValue::from_static("https://app.example.org"));
/// let response = request.send().await;
/// assert_eq!(response.headers()["access-control-allow-origin"], "https://app.example.org");
/// assert_eq!(response.headers()["vary"], "origin");
/// # Ok(())
/// # }
/// ```
///
/// Any origin with credentials would let every page act as the user that looks at it. It cannot be written:
///
/// ```compile_fail
/// # use peristyle_server::interceptors::Cors;
/// Cors::any().credentials();
/// ```
#[derive(Clone)]
pub struct Cors<O = SomeOrigins> {
    origins: Origins,
    methods: Option<HeaderValue>,
    headers: Option<HeaderValue>,
    exposed: Option<HeaderValue>,
    max_age: HeaderValue,
    credentials: bool,
    kind: PhantomData<fn() -> O>,
}

/// Of a [`Cors`] that lets every origin in.
#[derive(Debug)]
pub struct AnyOrigin(());

/// Of a [`Cors`] that lets some origins in.
#[derive(Debug)]
pub struct SomeOrigins(());

#[derive(Clone)]
enum Origins {
    Any,
    Listed(Vec<HeaderValue>),
    Asked(Arc<dyn Fn(&HeaderValue, &request::Parts) -> bool + Send + Sync>),
}

const ANY: HeaderValue = HeaderValue::from_static("*");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const VARY_ORIGIN: HeaderValue = HeaderValue::from_static("origin");
const VARY_PREFLIGHT: HeaderValue = HeaderValue::from_static(
    "origin, access-control-request-method, access-control-request-headers",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE");
const HEADERS: HeaderValue = HeaderValue::from_static("content-type, last-event-id");
/// Two hours in seconds, which is the most that Chromium keeps to.
const MAX_AGE: HeaderValue = HeaderValue::from_static("7200");

impl Cors<AnyOrigin> {
    /// Lets every origin in, without credentials. For what is public.
    pub fn any() -> Self {
        Self::of(Origins::Any)
    }
}

impl Cors {
    /// Lets the origins of a list in, each as a browser writes it: scheme, host, and port unless it is the scheme's own.
    ///
    /// # Errors
    ///
    /// When one is not an origin. `null` is none here: any page can have it, from within a sandbox.
    pub fn origins<'a>(origins: impl IntoIterator<Item = &'a str>) -> Result<Self, InvalidOrigin> {
        let origins = origins.into_iter().map(origin);
        let origins = origins.collect::<Result<_, _>>()?;
        Ok(Self::of(Origins::Listed(origins)))
    }

    /// Lets those origins in for which `f` says so. It is given the origin as the browser wrote it, and the request.
    ///
    /// ```
    /// use peristyle_server::interceptors::Cors;
    ///
    /// let ours = Cors::origins_when(|origin, _| {
    ///     origin.to_str().is_ok_and(|origin| origin.starts_with("https://") && origin.ends_with(".example.org"))
    /// });
    /// ```
    pub fn origins_when(
        f: impl Fn(&HeaderValue, &request::Parts) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::of(Origins::Asked(Arc::new(f)))
    }

    /// Lets pages send cookies and other credentials of the user, and read what comes back. Default is not to.
    #[must_use]
    pub fn credentials(mut self) -> Self {
        self.credentials = true;
        self
    }
}

impl<O> Cors<O> {
    fn of(origins: Origins) -> Self {
        Self {
            origins,
            methods: Some(METHODS),
            headers: Some(HEADERS),
            exposed: None,
            max_age: MAX_AGE,
            credentials: false,
            kind: PhantomData,
        }
    }

    /// The methods that pages may use, in place of the default: `GET`, `HEAD`, `POST`, `PUT`, `PATCH` and `DELETE`, since an
    /// origin that is let in may use the service. What a route does not have is a 405 in any case.
    #[must_use]
    pub fn methods(mut self, methods: impl IntoIterator<Item = Method>) -> Self {
        self.methods = None;
        for method in methods {
            self.methods = with(self.methods.as_ref(), method.as_str());
        }
        self
    }

    /// Request headers that pages may set, beside the default: `Content-Type`, and the `Last-Event-ID` by which the reader of
    /// an event stream resumes. `Authorization` is not among them.
    #[must_use]
    pub fn headers(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        for name in headers {
            self.headers = with(self.headers.as_ref(), name.as_str());
        }
        self
    }

    /// Response headers that pages may read, beside those that every page may. Default is none.
    #[must_use]
    pub fn expose(mut self, headers: impl IntoIterator<Item = HeaderName>) -> Self {
        for name in headers {
            self.exposed = with(self.exposed.as_ref(), name.as_str());
        }
        self
    }

    /// For how long a browser may keep the answer to a preflight, in whole seconds. Default is two hours, which is the most that
    /// Chromium keeps to.
    #[must_use]
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age.as_secs().into();
        self
    }

    /// What to allow, if the request is of an origin that is let in.
    fn allowed(&self, request: &request::Parts) -> Option<HeaderValue> {
        if matches!(self.origins, Origins::Any) {
            return Some(ANY);
        }
        let mut origins = request.headers.get_all(ORIGIN).iter();
        let origin = origins.next().filter(|_| origins.next().is_none())?;
        let allowed = match &self.origins {
            Origins::Any => true,
            Origins::Listed(listed) => listed.contains(origin),
            Origins::Asked(f) => f(origin, request),
        };
        allowed.then(|| origin.clone())
    }

    /// What every response has.
    fn put(&self, allowed: Option<HeaderValue>, headers: &mut HeaderMap) {
        // Without an origin too: a cache may have the response ready when a request with one comes.
        if !matches!(self.origins, Origins::Any) {
            vary(headers, &VARY_ORIGIN);
        }
        let Some(origin) = allowed else { return };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        if let Some(exposed) = &self.exposed {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, exposed.clone());
        }
    }

    fn answer_preflight(&self, cx: &mut Context) -> Outcome {
        let allowed = self.allowed(cx.request());
        cx.respond(StatusCode::NO_CONTENT)?;
        let headers = cx.headers_out();
        headers.insert(VARY, VARY_PREFLIGHT);
        if allowed.is_some() {
            headers.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.clone());
            if let Some(methods) = &self.methods {
                headers.insert(ACCESS_CONTROL_ALLOW_METHODS, methods.clone());
            }
            if let Some(names) = &self.headers {
                headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
            }
        }
        Ok(())
    }
}

/// A list with one item more. Methods and names of headers are tokens, which are always allowed in a value.
fn with(list: Option<&HeaderValue>, item: &str) -> Option<HeaderValue> {
    let bytes = match list {
        Some(list) => [list.as_bytes(), b", ", item.as_bytes()].concat(),
        None => item.into(),
    };
    HeaderValue::try_from(bytes).ok()
}

/// The Fetch standard, section 4.8: a preflight is told from another `OPTIONS` by what it asks.
fn is_preflight(request: &request::Parts) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(ORIGIN)
        && request.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

impl<O: 'static> Interceptor<Exchange> for Cors<O> {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new("cors").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        if is_preflight(cx.request()) {
            return Step::Now(self.answer_preflight(cx));
        }
        Step::Absent
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let allowed = self.allowed(cx.request());
        self.put(allowed, cx.headers_out());
        Step::next()
    }

    fn error<'a>(&'a self, cx: &'a mut Context, _: Error) -> Step<'a, Exchange> {
        let allowed = self.allowed(cx.request());
        self.put(allowed, cx.late_headers());
        Step::Absent
    }
}

impl<O> fmt::Debug for Cors<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cors")
            .field("origins", &self.origins)
            .field("methods", &self.methods)
            .field("headers", &self.headers)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Origins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Listed(listed) => f.debug_list().entries(listed).finish(),
            Self::Asked(_) => f.write_str("asked"),
        }
    }
}

/// As a browser writes it (RFC 6454, section 6.2): in lower case, without the port that is the scheme's own.
fn origin(text: &str) -> Result<HeaderValue, InvalidOrigin> {
    let invalid = || InvalidOrigin(text.to_owned());
    let lower = text.to_ascii_lowercase();
    let (scheme, authority) = lower.split_once("://").ok_or_else(invalid)?;
    let own_port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => "",
    };
    let parsed: Authority = authority.parse().map_err(|_| invalid())?;
    let scheme: Scheme = scheme.parse().map_err(|_| invalid())?;
    let port = parsed.port().map_or(0, |port| port.as_str().len() + 1);
    let no_user = parsed.host().len() + port == authority.len();
    let empty = scheme.as_str().is_empty() || parsed.host().is_empty();
    if !no_user || empty || parsed.host().contains('*') {
        return Err(invalid());
    }
    let authority = authority.strip_suffix(own_port).unwrap_or(authority);
    HeaderValue::try_from(format!("{scheme}://{authority}")).map_err(|_| invalid())
}

/// What was given to [`Cors::origins`] is not an origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidOrigin(String);

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not an origin: scheme, host, perhaps port, and no more",
            self.0
        )
    }
}

impl error::Error for InvalidOrigin {}
