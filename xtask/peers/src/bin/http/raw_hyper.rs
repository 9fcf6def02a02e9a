//! The floor: hyper with a function written by hand for each case. No router, no limits of ours, no clock but for the date.

use std::{convert::Infallible, net};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use peristyle_peers::{Failure, runtime};
use tokio::{
    net::TcpListener,
    task::{JoinSet, LocalSet},
};

use crate::work::{self, HELLO};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

pub(crate) fn hello(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, &http1::Builder::new(), answer_hello)
}

/// With the one time-out that hyper has, which is off unless there is a timer.
pub(crate) fn hello_with_timeout(listener: net::TcpListener) -> Result<(), Failure> {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new());
    serve(listener, &builder, answer_hello)
}

pub(crate) fn parameter(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, &http1::Builder::new(), answer_parameter)
}

pub(crate) fn json(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, &http1::Builder::new(), answer_json)
}

fn serve(
    listener: net::TcpListener,
    builder: &http1::Builder,
    answer: impl AsyncFn(Request<Incoming>) -> Response<Full<Bytes>> + Copy + 'static,
) -> Result<(), Failure> {
    runtime::run(listener, async |listener| {
        accept(&listener, builder, answer).await
    })
}

async fn accept(
    listener: &TcpListener,
    builder: &http1::Builder,
    answer: impl AsyncFn(Request<Incoming>) -> Response<Full<Bytes>> + Copy + 'static,
) -> Result<(), Failure> {
    let mut connections = JoinSet::new();
    let local = LocalSet::new();
    local
        .run_until(async {
            loop {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                let respond =
                    move |request| async move { Ok::<_, Infallible>(answer(request).await) };
                let connection =
                    builder.serve_connection(TokioIo::new(stream), service_fn(respond));
                connections.spawn_local(connection);
            }
        })
        .await
}

async fn answer_hello(_: Request<Incoming>) -> Response<Full<Bytes>> {
    respond(TEXT, HELLO)
}

async fn answer_parameter(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let id = request.uri().path().strip_prefix("/r150/items/");
    match id.and_then(|id| id.parse().ok()) {
        Some(id) => respond(TEXT, work::item(id)),
        None => refuse(),
    }
}

async fn answer_json(request: Request<Incoming>) -> Response<Full<Bytes>> {
    let Ok(body) = request.into_body().collect().await else {
        return refuse();
    };
    let Ok(order) = serde_json::from_slice(&body.to_bytes()) else {
        return refuse();
    };
    match serde_json::to_vec(&work::bill(order)) {
        Ok(bill) => respond(JSON, bill),
        Err(_) => refuse(),
    }
}

fn respond(content_type: HeaderValue, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

fn refuse() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}
