//! The router: the first interceptor of every request, and the chain behind it.

use std::{
    fmt::{self, Display},
    net::SocketAddr,
    sync::Arc,
};

use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request};
use peristyle_core::{Chain, ExecutionId, Interceptor, Link, Name, Outcome, Stages, Step, before};
use tracing::Span;

use crate::{
    Context, Exchange, Problem, Redirect, RequestBody, RouteList, RouteUrl, Shutdown, UrlError,
    answering::{self, Answered, Answering},
    detached::Detached,
    exchange::Site,
    extract::States,
    interceptors::{Identity, RequestId, RequestSpan, request_span},
    lifeline::Line,
    problem::{self, Internals},
    routes::{Found, Table},
};

/// A checked route table with the chain that serves it. Cheap to clone.
///
/// The chain is: the router; the interceptors given for all requests; the interceptor that answers errors; then those of the
/// matched route, which the router has queued. What matches no route (404, 405, the answer to `OPTIONS`) walks the same way.
#[derive(Clone)]
pub struct Router(Arc<Parts>);

#[derive(Clone)]
struct Parts {
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
        Self(Arc::new(Parts {
            chain: links.into(),
            table,
            ids: None,
            span: None,
            states,
            internals: Internals::Hidden,
        }))
    }

    /// A router is changed before it is shared.
    fn with(mut self, change: impl FnOnce(&mut Parts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Gives each request an identity that reaches beyond this process; see [`RequestId`]. Default is a number that this process
    /// counts and shows in problem documents only.
    #[must_use]
    pub fn request_id(self, ids: RequestId) -> Self {
        self.with(|parts| parts.ids = Some(Arc::new(ids)))
    }

    /// Puts all that is logged while a request is handled into one span; see [`RequestSpan`]. Default is none.
    #[must_use]
    pub fn request_span(self, span: RequestSpan) -> Self {
        self.with(|parts| parts.span = Some(span))
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
    pub fn development(self) -> Self {
        self.with(|parts| {
            parts.internals = Internals::Shown;
            // The last interceptor for all requests is the one that answers errors.
            let others = parts.chain.iter().take(parts.chain.len() - 1);
            let errors = problem::errors(parts.internals);
            parts.chain = others.cloned().chain([errors]).collect();
        })
    }

    /// The interceptors that every request walks through before those of its route.
    pub fn chain(&self) -> &Chain<Exchange> {
        &self.0.chain
    }

    /// The routes, with all interceptors that each leads through.
    pub fn routes(&self) -> RouteList<'_> {
        RouteList::new(&self.0.table, &self.0.chain)
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
        self.0.table.url_for(name, params)
    }

    /// Answers one request.
    pub(crate) fn handle(
        &self,
        head: request::Parts,
        body: RequestBody,
        site: Arc<Site>,
        detached: Detached,
        line: Line,
    ) -> Answering {
        let (id, identity) = self.identify(&head.headers);
        let span = match self.0.span {
            Some(_) => RequestSpan::begin(&head, site.peer),
            None => Span::none(),
        };
        let exchange = Exchange::new(head, body, site, line, span);
        let cx = Box::new(Context::with_id(exchange, id));
        Answering::new(self, cx, detached, identity)
    }

    /// For the exchanges of one connection.
    pub(crate) fn site(&self, shutdown: Shutdown, peer: Option<SocketAddr>) -> Arc<Site> {
        Arc::new(Site {
            states: self.0.states.clone(),
            shutdown,
            peer,
            table: Some(Arc::clone(&self.0.table)),
        })
    }

    pub(crate) fn internals(&self) -> Internals {
        self.0.internals
    }

    /// Answers a request that does not walk the chain.
    pub(crate) fn refuse(
        &self,
        method: &Method,
        request: &HeaderMap,
        problem: &Problem,
    ) -> Answered {
        let (id, identity) = self.identify(request);
        let mut response = problem::refuse(problem, request, &id);
        if let Some(identity) = identity {
            identity.show(response.headers_mut());
        }
        Answered {
            declared: answering::declared(&response, *method == Method::HEAD),
            response,
            id,
            closes: false,
        }
    }

    fn identify(&self, request: &HeaderMap) -> (ExecutionId, Option<Box<Identity>>) {
        match self.0.ids.as_deref().map(|ids| ids.identify(request)) {
            Some(identity) => (identity.id().clone(), Some(Box::new(identity))),
            None => (ExecutionId::next(), None),
        }
    }
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Router").field(&self.0.chain).finish()
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
        cx.set_matched(&self.table, place);
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
