//! The interceptors that no service goes without.
//!
//! Each is a value to be put into a chain with [`Link::new`]. In the order in which they should be entered, and why:
//!
//! | interceptor | why there |
//! |---|---|
//! | [`AccessLog`] | outermost, so that it counts the time of all others and sees what each of them answers |
//! | [`TraceContext`] | before anything that logs or calls other services |
//! | [`SecurityHeaders`] | around all that may answer, refusals and preflights included |
//! | [`Cors`] | before what refuses: a browser hides a 503 without its headers from the page; a preflight takes no permit |
//! | [`WhenUnavailable`] | outside of what refuses, and inside of [`Cors`], whose headers its answer needs too |
//! | [`ConcurrencyLimit`] | before any work is done, and outside of [`Interrupts`](crate::Interrupts), so that waiting in the queue is not counted as work |
//! | `Compression` | inside of what bounds the work, since compressing is work; outside of all that makes or changes a response, errors included |
//! | [`Interrupts`](crate::Interrupts) | the time-out of handlers: inside of what must not be cut short, outside of all that may wait for others |
//! | [`BodyLimit`] | anywhere before the body is read; an inner one takes the place of an outer one |
//! | `Decompression` | before the body is read, and after what must see it as it came, such as a check of its signature |
//!
//! `Compression` and `Decompression` take the feature `compression`; `zstd` adds that coding, and needs a C compiler.
//!
//! [`defaults`] are those among them that need no decision. [`RequestId`] and [`RequestSpan`] are no interceptors: the identity of a
//! request and its span are there before its chain begins; see [`Router::request_id`](crate::Router::request_id) and
//! [`Router::request_span`](crate::Router::request_span).
//!
//! ```
//! use peristyle_core::{Link, handler};
//! use peristyle_server::{Context, Routes, interceptors::{self, ConcurrencyLimit, Cors, RequestId}};
//!
//! let cors = Cors::origins(["https://app.example.org"])?;
//! let router = Routes::new()
//!     .interceptors(interceptors::defaults())
//!     .interceptors([Link::new(cors), Link::new(ConcurrencyLimit::new(512).queue(64))])
//!     .get("/", handler(async |_: &mut Context| "hello"))
//!     .build()?
//!     .request_id(RequestId::new());
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```
//!
//! Headers are put on error exits too, wherever the response to the error is made: by an interceptor of yours, by the router's
//! own, or after the chain has ended. An interceptor of yours does the same with [`Exchange::late_headers`].

mod access_log;
mod body_limit;
#[cfg(feature = "compression")]
mod coding;
#[cfg(feature = "compression")]
mod compression;
mod concurrency_limit;
mod cors;
#[cfg(feature = "compression")]
mod decompression;
mod random;
mod request_id;
pub(crate) mod request_span;
mod security_headers;
mod trace_context;
mod when_unavailable;

use http::{
    HeaderMap, HeaderValue,
    header::{SET_COOKIE, VARY},
};
use peristyle_core::{Chain, Link};

use crate::Exchange;

#[cfg(feature = "compression")]
pub(crate) use self::coding::Decoder;
pub(crate) use self::request_id::Identity;
pub use self::{
    access_log::AccessLog,
    body_limit::BodyLimit,
    concurrency_limit::ConcurrencyLimit,
    cors::{AnyOrigin, Cors, InvalidOrigin, SomeOrigins},
    request_id::RequestId,
    request_span::RequestSpan,
    security_headers::{Framing, SecurityHeaders},
    trace_context::{Trace, TraceContext},
    when_unavailable::WhenUnavailable,
};
#[cfg(feature = "compression")]
pub use self::{coding::Coding, compression::Compression, decompression::Decompression};

/// What every service can have without a decision: [`AccessLog`], [`TraceContext`], [`SecurityHeaders`] and [`BodyLimit`], each
/// with its defaults, in this order.
///
/// [`Cors`] is not among them because its origins are yours to name, nor [`ConcurrencyLimit`], whose number depends on what a
/// request costs: a limit that is too low for one service does not protect another. [`Interrupts`](crate::Interrupts) are not, since
/// how long a handler may take depends on what it does, and by default it may take as long as it likes. `Compression` is not, because
/// a response with a secret in it must not be compressed without a thought, nor `Decompression`, which would let every route read
/// what few clients send.
///
/// ```
/// use peristyle_server::interceptors;
///
/// let names: Vec<_> = interceptors::defaults().iter().map(|link| link.name().to_string()).collect();
/// assert_eq!(names, ["access_log", "trace_context", "security_headers", "body_limit"]);
/// ```
pub fn defaults() -> Chain<Exchange> {
    Chain::new([
        Link::new(AccessLog::new()),
        Link::new(TraceContext::new()),
        Link::new(SecurityHeaders::new()),
        Link::new(BodyLimit::default()),
    ])
}

/// Adds the headers that stages have left for whatever response there would be. What it has itself stays.
pub(crate) fn add_late(headers: &mut HeaderMap, late: &HeaderMap) {
    for name in late.keys() {
        let values = late.get_all(name);
        if name == VARY {
            values.iter().for_each(|value| vary(headers, value));
        } else if name == SET_COOKIE || !headers.contains_key(name) {
            for value in values {
                headers.append(name, value.clone());
            }
        }
    }
}

/// Adds what a response varies with, unless it says so already.
pub(crate) fn vary(headers: &mut HeaderMap, with: &HeaderValue) {
    let named = |value: &HeaderValue| {
        let mut names = value.as_bytes().split(|byte| *byte == b',');
        names.any(|name| {
            let name = name.trim_ascii();
            name == b"*" || name.eq_ignore_ascii_case(with.as_bytes())
        })
    };
    if !headers.get_all(VARY).iter().any(named) {
        headers.append(VARY, with.clone());
    }
}
