//! axum: `middleware::from_fn` around a router's one route.

use axum::{
    Router,
    middleware::{Next, from_fn},
    routing::get,
};
use tower::ServiceBuilder;

use crate::{
    exchange::{Request, Response, answer, enter, leave},
    peer::Run,
    tower_layers::{serving, stacked},
};

/// `N` calls of `Router::layer`. Each boxes what it wraps, and clones all of it for each request: the allocations grow with
/// the square of the depth, to 17 million a run at 4,096.
pub(crate) fn chained(depth: usize) -> Run {
    over((0..depth).fold(endpoint(), |router, _| router.layer(from_fn(middleware))))
}

/// One call of `Router::layer` with `N` layers in a `ServiceBuilder`. Their depth is part of a type. The one of 64 takes the
/// compiler half a minute, and no deeper one is tried.
pub(crate) fn in_one_builder(depth: usize) -> Option<Run> {
    let builder = ServiceBuilder::new();
    let router = match depth {
        0 => endpoint(),
        1 => endpoint().layer(stacked!(1, builder, from_fn(middleware))),
        4 => endpoint().layer(stacked!(4, builder, from_fn(middleware))),
        16 => endpoint().layer(stacked!(16, builder, from_fn(middleware))),
        64 => endpoint().layer(stacked!(64, builder, from_fn(middleware))),
        _ => return None,
    };
    Some(over(router))
}

fn endpoint() -> Router {
    Router::new().route("/", get(async |request: Request| answer(&request)))
}

/// Without `with_state` the layers would be applied again for each request; `axum::serve` sees to that too.
fn over(router: Router) -> Run {
    serving(router.with_state(()))
}

async fn middleware(mut request: Request, next: Next) -> Response {
    enter(&mut request);
    let mut response = next.run(request).await;
    leave(&mut response);
    response
}
