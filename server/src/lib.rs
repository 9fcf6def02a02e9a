//! The HTTP server of Peristyle.

mod body;
mod connection;
mod exchange;
mod lifeline;
mod outgoing;
mod problem;
mod request_body;
mod response;
mod router;
mod routes;
mod server;
mod shutdown;
mod test_client;
mod wire;

pub use self::{
    body::Body,
    exchange::{Context, Exchange},
    lifeline::{Disconnected, Exit},
    problem::Problem,
    request_body::{BodyError, RequestBody},
    response::{Html, IntoResponse, Json, Redirect, Response},
    router::Router,
    routes::{Route, RouteError, RouteErrors, RouteInfo, Routes},
    server::Server,
    shutdown::Shutdown,
    test_client::{TestClient, TestRequest, TestResponse},
};
