//! Another answer in place of a 503.

use std::{fmt, sync::Arc};

use http::{StatusCode, request};
use peristyle_core::{BoxError, Error, Interceptor, Name, Stages, Step};

use crate::{Context, Exchange, IntoResponse, Response, problem};

/// An interceptor that answers in another way where the answer would be a 503, whoever would give it: [`ConcurrencyLimit`] to one
/// request too many, [`Interrupts`] to a handler that took too long or that the shutdown has ended, a handler of yours.
///
/// It is for clients that a 503 would harm: a browser's `EventSource` gives up for good on any status but 200, and a page then
/// gets no more events until someone loads it again. The function is given the head of the request, and returns `None` for whom the
/// 503 is right. An error that it answers is logged as any other.
///
/// It belongs outside of whatever refuses, and inside of [`Cors`], whose headers the browser wants on this answer too. The
/// function for event streams is `for_browser` of `peristyle::sse::Unavailable`:
///
/// ```
/// use http::{HeaderValue, header::ACCEPT, request};
/// use peristyle_core::Link;
/// use peristyle_server::{Routes, TestClient, interceptors::WhenUnavailable, handler};
///
/// fn come_back(request: &request::Parts) -> Option<&'static str> {
///     let accept = request.headers.get(ACCEPT)?;
///     (accept == "text/event-stream").then_some("retry: 4711\n")
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new()
///     .interceptors(Link::new(WhenUnavailable::new(come_back)))
///     .get("/", handler(|| http::StatusCode::SERVICE_UNAVAILABLE))
///     .build()?;
/// let client = TestClient::new(router);
/// let events = client.get("/").header(ACCEPT, HeaderValue::from_static("text/event-stream"));
/// assert_eq!(events.send().await.status(), 200);
/// assert_eq!(client.get("/").send().await.status(), 503);
/// # Ok(())
/// # }
/// ```
///
/// # What remains
///
/// Statuses that blame the request (400, 401, 404, 406, 408 for a head that does not end, 414, 431) and the 500 of a handler that
/// fails are answered as they are: a client that comes back would meet them again. Where the server answers nothing, and closes the connection or never accepts
/// it, as at its limit of connections, at the end of its grace or of a time-out, an `EventSource` comes back by itself.
///
/// [`ConcurrencyLimit`]: super::ConcurrencyLimit
/// [`Cors`]: super::Cors
/// [`Interrupts`]: crate::Interrupts
#[derive(Clone)]
pub struct WhenUnavailable {
    answer: Arc<Answer>,
    /// Whether to ask before the walk goes in, once the server shuts down.
    shutdown: bool,
}

type Answer = dyn Fn(&request::Parts) -> Option<Result<Response, BoxError>> + Send + Sync;

impl WhenUnavailable {
    /// Answers with what `f` returns of the request's head; with the 503 where that is `None`.
    pub fn new<R: IntoResponse>(
        f: impl Fn(&request::Parts) -> Option<R> + Send + Sync + 'static,
    ) -> Self {
        Self {
            answer: Arc::new(move |request| f(request).map(R::into_response)),
            shutdown: false,
        }
    }

    /// Asks the function also about every request that still comes while the server shuts down, before anything is done for it.
    /// Default is to serve these as ever. A stream that begins then is told to end at once; this tells its client when to come back.
    #[must_use]
    pub fn on_shutdown(mut self) -> Self {
        self.shutdown = true;
        self
    }

    fn respond(&self, cx: &mut Context) -> Option<Step<'static, Exchange>> {
        let answer = (self.answer)(cx.request())?;
        Some(Step::Now(cx.respond(answer)))
    }
}

impl Interceptor<Exchange> for WhenUnavailable {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new("when_unavailable").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let ends = self.shutdown && cx.shutdown().is_requested();
        let answered = ends.then(|| self.respond(cx)).flatten();
        answered.unwrap_or_else(Step::next)
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let status = cx.response().map(Response::status);
        let refused = status == Some(StatusCode::SERVICE_UNAVAILABLE);
        let answered = refused.then(|| self.respond(cx)).flatten();
        answered.unwrap_or_else(Step::next)
    }

    fn error<'a>(&'a self, cx: &'a mut Context, error: Error) -> Step<'a, Exchange> {
        let problem = problem::of(&error);
        let refused = problem.status() == StatusCode::SERVICE_UNAVAILABLE;
        let Some(answered) = refused.then(|| self.respond(cx)).flatten() else {
            return Step::Absent;
        };
        problem::log(&error, &problem, cx.id());
        answered
    }
}

impl fmt::Debug for WhenUnavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhenUnavailable")
            .field("shutdown", &self.shutdown)
            .finish_non_exhaustive()
    }
}
