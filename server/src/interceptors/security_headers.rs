//! Headers that tell browsers to be careful.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        CONTENT_SECURITY_POLICY, InvalidHeaderValue, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
        X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use peristyle_core::{Error, Interceptor, Name, Stages, Step};

use crate::{Context, Exchange};

/// An interceptor that puts headers on every response, error exits included, that tell a browser to be careful. One that the
/// response has already is left as it is.
///
/// | header | default |
/// |---|---|
/// | `X-Content-Type-Options` | `nosniff`: text that a user has uploaded is not run as a script |
/// | `Referrer-Policy` | `strict-origin-when-cross-origin`: other sites do not see paths and queries |
/// | `X-Frame-Options` | `DENY`: no page can lay yours under its own ([`framing`](Self::framing)) |
/// | `Content-Security-Policy` | none, since it depends on the page ([`content_policy`](Self::content_policy)) |
/// | `Strict-Transport-Security` | none, since it cannot be taken back ([`strict_transport`](Self::strict_transport)) |
///
/// ```
/// use std::time::Duration;
///
/// use peristyle_core::{Link, handler};
/// use peristyle_server::{Context, Routes, TestClient, interceptors::SecurityHeaders};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let careful = SecurityHeaders::new()
///     .content_policy("default-src 'self'")?
///     .strict_transport(Duration::from_secs(365 * 24 * 3600));
/// let router = Routes::new()
///     .interceptors(Link::new(careful))
///     .get("/", handler(async |_: &mut Context| "hello"))
///     .build()?;
/// let response = TestClient::new(router).get("/").send().await;
/// assert_eq!(response.headers()["content-security-policy"], "default-src 'self'; frame-ancestors 'none'");
/// assert_eq!(response.headers()["strict-transport-security"], "max-age=31536000");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct SecurityHeaders {
    framing: Framing,
    content_policy: Option<String>,
    strict_transport: Option<HeaderValue>,
    /// What is made of the above.
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Which pages may show a response in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Framing {
    /// None.
    #[default]
    Never,
    /// Those of the same origin.
    SameOrigin,
    /// All.
    Anywhere,
}

impl SecurityHeaders {
    /// With the defaults.
    pub fn new() -> Self {
        let headers = Self {
            framing: Framing::default(),
            content_policy: None,
            strict_transport: None,
            headers: Vec::new(),
        };
        headers.made()
    }

    /// Which pages may show the response in a frame. Default is none: a page that lies under another can be made to be clicked.
    #[must_use]
    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self.made()
    }

    /// The `Content-Security-Policy`. Default is none. The [framing](Self::framing) is added as `frame-ancestors`, unless the
    /// policy has one.
    ///
    /// # Errors
    ///
    /// When the policy is not allowed in a header.
    pub fn content_policy(mut self, policy: &str) -> Result<Self, InvalidHeaderValue> {
        HeaderValue::from_str(policy)?;
        self.content_policy = Some(policy.to_owned());
        Ok(self.made())
    }

    /// `Strict-Transport-Security`: for how long a browser, once it has seen the header over TLS, connects by TLS only (RFC
    /// 6797). Default is not at all. Whole seconds are sent.
    ///
    /// It is sent over plain HTTP too, where browsers ignore it: what terminates TLS may stand before this server. Choose a
    /// minute at first and a year when all is well, since it cannot be taken back from who has seen it.
    #[must_use]
    pub fn strict_transport(mut self, max_age: Duration) -> Self {
        let value = format!("max-age={}", max_age.as_secs());
        self.strict_transport = HeaderValue::try_from(value).ok();
        self.made()
    }

    /// As [`strict_transport`](Self::strict_transport), and for all hosts under this one too.
    #[must_use]
    pub fn strict_transport_with_subdomains(mut self, max_age: Duration) -> Self {
        let value = format!("max-age={}; includeSubDomains", max_age.as_secs());
        self.strict_transport = HeaderValue::try_from(value).ok();
        self.made()
    }

    fn made(mut self) -> Self {
        let nosniff = HeaderValue::from_static("nosniff");
        let referrer = HeaderValue::from_static("strict-origin-when-cross-origin");
        let headers = [
            (X_CONTENT_TYPE_OPTIONS, Some(nosniff)),
            (REFERRER_POLICY, Some(referrer)),
            (X_FRAME_OPTIONS, self.framing.options()),
            (CONTENT_SECURITY_POLICY, self.whole_policy()),
            (STRICT_TRANSPORT_SECURITY, self.strict_transport.clone()),
        ];
        let headers = headers.into_iter();
        self.headers = headers
            .filter_map(|(name, value)| Some((name, value?)))
            .collect();
        self
    }

    fn whole_policy(&self) -> Option<HeaderValue> {
        let policy = self.content_policy.as_deref()?;
        let whole = match self.framing.ancestors() {
            Some(ancestors) if !has_ancestors(policy) => {
                format!("{}; {ancestors}", policy.trim_end_matches([' ', ';']))
            }
            _ => policy.to_owned(),
        };
        HeaderValue::try_from(whole).ok()
    }

    fn put(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.entry(name).or_insert_with(|| value.clone());
        }
    }
}

impl Framing {
    fn options(self) -> Option<HeaderValue> {
        match self {
            Self::Never => Some(HeaderValue::from_static("DENY")),
            Self::SameOrigin => Some(HeaderValue::from_static("SAMEORIGIN")),
            Self::Anywhere => None,
        }
    }

    fn ancestors(self) -> Option<&'static str> {
        match self {
            Self::Never => Some("frame-ancestors 'none'"),
            Self::SameOrigin => Some("frame-ancestors 'self'"),
            Self::Anywhere => None,
        }
    }
}

/// Names of directives are taken in any case (Content Security Policy 3, section 2.2.1).
fn has_ancestors(policy: &str) -> bool {
    let mut directives = policy.split(';').map(str::split_ascii_whitespace);
    directives.any(|mut words| {
        let name = words.next().unwrap_or_default();
        name.eq_ignore_ascii_case("frame-ancestors")
    })
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self::new()
    }
}

impl Interceptor<Exchange> for SecurityHeaders {
    fn stages(&self) -> Stages {
        Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new("security_headers").expect("a valid name")
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        self.put(cx.headers_out());
        Step::next()
    }

    fn error<'a>(&'a self, cx: &'a mut Context, _: Error) -> Step<'a, Exchange> {
        self.put(cx.late_headers());
        Step::Absent
    }
}
