//! W3C Trace Context: which trace a request belongs to.

use std::fmt;

use http::{HeaderMap, HeaderValue};
use peristyle_core::{Interceptor, Name, Stages, Step};

use super::{random::Numbers, request_span};
use crate::{Context, Exchange};

/// An interceptor that leaves a [`Trace`] in the context: the one that the request's `traceparent` names, continued, or a new one
/// when there is none or it is not valid.
///
/// [`AccessLog`](super::AccessLog) writes it. A handler that calls another service gives it on, as the header `traceparent`;
/// `tracestate` is not looked at, and can be given on as it came. A [`RequestSpan`](super::RequestSpan) has its ids.
///
/// ```
/// use http::HeaderValue;
/// use peristyle_core::{Link, Missing, handler};
/// use peristyle_server::{Context, Routes, TestClient, interceptors::{Trace, TraceContext}};
///
/// /// What another service would be sent.
/// fn outgoing(cx: &mut Context) -> Result<String, Missing> {
///     Ok(cx.require::<Trace>()?.to_string())
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new()
///     .interceptors(Link::new(TraceContext::new().seeded(1)))
///     .get("/", handler(outgoing))
///     .build()?;
/// let incoming = HeaderValue::from_static("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
/// let client = TestClient::new(router);
/// let response = client.get("/").header(http::HeaderName::from_static("traceparent"), incoming).send().await;
/// let outgoing = response.text().await?;
/// assert!(outgoing.starts_with("00-0af7651916cd43dd8448eb211c80319c-") && outgoing.ends_with("-01"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct TraceContext {
    incoming: Incoming,
    numbers: Numbers,
}

#[derive(Debug)]
enum Incoming {
    Continued,
    Restarted,
}

impl TraceContext {
    /// Continues the traces that come.
    pub fn new() -> Self {
        Self {
            incoming: Incoming::Continued,
            numbers: Numbers::random(),
        }
    }

    /// Begins a new trace with each request, whatever it brings. Default is to continue; on the edge to the outside a stranger
    /// should not choose what your traces are called.
    #[must_use]
    pub fn restart(mut self) -> Self {
        self.incoming = Incoming::Restarted;
        self
    }

    /// Makes the same ids from the same seed, for tests. Default is that nobody can tell the next one.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.numbers = Numbers::seeded(seed);
        self
    }

    fn trace(&self, request: &HeaderMap) -> Trace {
        let span = nonzero(|| self.numbers.next());
        let incoming = match self.incoming {
            Incoming::Continued => incoming(request),
            Incoming::Restarted => None,
        };
        match incoming {
            Some(Parent {
                trace,
                parent,
                flags,
            }) => Trace {
                trace,
                span,
                parent: Some(parent),
                flags,
            },
            None => Trace {
                trace: nonzero(|| self.numbers.next_wide()),
                span,
                parent: None,
                flags: SAMPLED,
            },
        }
    }
}

/// An id of zeros is not valid.
fn nonzero<N: Default + PartialEq>(mut next: impl FnMut() -> N) -> N {
    loop {
        let id = next();
        if id != N::default() {
            return id;
        }
    }
}

impl Default for TraceContext {
    fn default() -> Self {
        Self::new()
    }
}

impl Interceptor<Exchange> for TraceContext {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::new("trace_context").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let trace = self.trace(cx.headers());
        request_span::traced(cx, &trace);
        cx.insert(trace);
        Step::next()
    }
}

/// Which trace a request belongs to, left by [`TraceContext`]. It displays as the `traceparent` for what this request calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trace {
    trace: u128,
    span: u64,
    parent: Option<u64>,
    flags: u8,
}

/// The caller may have recorded the trace. Of a trace that begins here this says: record it.
const SAMPLED: u8 = 1;
/// The trace id is random (level 2 of the recommendation).
const RANDOM: u8 = 2;

impl Trace {
    /// The id of the trace: 32 hexadecimal digits as text. Never zero.
    pub fn trace_id(&self) -> u128 {
        self.trace
    }

    /// The id of this request in the trace: 16 hexadecimal digits as text. Never zero.
    pub fn span_id(&self) -> u64 {
        self.span
    }

    /// The id of what called, if the trace did not begin here.
    pub fn parent_id(&self) -> Option<u64> {
        self.parent
    }

    /// Whether the trace is to be recorded.
    pub fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// The `traceparent` of a request to another service.
impl From<Trace> for HeaderValue {
    fn from(trace: Trace) -> Self {
        Self::try_from(trace.to_string()).expect("digits are allowed in a header")
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            trace, span, flags, ..
        } = self;
        write!(f, "00-{trace:032x}-{span:016x}-{flags:02x}")
    }
}

/// What a `traceparent` says.
#[derive(Debug, PartialEq)]
struct Parent {
    trace: u128,
    parent: u64,
    flags: u8,
}

fn incoming(request: &HeaderMap) -> Option<Parent> {
    let mut values = request.get_all("traceparent").iter();
    let value = values.next().filter(|_| values.next().is_none())?;
    parse(value.as_bytes())
}

/// Trace Context, section 3.2.2. A version to come may have more at its end, after a dash; `ff` is none.
fn parse(value: &[u8]) -> Option<Parent> {
    let (known, rest) = value.split_at_checked(55)?;
    let version = hex(&known[..2])?;
    let ends = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.first().is_none_or(|byte| *byte == b'-'),
    };
    let dashes = [2, 35, 52].iter().all(|at| known[*at] == b'-');
    let trace = hex(&known[3..35])?;
    let parent = u64::try_from(hex(&known[36..52])?).ok()?;
    let flags = u8::try_from(hex(&known[53..])?).ok()? & (SAMPLED | RANDOM);
    let valid = ends && dashes && trace != 0 && parent != 0;
    valid.then_some(Parent {
        trace,
        parent,
        flags,
    })
}

/// At most 32 digits, in lower case only.
fn hex(digits: &[u8]) -> Option<u128> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u128::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: u128 = 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c;
    const PARENT: u64 = 0xb7ad_6b71_6920_3331;

    #[test]
    fn a_traceparent_is_taken_to_the_letter() {
        let valid = [
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 1),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", 0),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", 3),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 1),
            (
                "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
                1,
            ),
        ];
        for (value, flags) in valid {
            let (trace, parent) = (TRACE, PARENT);
            let expected = Parent {
                trace,
                parent,
                flags,
            };
            assert_eq!(parse(value.as_bytes()), Some(expected), "{value}");
        }
        let invalid = [
            "",
            "00",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 ",
            "cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01.what",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-B7AD6B7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331_01",
            "0x-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        ];
        for value in invalid {
            assert_eq!(parse(value.as_bytes()), None, "{value}");
        }
    }
}
