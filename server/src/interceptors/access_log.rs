//! One line in the log for each exchange.

use std::{fmt, net::SocketAddr};

use http::{Method, Uri};
use peristyle_core::{Error, ExecutionId, Interceptor, Name, Stages, Step};
use tracing::Level;

use super::Trace;
use crate::{Context, Ended, Exchange, Response, problem};

/// An interceptor that logs each exchange once, when its response has been sent or was cut off, as an event of `tracing` with
/// the target `peristyle_server::access`.
///
/// | field | what |
/// |---|---|
/// | `method`, `path` | of the request, without the query, which may have secrets |
/// | `route` | the pattern of the route; absent when none matched |
/// | `status` | of the response; absent when there was none |
/// | `bytes` | of the response's body: [`Ended::bytes`] |
/// | `micros` | from the end of the request's head to the end of the exchange, in microseconds |
/// | `exit` | how it ended: `served`, `left`, `aborted` or `shutdown`; see [`Exit`](crate::Exit) |
/// | `id` | of the execution, as in its errors |
/// | `peer` | the address of the client's end of the connection; absent where there is no socket |
/// | `trace_id`, `span_id`, `parent_id` | of the [`Trace`] that a [`TraceContext`](super::TraceContext) inside or outside of this has left |
///
/// The level is error for a status of the 500s, warn for the 400s and for a 503 with a `Retry-After`, info for the rest; debug where
/// the client left before there was a response. Nothing is done while no subscriber wants errors of this target.
///
/// ```
/// use peristyle_core::{Link, handler};
/// use peristyle_server::{Context, Routes, interceptors::AccessLog};
///
/// let router = Routes::new()
///     .interceptors(Link::new(AccessLog::new()))
///     .get("/", handler(async |_: &mut Context| "hello"))
///     .build()?;
/// # Ok::<(), peristyle_server::RouteErrors>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct AccessLog;

const TARGET: &str = "peristyle_server::access";

impl AccessLog {
    /// With the defaults.
    pub fn new() -> Self {
        Self
    }
}

/// What the line says of the request; the exchange is gone when it is written.
struct Line {
    method: Method,
    uri: Uri,
    route: Option<String>,
    id: ExecutionId,
    peer: Option<SocketAddr>,
    trace: Option<Trace>,
    /// The server has told the client to come again, which is no fault of it.
    shed: bool,
}

/// An event at a level, which must be known where it is written.
macro_rules! event {
    ($level:expr, $line:ident, $ended:ident) => {{
        let trace = $line.trace.as_ref();
        tracing::event!(
            target: TARGET,
            $level,
            method = $line.method.as_str(),
            path = $line.uri.path(),
            route = $line.route.as_deref(),
            status = $ended.status().map(|status| status.as_u16()),
            bytes = $ended.bytes(),
            micros = u64::try_from($ended.elapsed().as_micros()).unwrap_or(u64::MAX),
            exit = $ended.exit().as_str(),
            id = %$line.id,
            peer = $line.peer.map(display),
            trace_id = trace.map(|trace| display(Hex(trace.trace_id(), 32))),
            span_id = trace.map(|trace| display(Hex(trace.span_id().into(), 16))),
            parent_id = trace.and_then(Trace::parent_id).map(|id| display(Hex(id.into(), 16))),
            "exchange ended"
        );
    }};
}

impl Line {
    fn of(cx: &Context, shed: bool) -> Self {
        Self {
            shed,
            method: cx.method().clone(),
            uri: cx.uri().clone(),
            route: cx.route().map(|route| route.pattern().to_owned()),
            id: cx.id().clone(),
            peer: cx.peer(),
            trace: cx.get::<Trace>().copied(),
        }
    }

    fn write(&self, ended: &Ended) {
        match ended.status() {
            None => event!(Level::DEBUG, self, ended),
            Some(status) if status.is_server_error() && !self.shed => {
                event!(Level::ERROR, self, ended);
            }
            Some(status) if status.is_client_error() || status.is_server_error() => {
                event!(Level::WARN, self, ended);
            }
            Some(_) => event!(Level::INFO, self, ended),
        }
    }
}

/// A number in so many hexadecimal digits.
struct Hex(u128, usize);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = self.1)
    }
}

/// On the way back all is known that the line says of the request.
fn log_when_ended(cx: &Context, is_shed: impl FnOnce() -> bool) {
    if tracing::enabled!(target: TARGET, Level::ERROR) {
        let line = Line::of(cx, is_shed());
        cx.on_ended(move |ended| line.write(ended));
    }
}

fn is_shed(response: &Response) -> bool {
    !problem::is_fault(response.status(), response.headers())
}

impl Interceptor<Exchange> for AccessLog {
    fn stages(&self) -> Stages {
        Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new("access_log").expect("a valid name")
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        log_when_ended(cx, || cx.response().is_some_and(is_shed));
        Step::next()
    }

    fn error<'a>(&'a self, cx: &'a mut Context, error: Error) -> Step<'a, Exchange> {
        log_when_ended(cx, || !problem::of(&error).is_fault());
        Step::Absent
    }

    fn cancel(&self, cx: &mut Context) {
        log_when_ended(cx, || false);
    }
}
