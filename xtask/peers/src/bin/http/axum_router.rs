//! axum, as its documentation serves a router.

use std::net;

use axum::{
    Json, Router,
    extract::{Path, Request},
    middleware::{Next, from_fn},
    response::Response,
    routing::{get, post},
    serve::ListenerExt,
};
use peristyle_peers::{Failure, runtime};

use crate::work::{self, HELLO, INTERCEPTORS, Order, ROUTES, bill};

pub(crate) fn hello(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, Router::new().route("/", get(async || HELLO)))
}

pub(crate) fn parameter(listener: net::TcpListener) -> Result<(), Failure> {
    let item = async |Path(id): Path<u64>| work::item(id);
    let patterns = (0..ROUTES).map(work::pattern);
    let add = |router: Router, pattern: String| router.route(&pattern, get(item));
    serve(listener, patterns.fold(Router::new(), add))
}

pub(crate) fn json(listener: net::TcpListener) -> Result<(), Failure> {
    let total = async |Json(order): Json<Order>| Json(bill(order));
    serve(listener, Router::new().route("/orders", post(total)))
}

pub(crate) fn interceptors(listener: net::TcpListener) -> Result<(), Failure> {
    let router = Router::new()
        .route("/", get(async || HELLO))
        .route("/passes", get(async || work::passes()));
    let layered = (0..INTERCEPTORS).fold(router, |router, _| router.layer(from_fn(count)));
    serve(listener, layered)
}

async fn count(request: Request, next: Next) -> Response {
    work::pass();
    let response = next.run(request).await;
    work::pass();
    response
}

fn serve(listener: net::TcpListener, router: Router) -> Result<(), Failure> {
    runtime::run(listener, async |listener| {
        let listener = listener.tap_io(|stream| {
            stream
                .set_nodelay(true)
                .expect("the peer waits for an answer");
        });
        Ok(axum::serve(listener, router).await?)
    })
}
