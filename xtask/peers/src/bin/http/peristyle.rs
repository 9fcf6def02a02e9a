//! Peristyle, with its default limits and time-outs.

use std::net;

use peristyle_core::{Chain, Link, around};
use peristyle_peers::{Failure, runtime};
use peristyle_server::{
    Context, Exchange, Json, Path, Router, Routes, Server, handler,
    interceptors::{
        self, AccessLog, BodyLimit, Compression, ConcurrencyLimit, Cors, RequestId, RequestSpan,
        SecurityHeaders, TraceContext,
    },
};

use crate::work::{self, Bill, HELLO, INTERCEPTORS, Order, ROUTES, bill};

pub(crate) fn hello(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, &greeting().build()?, |server| server)
}

/// Behind a proxy that has read the framing of each request already.
pub(crate) fn trusted(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, &greeting().build()?, Server::trust_framing)
}

pub(crate) fn parameter(listener: net::TcpListener) -> Result<(), Failure> {
    let patterns = (0..ROUTES).map(work::pattern);
    let add = |routes: Routes, pattern: String| routes.get(&pattern, handler(item));
    let router = patterns.fold(Routes::new(), add).build()?;
    serve(listener, &router, |server| server)
}

pub(crate) fn json(listener: net::TcpListener) -> Result<(), Failure> {
    let router = Routes::new().post("/orders", handler(total)).build()?;
    serve(listener, &router, |server| server)
}

pub(crate) fn interceptors(listener: net::TcpListener) -> Result<(), Failure> {
    let pass = |_: &mut Context| work::pass();
    with(listener, (0..INTERCEPTORS).map(|_| around(pass, pass)))
}

pub(crate) fn access_log(listener: net::TcpListener) -> Result<(), Failure> {
    with(listener, [Link::new(AccessLog::new())])
}

pub(crate) fn trace_context(listener: net::TcpListener) -> Result<(), Failure> {
    with(listener, [Link::new(TraceContext::new())])
}

pub(crate) fn security_headers(listener: net::TcpListener) -> Result<(), Failure> {
    with(listener, [Link::new(SecurityHeaders::new())])
}

pub(crate) fn cors(listener: net::TcpListener) -> Result<(), Failure> {
    let cors = Cors::origins(["https://app.example.org"])?;
    with(listener, [Link::new(cors)])
}

pub(crate) fn request_id(listener: net::TcpListener) -> Result<(), Failure> {
    let router = greeting().build()?.request_id(RequestId::new());
    serve(listener, &router, |server| server)
}

/// Without a subscriber: no span is made.
pub(crate) fn request_span(listener: net::TcpListener) -> Result<(), Failure> {
    let router = greeting().build()?.request_span(RequestSpan::new());
    serve(listener, &router, |server| server)
}

/// The answer is too small to be compressed.
pub(crate) fn compression(listener: net::TcpListener) -> Result<(), Failure> {
    with(listener, [Link::new(Compression::new())])
}

pub(crate) fn concurrency_limit(listener: net::TcpListener) -> Result<(), Failure> {
    with(listener, [Link::new(ConcurrencyLimit::new(512))])
}

pub(crate) fn body_limit(listener: net::TcpListener) -> Result<(), Failure> {
    with(listener, [Link::new(BodyLimit::default())])
}

pub(crate) fn defaults(listener: net::TcpListener) -> Result<(), Failure> {
    with(listener, interceptors::defaults().iter().cloned())
}

fn with(
    listener: net::TcpListener,
    links: impl IntoIterator<Item = Link<Exchange>>,
) -> Result<(), Failure> {
    let router = greeting().interceptors(Chain::new(links)).build()?;
    serve(listener, &router, |server| server)
}

fn greeting() -> Routes {
    Routes::new()
        .get("/", handler(|_: &mut Context| HELLO))
        .get("/passes", handler(|_: &mut Context| work::passes()))
}

async fn item(Path(id): Path<u64>) -> String {
    work::item(id)
}

async fn total(Json(order): Json<Order>) -> Json<Bill> {
    Json(bill(order))
}

fn serve(
    listener: net::TcpListener,
    router: &Router,
    set: impl FnOnce(Server) -> Server,
) -> Result<(), Failure> {
    runtime::run(listener, async |listener| {
        let server = set(Server::on(listener));
        Ok(server.serve(router.clone()).await?)
    })
}
