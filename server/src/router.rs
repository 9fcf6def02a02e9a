//! The router: the first interceptor of every request, and the chain behind it.

use std::{fmt, net::SocketAddr, sync::Arc};

use http::{HeaderValue, Method, Request, StatusCode, header};
use peristyle_core::{Chain, ExecutionId, Interceptor, Link, Name, Outcome, Stages, Step, before};

use crate::{
    Body, Context, Exchange, Problem, RequestBody, Response, Shutdown,
    detached::Detached,
    lifeline::Lifeline,
    problem,
    routes::{Found, Table},
};

/// A checked route table with the chain that serves it. Cheap to clone.
///
/// The chain is: the router; the interceptors given for all requests; the interceptor that answers errors; then those of the
/// matched route, which the router has queued. What matches no route (404, 405, the answer to `OPTIONS`) walks the same way.
#[derive(Clone)]
pub struct Router {
    chain: Chain<Exchange>,
}

impl Router {
    pub(crate) fn new(table: Table, interceptors: &[Chain<Exchange>]) -> Self {
        let lookup = Link::new(Lookup::new(table));
        let mut links = vec![lookup];
        links.extend(interceptors.iter().flat_map(Chain::iter).cloned());
        links.push(problem::errors());
        Self {
            chain: links.into(),
        }
    }

    /// The interceptors that every request walks through before those of its route.
    pub fn chain(&self) -> &Chain<Exchange> {
        &self.chain
    }

    /// Answers one request.
    pub(crate) async fn handle(
        &self,
        request: Request<RequestBody>,
        peer: Option<SocketAddr>,
        host: Host,
    ) -> (Response, Lifeline) {
        let head = *request.method() == Method::HEAD;
        let Host { shutdown, detached } = host;
        let lifeline = Lifeline::new();
        let mut cx = Context::new(Exchange::new(request, peer, shutdown, lifeline.line()));
        cx.terminate_when(|cx| cx.response().is_some());
        let go_on = move |rest| detached.spawn(rest);
        let (cx, result) = self.chain.run_detachable(cx, go_on).await;
        let id = cx.id().clone();
        let response = match (result, cx.into_inner().into_response()) {
            (Err(error), _) => problem::render(&error),
            (Ok(()), Some(response)) => response,
            (Ok(()), None) => {
                tracing::error!(%id, "no interceptor answered");
                Problem::new(StatusCode::INTERNAL_SERVER_ERROR).render(Some(&id.to_string()))
            }
        };
        (framed(response, head, &id), lifeline)
    }
}

/// What an execution has of the server that runs it.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) shutdown: Shutdown,
    pub(crate) detached: Detached,
}

/// Takes away the body that a response must not have (RFC 9110, sections 6.4.1, 9.3.2 and 15.3.6).
fn framed(response: Response, head: bool, id: &ExecutionId) -> Response {
    let mut response = final_response(response, id);
    if matches!(
        response.status(),
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    ) {
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
        *response.body_mut() = Body::empty();
    }
    response
}

/// An informational status announces a response; it cannot be one (RFC 9110, section 15.2).
fn final_response(response: Response, id: &ExecutionId) -> Response {
    if !response.status().is_informational() {
        return response;
    }
    let status = response.status().as_u16();
    tracing::error!(%id, status, "an informational status cannot end an exchange");
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR).render(Some(&id.to_string()))
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
    fn new(table: Table) -> Self {
        Self {
            table: Arc::new(table),
            not_found: before(not_found).into(),
            bad_path: before(bad_path).into(),
            server_options: before(server_options).into(),
        }
    }

    fn chain_for(&self, cx: &mut Context) -> Chain<Exchange> {
        let request = cx.request();
        if request.method == Method::OPTIONS && request.uri.path() == "*" {
            return self.server_options.clone();
        }
        match self
            .table
            .find(&request.method, &request.uri, &request.headers)
        {
            Found::Route(matched) => {
                let chain = matched.chain().cloned();
                *cx.matched_mut() = matched;
                chain.unwrap_or_else(|| self.not_found.clone())
            }
            Found::OtherMethods(allow) if *cx.method() == Method::OPTIONS => options(allow),
            Found::OtherMethods(allow) => method_not_allowed(allow),
            Found::Nothing => self.not_found.clone(),
            Found::BadPath => self.bad_path.clone(),
        }
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
