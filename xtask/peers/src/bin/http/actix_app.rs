//! actix-web, with one worker.

use std::net::TcpListener;

use actix_web::{
    App, Error, HttpServer,
    body::BoxBody,
    dev::{ServiceRequest, ServiceResponse},
    middleware::{Next, from_fn},
    rt::System,
    web::{Json, Path, get, post},
};
use peristyle_peers::Failure;

use crate::work::{self, HELLO, Order, ROUTES, bill};

/// As many times as there are interceptors. Each is part of the type; sixteen closures of `wrap_fn` would keep the compiler
/// busy for longer than anyone waits.
macro_rules! sixteen {
    ($app:expr, $wrap:expr) => {
        sixteen!(four sixteen!(four sixteen!(four sixteen!(four $app, $wrap), $wrap), $wrap), $wrap)
    };
    (four $app:expr, $wrap:expr) => {
        $app.wrap($wrap).wrap($wrap).wrap($wrap).wrap($wrap)
    };
}

/// Serves an app, whose type is hardly to be written.
macro_rules! serve {
    ($listener:expr, $app:expr) => {{
        let server = HttpServer::new($app).workers(1).disable_signals();
        Ok(System::new().block_on(server.listen($listener)?.run())?)
    }};
}

pub(crate) fn hello(listener: TcpListener) -> Result<(), Failure> {
    serve!(listener, || App::new().route("/", get().to(async || HELLO)))
}

pub(crate) fn parameter(listener: TcpListener) -> Result<(), Failure> {
    let item = async |id: Path<u64>| work::item(*id);
    let app = move || {
        let patterns = (0..ROUTES).map(work::pattern);
        patterns.fold(App::new(), |app, pattern| {
            app.route(&pattern, get().to(item))
        })
    };
    serve!(listener, app)
}

pub(crate) fn json(listener: TcpListener) -> Result<(), Failure> {
    let total = async |Json(order): Json<Order>| Json(bill(order));
    serve!(listener, move || App::new()
        .route("/orders", post().to(total)))
}

pub(crate) fn interceptors(listener: TcpListener) -> Result<(), Failure> {
    let app = || {
        let app = App::new()
            .route("/", get().to(async || HELLO))
            .route("/passes", get().to(async || work::passes()));
        sixteen!(app, from_fn(count))
    };
    serve!(listener, app)
}

async fn count(request: ServiceRequest, next: Next<BoxBody>) -> Result<ServiceResponse, Error> {
    work::pass();
    let response = next.call(request).await;
    work::pass();
    response
}
