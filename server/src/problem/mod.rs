//! Errors as responses: problem details (RFC 9457).

mod failures;
mod format;

use std::{borrow::Cow, error, fmt, sync::Arc};

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
};
use peristyle_core::{BoxError, ExecutionId};
use serde::Serialize;
use serde_json::Value;

pub(crate) use self::failures::{Failures, Internals, errors, is_fault, log, of, refuse};
use self::format::{Document, Format};
use crate::{IntoResponse, Response};

/// An error that knows how to appear as a response.
///
/// Return one from a handler or a stage to answer with it. Of other errors, an argument that could not be extracted is answered
/// as its [`Rejection`](crate::Rejection) says, a request body that could not be read with 413 or 400, a request that accepts
/// nothing of what was [offered](crate::NotAcceptable) with 406, and a stage that was [`Interrupted`](crate::Interrupted) with 503. An error of any other type is a 500 that says nothing of what went wrong
/// inside, unless the router is for [development](crate::Router::development). So is a problem that another error holds, such
/// as an `anyhow::Error`.
///
/// ```
/// use http::StatusCode;
/// use peristyle_server::{Context, Problem};
///
/// async fn order(cx: &mut Context) -> Result<String, Problem> {
///     match cx.param("id") {
///         Some("7") => Ok("order 7".to_owned()),
///         _ => Err(Problem::new(StatusCode::NOT_FOUND).detail("there is no such order")),
///     }
/// }
/// ```
///
/// # Formats
///
/// The format is the one that the request's `Accept` prefers (RFC 9110, section 12.5.1): `application/problem+json`, which is
/// also for those who ask for `application/json`; `text/html`, a plain page; or `text/plain`. It is JSON where they are equal,
/// unless HTML or text is asked for more exactly, as browsers do; and where the request accepts none of them, or nobody can tell.
/// The response varies with `Accept`.
///
/// Each has the status, the title, the detail and the id of the execution, to be found in the log. Only JSON has the kind and
/// further [members](Self::member), which are for programs. What is written is escaped; a detail is text in all formats.
///
/// A problem that is not raised but [given as the response](crate::Exchange::respond) is JSON without an id.
///
/// # The log
///
/// Each error that no other interceptor has handled is one event of `tracing`, with the fields `id`, `status`, `error` (with its
/// causes), and `suppressed` when it displaced others. The level is error for a status of the 500s and debug for others. It is
/// debug also for a 503 with a `Retry-After`, such as those of [`ConcurrencyLimit`](crate::interceptors::ConcurrencyLimit): a
/// server that refuses requests because it has too much to do must not be kept busy by its log. A body that fails while it is
/// sent is an event of level error with the same id, which its response no longer shows.
///
/// # Rendering errors in other ways
///
/// Errors of a type of your own become problems where they are raised, by `From`, or for many routes at once in an error stage.
/// The interceptor that answers errors stands outside of those of groups and routes, so that theirs are asked before:
///
/// ```
/// use http::StatusCode;
/// use peristyle_core::{Caught, catch, handler};
/// use peristyle_server::{Context, Group, Problem, Routes, TestClient};
///
/// #[derive(Debug)]
/// struct OutOfStock { left: u32 }
/// # impl std::fmt::Display for OutOfStock {
/// #     fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str("out of stock") }
/// # }
/// impl std::error::Error for OutOfStock {}
///
/// fn explain(_: &mut Context, error: Caught<OutOfStock>) -> Result<(), Problem> {
///     Err(Problem::new(StatusCode::CONFLICT).title("Out of stock").member("left", error.left))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let order = handler(|_: &mut Context| Err::<(), _>(OutOfStock { left: 3 }));
/// let shop = Group::new("/shop").interceptors(catch(explain)).post("/orders", order);
/// let router = Routes::new().group(shop).build()?;
/// let response = TestClient::new(router).post("/shop/orders", "10 pens").send().await;
/// assert_eq!(response.status(), 409);
/// assert!(response.text().await?.contains(r#""left":3"#));
/// # Ok(())
/// # }
/// ```
///
/// Interceptors for all requests stand outside of it. They leave when an error has been answered, 404 and 405 included, and can
/// put something of their own in place of the body; the error is logged already.
///
/// ```
/// use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};
/// use peristyle_core::after;
/// use peristyle_server::{Context, Routes, TestClient};
///
/// fn lost(cx: &mut Context) {
///     let failed = cx.recovered().is_some();
///     let Some(response) = cx.response_mut().filter(|_| failed) else { return };
///     if response.status() == StatusCode::NOT_FOUND {
///         *response.body_mut() = "Nothing to see here.".into();
///         response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new().interceptors(after(lost)).build()?;
/// let response = TestClient::new(router).get("/none").send().await;
/// assert_eq!(response.status(), 404);
/// assert_eq!(response.text().await?, "Nothing to see here.");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: StatusCode,
    kind: Option<Cow<'static, str>>,
    title: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    headers: HeaderMap,
    members: Vec<(Cow<'static, str>, Value)>,
    cause: Option<Arc<dyn error::Error + Send + Sync>>,
}

impl Problem {
    /// A problem with a status, titled with the status's usual phrase.
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Details {
            status,
            kind: None,
            title: None,
            detail: None,
            headers: HeaderMap::new(),
            members: Vec::new(),
            cause: None,
        }))
    }

    /// The URI that identifies the kind of problem. Default is none, which means `about:blank`.
    #[must_use]
    pub fn kind(mut self, uri: impl Into<Cow<'static, str>>) -> Self {
        self.0.kind = Some(uri.into());
        self
    }

    /// A short text, the same for all problems of this kind. Default is the status's usual phrase.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.title = Some(title.into());
        self
    }

    /// What is particular to this occurrence, for the client to read.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// A header for the response.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.append(name, value);
        self
    }

    /// A further member of the JSON document (RFC 9457, section 3.2), or its `instance`. The last of a name counts. The names
    /// `type`, `title`, `status`, `detail` and `id` are taken.
    ///
    /// ```
    /// use http::StatusCode;
    /// use peristyle_server::Problem;
    ///
    /// let problem = Problem::new(StatusCode::FORBIDDEN)
    ///     .detail("the balance is 30, but that costs 50")
    ///     .member("balance", 30)
    ///     .member("accounts", ["/account/12345", "/account/67890"]);
    /// ```
    ///
    /// A value that does not serialise makes it a problem of the server, 500, and the log says why.
    #[must_use]
    pub fn member(mut self, name: impl Into<Cow<'static, str>>, value: impl Serialize) -> Self {
        match serde_json::to_value(value) {
            Ok(value) => self.0.members.push((name.into(), value)),
            Err(error) => self = Self::new(StatusCode::INTERNAL_SERVER_ERROR).because(error),
        }
        self
    }

    /// Why, for the log and for [development](crate::Router::development); the client is not told. Default is nothing.
    ///
    /// ```
    /// use std::io;
    ///
    /// use http::StatusCode;
    /// use peristyle_server::Problem;
    ///
    /// fn stored(result: io::Result<()>) -> Result<(), Problem> {
    ///     result.map_err(|error| {
    ///         let problem = Problem::new(StatusCode::INSUFFICIENT_STORAGE);
    ///         problem.detail("it cannot be stored").because(error)
    ///     })
    /// }
    /// ```
    #[must_use]
    pub fn because(mut self, cause: impl Into<BoxError>) -> Self {
        self.0.cause = Some(Arc::from(cause.into()));
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    pub(crate) fn is_fault(&self) -> bool {
        is_fault(self.0.status, &self.0.headers)
    }

    fn title_or_phrase(&self) -> &str {
        let phrase = self.0.status.canonical_reason();
        let title = self.0.title.as_deref().or(phrase);
        title.unwrap_or("Error")
    }

    fn write(
        &self,
        format: Format,
        id: Option<&ExecutionId>,
        internals: &[(&'static str, String)],
    ) -> Response {
        let document = Document {
            problem: self,
            id,
            internals,
        };
        let mut response = Response::new(format.write(&document).into());
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, format.content_type());
        // What a client has sent may be repeated, and must not be taken for a page.
        headers.insert(X_CONTENT_TYPE_OPTIONS, NOSNIFF);
        headers.extend(self.0.headers.clone());
        response
    }
}

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// As JSON, without an id.
impl IntoResponse for Problem {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(self.write(Format::Json, None, &[]))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.status)?;
        match &self.0.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// The source is what it is [because](Problem::because) of.
impl error::Error for Problem {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0.cause {
            Some(cause) => Some(&**cause),
            None => None,
        }
    }
}
