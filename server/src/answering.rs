//! The future that answers one request.

use std::{
    future::Future,
    pin::Pin,
    task::{self, Poll, ready},
};

use http::{HeaderMap, Method, StatusCode, header};
use peristyle_core::{BoxFuture, Error, ExecutionId, handover::SocketOffer};
use tracing::Span;

use crate::{
    Body, Context, Response, Router, Shutdown,
    detached::Detached,
    interceptors::{self, Identity, request_span},
    lifeline::Line,
    outgoing,
    problem::{self, Failures, Internals},
};

/// A walk through the router's chain, and the response that is made of its end. Dropping it leaves the exchange.
///
/// It is no `async fn`: those move what they are given, and what they give back, once more for each that calls another. For the
/// same reason it is small.
pub(crate) struct Answering {
    /// `None` once it has ended.
    run: Option<BoxFuture<'static, Walked>>,
    line: Line,
    /// Who goes on with the walk when its client has left it. The exchange must not have it: what is detached would keep its own
    /// task alive.
    detached: Detached,
    span: Enabled,
}

/// A span, unless it is disabled.
type Enabled = Option<Box<Span>>;

/// The end of a walk. The response stays in the context until it is wanted: it is large, and moved at each step otherwise.
pub(crate) struct Walked {
    cx: Box<Context>,
    declared: Option<u64>,
    closes: bool,
    /// Of the walk, for what the context has to drop.
    span: Enabled,
}

impl Walked {
    pub(crate) fn into_answered(mut self) -> Answered {
        let response = self.cx.take_response().unwrap_or_default();
        let (id, cx) = (self.cx.id().clone(), self.cx);
        match self.span {
            None => drop(cx),
            Some(span) => span.in_scope(|| drop(cx)),
        }
        Answered {
            response,
            id,
            declared: self.declared,
            closes: self.closes,
        }
    }
}

/// What is answered.
pub(crate) struct Answered {
    pub(crate) response: Response,
    pub(crate) id: ExecutionId,
    /// The length of the body that the head declares.
    pub(crate) declared: Option<u64>,
    /// Whether the client said that it will close the connection.
    pub(crate) closes: bool,
}

impl Answering {
    /// Takes the first step when it is polled.
    pub(crate) fn new(
        router: &Router,
        mut cx: Box<Context>,
        detached: Detached,
        identity: Option<Box<Identity>>,
    ) -> Self {
        let line = cx.line().clone();
        let span = (!cx.span().is_disabled()).then(|| Box::new(cx.span().clone()));
        request_span::identified(&cx);
        cx.terminate_when(|cx| cx.response().is_some());
        cx.on_detach(line.on_detach());
        let chain = router.chain().clone();
        let ending = Ending {
            internals: router.internals(),
            identity,
            head: *cx.method() == Method::HEAD,
            line: line.clone(),
            span: span.clone(),
        };
        let run = async move {
            let result = chain.run(&mut cx).await;
            ending.answer(cx, result)
        };
        Self {
            run: Some(Box::pin(run)),
            line,
            detached,
            span,
        }
    }
}

/// What the response is made with when the walk has ended.
struct Ending {
    internals: Internals,
    identity: Option<Box<Identity>>,
    /// Whether the request is one for the head alone.
    head: bool,
    /// Those of the exchange, which a stage can take away.
    line: Line,
    span: Enabled,
}

impl Ending {
    fn answer(self, mut cx: Box<Context>, result: Result<(), Error>) -> Walked {
        if self.line.is_abandoned() {
            log_unhandled(&cx, result);
            return Walked {
                cx,
                declared: None,
                closes: false,
                span: None,
            };
        }
        if result.is_err() || cx.response().is_none() {
            let none = || Error::new("no interceptor answered");
            self.fail(&mut cx, &result.err().unwrap_or_else(none));
        }
        let mut declared = self.declared(&cx);
        let response = cx.response();
        if let Some(error) = response.and_then(|response| unsendable(response, declared)) {
            self.fail(&mut cx, &Error::new(error));
            declared = self.declared(&cx);
        }
        self.finish(&mut cx);
        // Nobody else asks.
        let closes = cx.response().is_some_and(offers_body) && closes(cx.headers());
        Walked {
            cx,
            declared,
            closes,
            span: None,
        }
    }

    fn declared(&self, cx: &Context) -> Option<u64> {
        declared(cx.response()?, self.head)
    }

    #[cold]
    fn fail(&self, cx: &mut Context, error: &Error) {
        let response = Failures::new(cx, self.internals).answer(error);
        cx.set_response(response);
    }

    /// What is done to every response.
    fn finish(self, cx: &mut Context) {
        let late = cx.take_late();
        let Some(response) = cx.response_mut() else {
            return;
        };
        frame(response, self.head);
        if let Some(late) = late {
            interceptors::add_late(response.headers_mut(), &late);
        }
        if let Some(identity) = self.identity {
            identity.show(response.headers_mut());
        }
        if let Some(span) = &self.span {
            request_span::answered(span, response);
        }
    }
}

/// Nobody is there for the response; an error that nobody handled is logged as any other.
#[cold]
fn log_unhandled(cx: &Context, result: Result<(), Error>) {
    if let Err(error) = result {
        problem::log(&error, &problem::of(&error), cx.id());
    }
}

/// Whether the body can go on to write itself to a socket.
pub(crate) fn offers_body(response: &Response) -> bool {
    let Some(offer) = response.extensions().get::<SocketOffer>() else {
        return false;
    };
    response
        .body()
        .given()
        .is_some_and(|given| offer.fits(given))
}

/// RFC 9112, section 9.6.
pub(crate) fn closes(headers: &HeaderMap) -> bool {
    let options = headers.get_all(header::CONNECTION).iter();
    let mut options = options.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    options.any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}

impl Future for Answering {
    type Output = Walked;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let _inside = this.span.as_deref().map(Span::enter);
        let run = this.run.as_mut().expect("polled until it is ready");
        let walked = ready!(run.as_mut().poll(task));
        this.run = None;
        let span = this.span.clone();
        Poll::Ready(Walked { span, ..walked })
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Some(run) = self.run.take() else { return };
        let span = self.span.take().map_or_else(Span::none, |span| *span);
        if self.line.is_detached() {
            self.line.abandon();
            self.detached.spawn(run, span);
        } else {
            span.in_scope(|| drop(run));
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

/// The length that a response declares for a body that it has.
pub(crate) fn declared(response: &Response, head: bool) -> Option<u64> {
    if head || is_bodiless(response.status()) {
        return None;
    }
    outgoing::declared(response.headers())
}

/// Why a response cannot be sent as it is.
fn unsendable(response: &Response, declared: Option<u64>) -> Option<String> {
    let status = response.status();
    // It announces a response; it cannot be one (RFC 9110, section 15.2).
    if status.is_informational() {
        let status = status.as_u16();
        return Some(format!(
            "the informational status {status} cannot end an exchange"
        ));
    }
    let declared = declared?;
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
