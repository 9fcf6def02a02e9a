//! hyper with functions written by hand: the bytes of an event are shared over tokio's broadcast.

use std::{convert::Infallible, net};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header::CONTENT_TYPE};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Either, Empty, StreamBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use peristyle_peers::{Failure, runtime};
use tokio::{
    net::TcpListener,
    sync::broadcast::Sender,
    task::{JoinSet, LocalSet},
};
use tokio_stream::{StreamExt, wrappers::BroadcastStream};

use super::{KEPT, encoded};

const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream");

pub(super) fn serve(listener: net::TcpListener) -> Result<(), Failure> {
    let events = Sender::new(KEPT);
    runtime::run(listener, async |listener| accept(&listener, &events).await)
}

async fn accept(listener: &TcpListener, events: &Sender<Bytes>) -> Result<(), Failure> {
    let mut connections = JoinSet::new();
    let local = LocalSet::new();
    local
        .run_until(async {
            loop {
                let (socket, _) = listener.accept().await?;
                socket.set_nodelay(true)?;
                let events = events.clone();
                let respond = move |request| {
                    let events = events.clone();
                    async move { answer(request, &events).await }
                };
                let connection = http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service_fn(respond));
                connections.spawn_local(connection);
            }
        })
        .await
}

async fn answer(
    request: Request<Incoming>,
    events: &Sender<Bytes>,
) -> Result<Response<impl Body<Data = Bytes, Error = Failure> + use<>>, Failure> {
    match (request.method(), request.uri().path()) {
        (&Method::GET, "/events") => {
            let mut response = Response::new(Either::Left(follow(events)));
            response.headers_mut().insert(CONTENT_TYPE, EVENTS);
            Ok(response)
        }
        (&Method::POST, "/publish") => {
            let data = request.into_body().collect().await?.to_bytes();
            // Without a follower nobody gets it.
            let _followers = events.send(encoded(std::str::from_utf8(&data)?).into());
            Ok(empty(StatusCode::NO_CONTENT))
        }
        _ => Ok(empty(StatusCode::NOT_FOUND)),
    }
}

/// Who is too slow loses the oldest.
fn follow(events: &Sender<Bytes>) -> impl Body<Data = Bytes, Error = Infallible> + use<> {
    let events = BroadcastStream::new(events.subscribe());
    StreamBody::new(events.filter_map(|event| event.ok().map(Frame::data).map(Ok)))
}

fn empty<B>(status: StatusCode) -> Response<Either<B, Empty<Bytes>>> {
    let mut response = Response::new(Either::Right(Empty::new()));
    *response.status_mut() = status;
    response
}
