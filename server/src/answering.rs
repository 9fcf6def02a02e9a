//! The future that answers one request.

use std::{
    future::Future,
    pin::Pin,
    task::{self, Poll, ready},
};

use http::{Method, StatusCode, header};
use peristyle_core::{self as core, Detachable, Error, ExecutionId, Rest};
use tracing::Span;

use crate::{
    Body, Context, Exchange, Response, Router, Shutdown,
    detached::Detached,
    interceptors::{self, Identity, request_span},
    outgoing,
    problem::Failures,
};

/// A walk through the router's chain, and the response that is made of its end. Dropping it leaves the exchange.
///
/// It is no `async fn`: those move what they are given, and what they give back, once more for each that calls another.
pub(crate) struct Answering {
    /// `None` once it is dropped.
    run: Option<Detachable<Exchange, Left>>,
    router: Router,
    identity: Option<Identity>,
    head: bool,
    span: Span,
}

impl Answering {
    /// Takes the first step when it is polled.
    pub(crate) fn new(
        router: Router,
        cx: Context,
        detached: Detached,
        identity: Option<Identity>,
    ) -> Self {
        let head = *cx.method() == Method::HEAD;
        let span = cx.span().clone();
        let mut cx = Box::new(cx);
        request_span::identified(&cx);
        cx.terminate_when(|cx| cx.response().is_some());
        let left = Left {
            detached,
            span: span.clone(),
        };
        Self {
            run: Some(router.chain().run_detachable(cx, left)),
            router,
            identity,
            head,
            span,
        }
    }

    fn finish(&mut self, cx: &mut Context, result: Result<(), Error>) -> Response {
        let response = cx.take_response();
        let late = cx.take_late();
        let failures = Failures::new(cx, self.router.internals());
        let mut response = match (result, response) {
            (Err(error), _) => failures.answer(&error),
            (Ok(()), Some(response)) => response,
            (Ok(()), None) => failures.answer(&Error::new("no interceptor answered")),
        };
        if let Some(error) = unsendable(&response, self.head) {
            response = failures.answer(&Error::new(error));
        }
        frame(&mut response, self.head);
        if let Some(late) = late {
            interceptors::add_late(response.headers_mut(), &late);
        }
        if let Some(identity) = self.identity.take() {
            identity.show(response.headers_mut());
        }
        if self.span.is_disabled() {
            return response;
        }
        request_span::answered(&self.span, response)
    }
}

impl Future for Answering {
    type Output = (Response, ExecutionId);

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let span = this.span.clone();
        let _inside = (!span.is_disabled()).then(|| span.enter());
        let run = this.run.as_mut().expect("taken only when this is dropped");
        let (mut cx, result) = ready!(Pin::new(run).poll(task));
        let response = this.finish(&mut cx, result);
        Poll::Ready((response, cx.id().clone()))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        if !self.span.is_disabled() {
            let run = self.run.take();
            self.span.in_scope(|| drop(run));
        }
    }
}

/// Takes away the body that a response must not have (RFC 9110, sections 6.4.1, 9.3.2 and 15.3.6).
fn frame(response: &mut Response, head: bool) {
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
}

fn is_bodiless(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED
    )
}

/// Why a response cannot be sent as it is.
fn unsendable(response: &Response, head: bool) -> Option<String> {
    let status = response.status();
    // It announces a response; it cannot be one (RFC 9110, section 15.2).
    if status.is_informational() {
        let status = status.as_u16();
        return Some(format!(
            "the informational status {status} cannot end an exchange"
        ));
    }
    if head || is_bodiless(status) {
        return None;
    }
    let declared = outgoing::declared(response.headers())?;
    let length = http_body::Body::size_hint(response.body()).lower();
    (declared < length)
        .then(|| format!("a response of {length} bytes declares a length of {declared}"))
}

/// What an execution has of the server that runs it. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) shutdown: Shutdown,
    pub(crate) detached: Detached,
}

/// Where a run goes on, and in which span, when its client has left it. The exchange must not have it: what is detached would
/// keep its own task alive.
struct Left {
    detached: Detached,
    span: Span,
}

impl core::Host<Exchange> for Left {
    fn spawn(self, rest: Rest<Exchange>) {
        self.detached.spawn(rest, self.span);
    }
}
