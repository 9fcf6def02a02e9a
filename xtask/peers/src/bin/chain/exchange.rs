//! What every peer carries, and what every interceptor does with it: it counts one on the way in and one on the way out.

use std::cell::Cell;

use axum::body::Body;

pub(crate) type Request = http::Request<Body>;
pub(crate) type Response = http::Response<Body>;

thread_local! {
    /// Beside the request, not in it: a count in its extensions costs more than what is measured, in every peer alike.
    static PASSES: Cell<u64> = const { Cell::new(0) };
}

pub(crate) fn request() -> Request {
    Request::new(Body::empty())
}

/// The interceptor's way in.
pub(crate) fn enter(_request: &mut Request) {
    count();
}

/// The interceptor's way out.
pub(crate) fn leave(_response: &mut Response) {
    count();
}

/// The endpoint.
pub(crate) fn answer(_request: &Request) -> Response {
    Response::new(Body::empty())
}

/// How many times an interceptor was passed, in or out, since this was last asked.
pub(crate) fn take_passes() -> u64 {
    PASSES.take()
}

fn count() {
    PASSES.set(PASSES.get() + 1);
}
