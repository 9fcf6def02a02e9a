//! The router: the first interceptor of every request, and the chain behind it.

use std::{
    fmt::{self, Display},
    net::SocketAddr,
    sync::Arc,
};

use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use peristyle_core::{
    Chain, Error, ExecutionId, Interceptor, Link, Name, Outcome, Stages, Step, before,
};
use tracing::{Instrument, Span};

use crate::{
    Body, Context, Exchange, Problem, Redirect, RequestBody, Response, RouteList, RouteUrl,
    Shutdown, UrlError,
    detached::Detached,
    extract::States,
    interceptors::{self, Identity, RequestId, RequestSpan, request_span},
    lifeline::Line,
    outgoing,
    problem::{self, Failures, Internals},
    routes::{Found, Matched, Table},
};

/// A checked route table with the chain that serves it. Cheap to clone.
///
/// The chain is: the router; the interceptors given for all requests; the interceptor that answers errors; then those of the
/// matched route, which the router has queued. What matches no route (404, 405, the answer to `OPTIONS`) walks the same way.
#[derive(Clone)]
pub struct Router {
    chain: Chain<Exchange>,
    table: Arc<Table>,
    ids: Option<Arc<RequestId>>,
    span: Option<RequestSpan>,
    states: States,
    internals: Internals,
}

impl Router {
    pub(crate) fn new(table: Table, interceptors: &[Chain<Exchange>], states: States) -> Self {
        let table = Arc::new(table);
        let lookup = Link::new(Lookup::new(Arc::clone(&table)));
        let mut links = vec![lookup];
        links.extend(interceptors.iter().flat_map(Chain::iter).cloned());
        links.push(problem::errors(Internals::Hidden));
        Self {
            chain: links.into(),
            table,
            ids: None,
            span: None,
            states,
            internals: Internals::Hidden,
        }
    }

    /// Gives each request an identity that reaches beyond this process; see [`RequestId`]. Default is a number that this process
    /// counts and shows in problem documents only.
    #[must_use]
    pub fn request_id(mut self, ids: RequestId) -> Self {
        self.ids = Some(Arc::new(ids));
        self
    }

    /// Puts all that is logged while a request is handled into one span; see [`RequestSpan`]. Default is none.
    #[must_use]
    pub fn request_span(mut self, span: RequestSpan) -> Self {
        self.span = Some(span);
        self
    }

    /// Shows in the answer to an error of the server, a status of the 500s, what went wrong inside: the error with its causes, the
    /// stage and the interceptor that raised it, the pattern of the route, and the errors that were suppressed for it.
    ///
    /// Default is to show nothing but the id, in every build: errors tell of addresses, queries and secrets. This is for the
    /// machine of a developer.
    ///
    /// ```
    /// use peristyle_core::handler;
    /// use peristyle_server::{Context, Routes, TestClient};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    /// let fails = handler(|_: &mut Context| Err::<(), _>("the disk is full")).named("save");
    /// let router = Routes::new().get("/", fails).build()?.development();
    /// let answer = TestClient::new(router).get("/").send().await.text().await?;
    /// assert!(answer.contains("enter of `save` failed: the disk is full"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn development(mut self) -> Self {
        self.internals = Internals::Shown;
        // The last interceptor for all requests is the one that answers errors.
        let others = self.chain.iter().take(self.chain.len() - 1);
        let errors = problem::errors(self.internals);
        self.chain = others.cloned().chain([errors]).collect();
        self
    }

    /// The interceptors that every request walks through before those of its route.
    pub fn chain(&self) -> &Chain<Exchange> {
        &self.chain
    }

    /// The routes, with all interceptors that each leads through.
    pub fn routes(&self) -> RouteList<'_> {
        RouteList::new(&self.table, &self.chain)
    }

    /// The address of the route of this name, with these parameters in its path. A parameter takes one segment, whatever the
    /// value has in it; a wildcard's value keeps its slashes. Matching gives back what was put in, unless a more specific route
    /// matches the address. In an interceptor it is [`Exchange::url_for`].
    ///
    /// ```
    /// use peristyle_core::handler;
    /// use peristyle_server::{Context, Route, Routes};
    ///
    /// let show = handler(|cx: &mut Context| cx.param("id").map(ToOwned::to_owned).unwrap_or_default());
    /// let router = Routes::new().route(Route::get("/orders/{id}", show).named("order")).build()?;
    ///
    /// let url = router.url_for("order", &[("id", &"50%/a b")])?;
    /// assert_eq!(url.as_str(), "/orders/50%25%2Fa%20b");
    /// let error = router.url_for("order", &[]).unwrap_err();
    /// assert_eq!(error.to_string(), "`GET /orders/{id}` needs the parameter `id`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When there is no such route, when a parameter is missing or one too many, and when a value is empty or a dot segment:
    /// see [`UrlError`].
    pub fn url_for(
        &self,
        name: &str,
        params: &[(&str, &dyn Display)],
    ) -> Result<RouteUrl, UrlError> {
        self.table.url_for(name, params)
    }

    /// Answers one request.
    pub(crate) async fn handle(
        &self,
        request: Request<RequestBody>,
        peer: Option<SocketAddr>,
        host: Host,
        line: Line,
    ) -> (Response, ExecutionId) {
        let begin = |_: RequestSpan| RequestSpan::begin(&request, peer);
        let span = self.span.map_or_else(Span::none, begin);
        let answer = self.answer(request, peer, host, line, span.clone());
        if span.is_disabled() {
            return answer.await;
        }
        let (response, id) = answer.instrument(span.clone()).await;
        (request_span::answered(span, response), id)
    }

    async fn answer(
        &self,
        request: Request<RequestBody>,
        peer: Option<SocketAddr>,
        host: Host,
        line: Line,
        span: Span,
    ) -> (Response, ExecutionId) {
        let head = *request.method() == Method::HEAD;
        let Host { shutdown, detached } = host;
        let (id, identity) = self.identify(request.headers());
        let states = self.states.clone();
        let mut exchange = Exchange::new(request, peer, shutdown, line, states);
        exchange.set_span(span.clone());
        let mut cx = Context::with_id(exchange, id.clone());
        request_span::identified(&cx);
        cx.terminate_when(|cx| cx.response().is_some());
        let go_on = move |rest| detached.spawn(rest, span);
        let (mut cx, result) = self.chain.run_detachable(cx, go_on).await;
        let (response, late) = cx.take_response();
        let failures = Failures::new(&cx, self.internals);
        let response = match (result, response) {
            (Err(error), _) => failures.answer(&error),
            (Ok(()), Some(response)) => response,
            (Ok(()), None) => failures.answer(&Error::new("no interceptor answered")),
        };
        let mut response = framed(response, head, &failures);
        if let Some(late) = late {
            interceptors::add_late(response.headers_mut(), &late);
        }
        if let Some(identity) = identity {
            identity.show(response.headers_mut());
        }
        (response, id)
    }

    /// Answers a request that does not walk the chain.
    pub(crate) fn refuse(&self, request: &HeaderMap, problem: &Problem) -> (Response, ExecutionId) {
        let (id, identity) = self.identify(request);
        let mut response = problem::refuse(problem, request, &id);
        if let Some(identity) = identity {
            identity.show(response.headers_mut());
        }
        (response, id)
    }

    fn identify(&self, request: &HeaderMap) -> (ExecutionId, Option<Identity>) {
        match self.ids.as_deref().map(|ids| ids.identify(request)) {
            Some(identity) => (identity.id().clone(), Some(identity)),
            None => (ExecutionId::next(), None),
        }
    }
}

/// What an execution has of the server that runs it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) shutdown: Shutdown,
    pub(crate) detached: Detached,
}

/// Takes away the body that a response must not have (RFC 9110, sections 6.4.1, 9.3.2 and 15.3.6).
fn framed(response: Response, head: bool, failures: &Failures<'_>) -> Response {
    let mut response = sendable(response, head, failures);
    if is_bodiless(response.status()) {
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().remove(header::TRANSFER_ENCODING);
        *response.body_mut() = Body::empty();
    } else if head {
        let length = http_body::Body::size_hint(response.body()).exact();
        if let Some(length) = length {
            let headers = response.headers_mut();
            headers
                .entry(header::CONTENT_LENGTH)
                .or_insert_with(|| length.into());
        }
        *response.body_mut() = Body::withheld();
    }
    response
}

fn is_bodiless(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// The response, unless it is one that cannot be sent as it is.
fn sendable(response: Response, head: bool, failures: &Failures<'_>) -> Response {
    let status = response.status();
    let failed = |error: String| failures.answer(&Error::new(error));
    // It announces a response; it cannot be one (RFC 9110, section 15.2).
    if status.is_informational() {
        let status = status.as_u16();
        return failed(format!(
            "the informational status {status} cannot end an exchange"
        ));
    }
    let length = http_body::Body::size_hint(response.body()).lower();
    match outgoing::declared(response.headers()) {
        Some(declared) if declared < length && !head && !is_bodiless(status) => failed(format!(
            "a response of {length} bytes declares a length of {declared}"
        )),
        _ => response,
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Router").field(&self.chain).finish()
    }
}

/// The interceptor that finds the route and queues its interceptors.
struct Lookup {
    table: Arc<Table>,
    not_found: Chain<Exchange>,
    bad_path: Chain<Exchange>,
    server_options: Chain<Exchange>,
}

impl Lookup {
    fn new(table: Arc<Table>) -> Self {
        Self {
            table,
            not_found: before(not_found).into(),
            bad_path: before(bad_path).into(),
            server_options: before(server_options).into(),
        }
    }

    fn chain_for(&self, cx: &mut Context) -> Chain<Exchange> {
        let request = cx.request();
        let (method, uri, headers) = (&request.method, &request.uri, &request.headers);
        let (chain, place) = match self.table.find(method, uri, headers) {
            _ if *method == Method::OPTIONS && uri.path() == "*" => {
                (self.server_options.clone(), None)
            }
            Found::Route(place) => (self.table.chain(&place).clone(), Some(place)),
            Found::OtherMethods(allow) if *method == Method::OPTIONS => (options(allow), None),
            Found::OtherMethods(allow) => (method_not_allowed(allow), None),
            Found::Moved(location) => (moved(location), None),
            Found::Nothing => (self.not_found.clone(), None),
            Found::BadPath => (self.bad_path.clone(), None),
        };
        *cx.matched_mut() = Matched::new(Arc::clone(&self.table), place);
        request_span::routed(cx);
        chain
    }
}

impl Interceptor<Exchange> for Lookup {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::new("router").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let chain = self.chain_for(cx);
        Step::Now(cx.enqueue(chain).map_err(Into::into))
    }
}

fn not_found(_: &mut Context) -> Result<(), Problem> {
    Err(Problem::new(StatusCode::NOT_FOUND))
}

fn bad_path(_: &mut Context) -> Result<(), Problem> {
    Err(Problem::new(StatusCode::BAD_REQUEST).detail("the path is not well encoded"))
}

/// `OPTIONS *` is no more than a ping (RFC 9110, section 9.3.7).
fn server_options(cx: &mut Context) -> Outcome {
    cx.respond(StatusCode::NO_CONTENT)
}

fn method_not_allowed(allow: HeaderValue) -> Chain<Exchange> {
    let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED).header(header::ALLOW, allow);
    let refuse = move |_: &mut Context| Err::<(), _>(problem.clone());
    before(refuse).named("method_not_allowed").into()
}

fn options(allow: HeaderValue) -> Chain<Exchange> {
    let answer = move |cx: &mut Context| {
        cx.respond((StatusCode::NO_CONTENT, [(header::ALLOW, allow.clone())], ()))
    };
    before(answer).named("options").into()
}

fn moved(location: String) -> Chain<Exchange> {
    let redirect = Redirect::permanent(location);
    let answer = move |cx: &mut Context| cx.respond(redirect.clone());
    before(answer).named("trailing_slash").into()
}
