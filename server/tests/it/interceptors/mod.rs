//! The interceptors that no service goes without.

mod access_log;
mod body_limit;
#[cfg(feature = "compression")]
mod codecs;
#[cfg(feature = "compression")]
mod compression;
mod concurrency_limit;
mod cors;
#[cfg(feature = "compression")]
mod decompression;
mod defaults;
mod handler_timeout;
mod request_id;
mod request_span;
mod security_headers;
mod trace_context;
mod when_unavailable;

use http::{HeaderName, HeaderValue, StatusCode};
use peristyle_core::{Chain, Link, before, handler};
use peristyle_server::{Context, Exchange, Problem, Routes, TestClient, TestResponse};

/// A service with these interceptors for all requests: `/` greets, `/fail` raises a 409.
fn greeter(interceptors: impl Into<Chain<Exchange>>) -> TestClient {
    let routes = Routes::new().interceptors(interceptors);
    let routes = routes
        .get("/", handler(|_: &mut Context| "hello"))
        .get("/fail", refuse());
    TestClient::new(routes.build().unwrap())
}

/// An interceptor that raises a 409.
fn refuse() -> Link<Exchange> {
    before(|_: &mut Context| Err::<(), _>(Problem::new(StatusCode::CONFLICT))).named("refuse")
}

fn name(name: &'static str) -> HeaderName {
    HeaderName::from_static(name)
}

fn value(value: &'static str) -> HeaderValue {
    HeaderValue::from_static(value)
}

/// All values of a header, one after the other.
fn header(response: &TestResponse, name: &str) -> String {
    let values = response.headers().get_all(name).iter();
    let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
    values.join(" | ")
}
