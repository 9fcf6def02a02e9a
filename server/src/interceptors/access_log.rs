//! One line in the log for each exchange.

use std::fmt;

use http::StatusCode;
use peristyle_core::{Error, Interceptor, Name, Stages, Step};
use tokio::time::Instant;
use tracing::Level;

use super::Trace;
use crate::{Context, Exchange, RouteInfo, problem};

/// An interceptor that logs each exchange once, when the response's head is made, as an event of `tracing` with the target
/// `peristyle_server::access`.
///
/// | field | what |
/// |---|---|
/// | `method`, `path` | of the request, without the query, which may have secrets |
/// | `route` | the pattern of the route; absent when none matched |
/// | `status` | of the response |
/// | `micros` | from here to the response's head, in microseconds; how many bytes its body has, when and how it ends, is not known yet |
/// | `id` | of the execution, as in its errors |
/// | `peer` | the address of the client's end of the connection; absent where there is no socket |
/// | `trace_id`, `span_id`, `parent_id` | of the [`Trace`] that a [`TraceContext`](super::TraceContext) inside or outside of this has left |
///
/// The level is error for a status of the 500s, warn for the 400s and for a 503 with a `Retry-After`, info for the rest. When the client leaves before there is a
/// response, the event says so at debug level and has no status. An error that is still pending here has the status of the
/// response that the router will make of it. Nothing is measured while no subscriber wants errors of this target.
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

/// When the request came.
struct Began(Instant);

impl AccessLog {
    /// With the defaults.
    pub fn new() -> Self {
        Self
    }
}

/// An event at a level, which must be known where it is written.
macro_rules! event {
    ($level:expr, $cx:ident, $status:expr, $message:literal) => {{
        let trace = $cx.get::<Trace>();
        tracing::event!(
            target: TARGET,
            $level,
            method = $cx.method().as_str(),
            path = $cx.uri().path(),
            route = $cx.route().map(RouteInfo::pattern),
            status = $status,
            micros = $cx.get().map(Began::micros),
            id = %$cx.id(),
            peer = $cx.peer().map(display),
            trace_id = trace.map(|trace| display(Hex(trace.trace_id(), 32))),
            span_id = trace.map(|trace| display(Hex(trace.span_id().into(), 16))),
            parent_id = trace.and_then(Trace::parent_id).map(|id| display(Hex(id.into(), 16))),
            $message
        );
    }};
}

fn log(cx: &Context, status: StatusCode, fault: bool) {
    let number = status.as_u16();
    if fault {
        event!(Level::ERROR, cx, number, "answered");
    } else if status.is_client_error() || status.is_server_error() {
        event!(Level::WARN, cx, number, "answered");
    } else {
        event!(Level::INFO, cx, number, "answered");
    }
}

impl Began {
    fn micros(&self) -> u64 {
        u64::try_from(self.0.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// A number in so many hexadecimal digits.
struct Hex(u128, usize);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0width$x}", self.0, width = self.1)
    }
}

impl Interceptor<Exchange> for AccessLog {
    fn stages(&self) -> Stages {
        Stages::ENTER | Stages::LEAVE | Stages::ERROR
    }

    fn name(&self) -> Name {
        Name::new("access_log").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        if tracing::enabled!(target: TARGET, Level::ERROR) {
            cx.insert(Began(Instant::now()));
        }
        Step::next()
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        // Without a response the router makes one of this status.
        let none = (StatusCode::INTERNAL_SERVER_ERROR, true);
        let (status, fault) = cx.response().map_or(none, |response| {
            let status = response.status();
            (status, problem::is_fault(status, response.headers()))
        });
        log(cx, status, fault);
        Step::next()
    }

    fn error<'a>(&'a self, cx: &'a mut Context, error: Error) -> Step<'a, Exchange> {
        let problem = problem::of(&error);
        log(cx, problem.status(), problem.is_fault());
        Step::Absent
    }

    fn cancel(&self, cx: &mut Context) {
        let status = None::<u16>;
        event!(
            Level::DEBUG,
            cx,
            status,
            "the client left before it was answered"
        );
    }
}
