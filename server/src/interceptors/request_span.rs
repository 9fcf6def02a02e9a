//! One span for each request.

use std::{
    any::{Any, TypeId},
    mem,
    net::SocketAddr,
    pin::Pin,
    task,
};

use bytes::Bytes;
use http::{Method, Version, request};
use http_body::{Frame, SizeHint};
use peristyle_core::BoxError;
use tracing::{
    Span,
    field::{Empty, display},
    info_span,
};

use super::Trace;
use crate::{Body, Context, Response, RouteInfo, body::Streamed};

/// Puts all that is logged while a request is handled into one span of `tracing`, at info level, with the name `request` and the
/// target `peristyle_server::request`: by stages at once and while they wait, on whichever thread, by what was detached, by what
/// renders errors, and by a streamed body until it has ended.
///
/// It is not an interceptor, since it begins before the chain and ends with the body. Give it to
/// [`Router::request_span`](crate::Router::request_span). A stage has it as [`Exchange::span`](crate::Exchange::span), to record what
/// it knows or to give it to a task.
///
/// The fields have the names of OpenTelemetry's conventions for HTTP servers where these have one, and `otel.*` as the crate
/// `tracing-opentelemetry` reads them:
///
/// | field | what, and when |
/// |---|---|
/// | `http.request.method` | the method; `_OTHER` for one that is not in RFC 9110 or 5789 |
/// | `url.path`, `url.scheme` | of the target, without the query, which may have secrets; the scheme only where the target has one |
/// | `network.protocol.version` | `1.0`, `1.1` or `2` |
/// | `network.peer.address`, `network.peer.port` | the client's end of the connection; absent where there is no socket |
/// | `otel.kind` | `server` |
/// | `id` | of the execution, as in its errors |
/// | `http.route`, `otel.name` | the pattern of the matched route, and the method with it; from the routing on. Without a route `otel.name` is the method |
/// | `trace_id`, `span_id`, `parent_id` | of the [`Trace`](super::Trace); from a [`TraceContext`](super::TraceContext) on |
/// | `http.response.status_code` | from the response's head on; absent when the client left before it |
/// | `error.type`, `otel.status_code` | the status as text, and `ERROR`, where it is one of the 500s |
///
/// Where no subscriber wants it, no span is made and nothing is allocated.
///
/// ```
/// use peristyle_core::handler;
/// use peristyle_server::{Context, Routes, interceptors::RequestSpan};
///
/// let router = Routes::new()
///     .get("/", handler(|_: &mut Context| {
///         tracing::info!("inside of the span");
///         "hello"
///     }))
///     .build()?
///     .request_span(RequestSpan::new());
/// # Ok::<(), peristyle_server::RouteErrors>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct RequestSpan;

const TARGET: &str = "peristyle_server::request";

impl RequestSpan {
    /// With the fields above.
    pub fn new() -> Self {
        Self
    }

    pub(crate) fn begin(request: &request::Parts, peer: Option<SocketAddr>) -> Span {
        info_span!(
            target: TARGET,
            "request",
            otel.name = Empty,
            otel.kind = "server",
            otel.status_code = Empty,
            http.request.method = method(&request.method),
            http.route = Empty,
            http.response.status_code = Empty,
            error.type = Empty,
            url.path = request.uri.path(),
            url.scheme = request.uri.scheme_str(),
            network.protocol.version = version(request.version),
            network.peer.address = peer.map(|peer| display(peer.ip())),
            network.peer.port = peer.map(|peer| peer.port()),
            id = Empty,
            trace_id = Empty,
            span_id = Empty,
            parent_id = Empty,
        )
    }
}

/// The conventions want few values.
fn method(method: &Method) -> &str {
    match method.as_str() {
        known @ ("GET" | "HEAD" | "POST" | "PUT" | "DELETE" | "CONNECT" | "OPTIONS" | "TRACE"
        | "PATCH") => known,
        _ => "_OTHER",
    }
}

fn version(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("1.0"),
        Version::HTTP_11 => Some("1.1"),
        Version::HTTP_2 => Some("2"),
        _ => None,
    }
}

/// The execution has its identity.
pub(crate) fn identified(cx: &Context) {
    if !cx.span().is_disabled() {
        cx.span().record("id", display(cx.id()));
    }
}

/// The router has looked for the route.
pub(crate) fn routed(cx: &Context) {
    let span = cx.span();
    if span.is_disabled() {
        return;
    }
    let method = method(cx.method());
    match cx.route().map(RouteInfo::pattern) {
        Some(pattern) => {
            span.record("http.route", pattern);
            span.record("otel.name", format_args!("{method} {pattern}"));
        }
        None => {
            span.record("otel.name", method);
        }
    }
}

pub(crate) fn traced(cx: &Context, trace: &Trace) {
    let span = cx.span();
    if span.is_disabled() {
        return;
    }
    span.record("trace_id", format_args!("{:032x}", trace.trace_id()));
    span.record("span_id", format_args!("{:016x}", trace.span_id()));
    if let Some(parent) = trace.parent_id() {
        span.record("parent_id", format_args!("{parent:016x}"));
    }
}

/// There is a response. The span goes on with a body that is streamed.
pub(crate) fn answered(span: &Span, response: &mut Response) {
    let status = response.status();
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "ERROR");
    }
    let body = response.body_mut();
    if body.whole().is_none() {
        *body = Body::streamed(Spanned {
            body: mem::take(body),
            span: span.clone(),
        });
    }
}

/// A body that is polled and dropped inside of the span.
struct Spanned {
    body: Body,
    span: Span,
}

impl Streamed for Spanned {
    fn given(&self) -> Option<TypeId> {
        self.body.given()
    }

    /// Of several spans the innermost, which is in the others.
    fn into_given(mut self: Box<Self>) -> (Box<dyn Any + Send>, Span) {
        let span = self.span.clone();
        match mem::take(&mut self.body).into_given() {
            Some((given, inner)) if inner.is_disabled() => (given, span),
            Some(given) => given,
            None => (Box::new(()), span),
        }
    }
}

impl http_body::Body for Spanned {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut task::Context<'_>,
    ) -> task::Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let Self { body, span } = &mut *self;
        span.in_scope(|| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Spanned {
    fn drop(&mut self) {
        let body = mem::take(&mut self.body);
        self.span.in_scope(|| drop(body));
    }
}
