//! Errors as responses: problem details (RFC 9457).

use std::{borrow::Cow, error, fmt};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header::CONTENT_TYPE};
use peristyle_core::{BoxError, Error, Link, on_error};
use serde_json::{Map, Value};

use crate::{BodyError, Context, Interrupted, IntoResponse, Rejection, Response};

/// An error that knows how to appear as a response, as `application/problem+json`.
///
/// Return one from a handler or a stage to answer with it; any error of another type becomes a 500 that says nothing of
/// what went wrong inside. The document carries the id of the execution as its member `id`, to be found in the log.
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
#[derive(Debug, Clone)]
pub struct Problem(Box<Details>);

#[derive(Debug, Clone)]
struct Details {
    status: StatusCode,
    kind: Option<Cow<'static, str>>,
    title: Option<Cow<'static, str>>,
    detail: Option<Cow<'static, str>>,
    headers: HeaderMap,
    members: Vec<(&'static str, String)>,
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

    /// A further member of the document (RFC 9457, section 3.2).
    #[must_use]
    pub(crate) fn member(mut self, name: &'static str, value: String) -> Self {
        self.0.members.push((name, value));
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    pub(crate) fn render(&self, id: Option<&str>) -> Response {
        let details = &*self.0;
        let phrase = details.status.canonical_reason().unwrap_or("Error");
        let mut document = Map::new();
        let mut member = |name: &str, value: Option<&str>| {
            let value = value.map(Value::from);
            document.extend(value.map(|value| (name.to_owned(), value)));
        };
        member("type", details.kind.as_deref());
        member("title", Some(details.title.as_deref().unwrap_or(phrase)));
        member("detail", details.detail.as_deref());
        member("id", id);
        for (name, value) in &details.members {
            member(name, Some(value));
        }
        document.insert("status".to_owned(), details.status.as_u16().into());
        let body = Value::Object(document).to_string();
        let mut response = Response::new(body.into());
        *response.status_mut() = details.status;
        response.headers_mut().insert(CONTENT_TYPE, PROBLEM);
        response.headers_mut().extend(details.headers.clone());
        response
    }
}

const PROBLEM: HeaderValue = HeaderValue::from_static("application/problem+json");

impl IntoResponse for Problem {
    fn into_response(self) -> Result<Response, BoxError> {
        Ok(self.render(None))
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

impl error::Error for Problem {}

/// The interceptor that answers every error that reaches it: a [`Problem`] as it is, an argument that could
/// not be extracted as its [`Rejection`] says, a request body that could not be read with 413 or 400, a stage that was
/// [`Interrupted`] with 503, anything else with 500. Errors of the server are logged with their id, which is in the response
/// too.
pub(crate) fn errors() -> Link<crate::Exchange> {
    on_error(|cx: &mut Context, error: Error| cx.set_response(render(&error))).named("errors")
}

/// Logs an error once and makes the response to it.
pub(crate) fn render(error: &Error) -> Response {
    let problem = problem_of(error);
    let id = error.execution().map(ToString::to_string);
    log(error, &problem, id.as_deref());
    problem.render(id.as_deref())
}

fn problem_of(error: &Error) -> Problem {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.clone();
    }
    if let Some(body) = error.downcast_ref::<BodyError>() {
        return body.problem();
    }
    if let Some(rejection) = error.downcast_ref::<Rejection>() {
        return rejection.problem();
    }
    match error.downcast_ref::<Interrupted>() {
        Some(interrupted) => interrupted.problem(),
        None => Problem::new(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

fn log(error: &Error, problem: &Problem, id: Option<&str>) {
    let status = problem.status().as_u16();
    let causes = Causes(error);
    if problem.status().is_server_error() {
        tracing::error!(id, status, error = %causes, "request failed");
    } else {
        tracing::debug!(id, status, error = %causes, "request refused");
    }
}

/// An error, then each of its sources.
struct Causes<'a>(&'a Error);

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = error::Error::source(self.0);
        while let Some(cause) = source {
            write!(f, ": {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}
