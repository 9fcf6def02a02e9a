//! What fails while a request is answered: told to the client in a response, and to the log.

use std::{error, fmt};

use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
use peristyle_core::{Error, ExecutionId, Link, on_error};
use tracing::field::display;

use super::{Format, Problem};
use crate::{
    BodyError, Context, Exchange, Interrupted, NotAcceptable, Rejection, Response, causes::Causes,
    interceptors::vary,
};

/// Whether problems show what went wrong inside of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Internals {
    #[default]
    Hidden,
    Shown,
}

/// The interceptor that answers every error that reaches it: a [`Problem`] as it is, an argument that could
/// not be extracted as its [`Rejection`] says, a request body that could not be read with 413 or 400, a request
/// that accepts nothing of what was offered with 406, a stage that was [`Interrupted`] with 503, anything else with 500.
pub(crate) fn errors(internals: Internals) -> Link<Exchange> {
    let answer = move |cx: &mut Context, error: Error| {
        let response = Failures::new(cx, internals).answer(&error);
        cx.set_response(response);
    };
    on_error(answer).named("errors")
}

/// The problem as which an error appears.
pub(crate) fn of(error: &Error) -> Problem {
    if let Some(problem) = error.downcast_ref::<Problem>() {
        return problem.clone();
    }
    if let Some(body) = error.downcast_ref::<BodyError>() {
        return body.problem();
    }
    if let Some(rejection) = error.downcast_ref::<Rejection>() {
        return rejection.problem();
    }
    if let Some(error) = error.downcast_ref::<NotAcceptable>() {
        return error.problem();
    }
    match error.downcast_ref::<Interrupted>() {
        Some(interrupted) => interrupted.problem(),
        None => Problem::new(StatusCode::INTERNAL_SERVER_ERROR),
    }
}

/// Whether a response tells of a fault of the server. One that says when to come back is a refusal: a server that has too much
/// to do must not be kept busy by its log.
pub(crate) fn is_fault(status: StatusCode, headers: &HeaderMap) -> bool {
    let refused = status == StatusCode::SERVICE_UNAVAILABLE && headers.contains_key(RETRY_AFTER);
    status.is_server_error() && !refused
}

/// Logs an error, with those that were suppressed for it.
pub(crate) fn log(error: &Error, problem: &Problem, id: &ExecutionId) {
    let status = problem.status().as_u16();
    let suppressed = Suppressed::of(error).map(display);
    let error = Causes(raised(error));
    if problem.is_fault() {
        tracing::error!(%id, status, %error, suppressed, "request failed");
    } else {
        tracing::debug!(%id, status, %error, suppressed, "request refused");
    }
}

/// Answers what fails in one execution.
pub(crate) struct Failures<'a> {
    cx: &'a Context,
    internals: Internals,
}

impl<'a> Failures<'a> {
    pub(crate) fn new(cx: &'a Context, internals: Internals) -> Self {
        Self { cx, internals }
    }

    /// Logs an error and makes the response to it.
    pub(crate) fn answer(&self, error: &Error) -> Response {
        let problem = of(error);
        let id = self.cx.id();
        log(error, &problem, id);
        let shown = self.internals == Internals::Shown && problem.status().is_server_error();
        let internals = if shown {
            self.inside(error)
        } else {
            Vec::new()
        };
        respond(&problem, self.cx.headers(), id, &internals)
    }

    fn inside(&self, error: &Error) -> Vec<(&'static str, String)> {
        let route = self.cx.route().map(|route| route.pattern().to_owned());
        let rows = [
            ("error", Some(Causes(raised(error)).to_string())),
            ("stage", error.stage().map(|stage| stage.to_string())),
            ("interceptor", error.interceptor().map(ToOwned::to_owned)),
            ("route", route),
            ("suppressed", Suppressed::of(error).map(|it| it.to_string())),
        ];
        let rows = rows.into_iter();
        rows.filter_map(|(name, text)| Some((name, text?)))
            .collect()
    }
}

/// Logs and answers a request that is refused before it has an execution, at debug level: a client can send as many as it likes.
pub(crate) fn refuse(problem: &Problem, request: &HeaderMap, id: &ExecutionId) -> Response {
    let status = problem.status().as_u16();
    tracing::debug!(%id, status, "request refused");
    respond(problem, request, id, &[])
}

/// The response in the format that the request accepts.
fn respond(
    problem: &Problem,
    request: &HeaderMap,
    id: &ExecutionId,
    internals: &[(&'static str, String)],
) -> Response {
    let mut response = problem.write(Format::accepted(request), Some(id), internals);
    vary(response.headers_mut(), &HeaderValue::from_static("accept"));
    response
}

/// An error that no stage has raised is no more than its original.
fn raised(error: &Error) -> &(dyn error::Error + 'static) {
    match error.stage() {
        Some(_) => error,
        None => error::Error::source(error).unwrap_or(error),
    }
}

/// The errors that were suppressed for another, newest first.
struct Suppressed<'a>(&'a Error);

/// Each error stage that fails adds one.
const MOST: usize = 16;

impl<'a> Suppressed<'a> {
    fn of(error: &'a Error) -> Option<Self> {
        error.suppressed().next().map(|_| Self(error))
    }
}

impl fmt::Display for Suppressed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.0.suppressed().take(MOST).enumerate() {
            if at > 0 {
                f.write_str("; ")?;
            }
            Causes(error).fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use peristyle_core::{Chain, Context, before};

    use super::*;

    #[test]
    fn of_many_suppressed_errors_some_are_told() {
        let retry = |_: &mut Context<u8>, _: Error| Err::<(), _>("no");
        let links = (0..40).map(|_| on_error(retry).named("retry"));
        let raise = before(|_: &mut Context<u8>| Err::<(), _>("boom"));
        let chain = Chain::new(links.chain([raise]));
        let error = chain.run_now(&mut Context::new(0)).unwrap_err();
        let told = Suppressed::of(&error).unwrap().to_string();
        assert_eq!(told, ["error of `retry` failed: no"; MOST].join("; "));
    }
}
