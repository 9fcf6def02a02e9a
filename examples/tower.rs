//! An axum application with a Peristyle router in it, and a Peristyle router with an axum application in it.

use std::net::SocketAddr;

use axum::{
    extract::{ConnectInfo, Request},
    middleware::{Next, from_fn},
    response::Response,
};
use peristyle::{
    BoxError,
    server::{
        Context, Path, Peer, Router, RouterService, Routes, Server, from_tower, handler, mount,
    },
};
use tokio::net::TcpListener;

async fn order(Path(id): Path<u64>) -> String {
    format!("order {id}, by Peristyle")
}

fn prices(cx: &mut Context) -> String {
    let client = cx.peer().map(|peer| peer.ip().to_string());
    format!("prices, by Peristyle, for {}", client.unwrap_or_default())
}

fn old_application() -> axum::Router {
    axum::Router::new()
        .route("/", axum::routing::get("the start page, by axum"))
        .route("/users", axum::routing::get("users, by axum"))
}

/// What axum knows of the client, where Peristyle looks for it.
async fn peer(
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    request.extensions_mut().insert(Peer(address));
    next.run(request).await
}

/// Axum in front: what it has no route for goes to Peristyle.
pub(crate) fn axum_in_front() -> Result<(axum::Router, RouterService), BoxError> {
    let router = Routes::new()
        .get("/orders/{id}", handler(order))
        .get("/prices", handler(prices))
        .build()?;
    let service = router.into_service();
    let app = old_application()
        .fallback_service(service.clone())
        .layer(from_fn(peer));
    Ok((app, service))
}

/// Peristyle in front: the old application is under `/old`, and at the addresses that it always had.
pub(crate) fn peristyle_in_front() -> Result<Router, BoxError> {
    let router = Routes::new()
        .get("/orders/{id}", handler(order))
        .group(mount("/old", old_application()))
        .any("/users", from_tower(old_application()))
        .build()?;
    Ok(router)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let (app, service) = axum_in_front()?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    let draining = service.clone();
    let axum = axum::serve(listener, app).with_graceful_shutdown(async move {
        drop(tokio::signal::ctrl_c().await);
        draining.drain();
    });
    let server = Server::bind("127.0.0.1:8081").await?;
    let peristyle = server.serve(peristyle_in_front()?);
    let (axum, peristyle) = tokio::join!(async { axum.await }, peristyle);
    axum?;
    peristyle?;
    service.finished().await;
    Ok(())
}
