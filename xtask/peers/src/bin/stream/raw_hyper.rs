//! The floor: hyper with a function written by hand for each case. No router, no limits, no clock but for the date.

use std::{convert::Infallible, net};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Either, Empty, StreamBody};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use peristyle_peers::{Failure, runtime};
use tokio::{
    fs::File,
    net::TcpListener,
    sync::mpsc,
    task::{JoinSet, LocalSet},
};
use tokio_stream::{StreamExt, iter, wrappers::ReceiverStream};
use tokio_util::io::ReaderStream;

use crate::{
    file,
    work::{self, AHEAD, times},
};

pub(crate) fn large(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, async |count| ready(work::large(), count))
}

pub(crate) fn small(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, async |count| ready(work::small(), count))
}

pub(crate) fn channel(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, async |count| sent(count, work::small))
}

pub(crate) fn events(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, async |count| sent(count, work::event))
}

/// Each event is encoded when it is sent.
pub(crate) fn encoded(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, async |count| {
        let (sender, receiver) = mpsc::channel(AHEAD);
        tokio::task::spawn_local(async move {
            for _ in 0..count {
                let event = format!("data: {}\n\n", work::TEXT);
                if sender.send(Bytes::from(event)).await.is_err() {
                    return;
                }
            }
        });
        let values = ReceiverStream::new(receiver);
        StreamBody::new(values.map(|value| Ok::<_, Failure>(Frame::data(value))))
    })
}

pub(crate) fn file(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, async |count| {
        let path = file::path(count);
        let file = File::open(path).await.expect("it was made");
        let values = ReaderStream::with_capacity(file, 64 * 1024);
        StreamBody::new(values.map(|value| value.map(Frame::data)))
    })
}

fn ready(value: &'static [u8], count: usize) -> impl Body<Data = Bytes, Error = Failure> {
    let values = times(value, count).map(|value| Ok(Frame::data(value)));
    StreamBody::new(iter(values))
}

/// A task of its own sends the values.
fn sent(count: usize, value: fn() -> &'static [u8]) -> impl Body<Data = Bytes, Error = Failure> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::task::spawn_local(async move {
        for value in times(value(), count) {
            if sender.send(value).await.is_err() {
                return;
            }
        }
    });
    let values = ReceiverStream::new(receiver);
    StreamBody::new(values.map(|value| Ok(Frame::data(value))))
}

fn serve<B>(
    listener: net::TcpListener,
    stream: impl AsyncFn(usize) -> B + Copy + 'static,
) -> Result<(), Failure>
where
    B: Body<Data = Bytes, Error: Into<Failure>> + 'static,
{
    runtime::run(listener, async |listener| accept(&listener, stream).await)
}

async fn accept<B>(
    listener: &TcpListener,
    stream: impl AsyncFn(usize) -> B + Copy + 'static,
) -> Result<(), Failure>
where
    B: Body<Data = Bytes, Error: Into<Failure>> + 'static,
{
    let mut connections = JoinSet::new();
    let local = LocalSet::new();
    local
        .run_until(async {
            loop {
                let (socket, _) = listener.accept().await?;
                socket.set_nodelay(true)?;
                let respond = move |request| async move {
                    Ok::<_, Infallible>(answer(request, stream).await)
                };
                let connection = http1::Builder::new()
                    .serve_connection(TokioIo::new(socket), service_fn(respond));
                connections.spawn_local(connection);
            }
        })
        .await
}

async fn answer<B>(
    request: Request<Incoming>,
    stream: impl AsyncFn(usize) -> B,
) -> Response<Either<B, impl Body<Data = Bytes, Error = B::Error>>>
where
    B: Body<Data = Bytes>,
{
    let Ok(count) = work::count(request.uri().path()) else {
        let mut response = Response::new(Either::Right(Empty::new().map_err(never)));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    Response::new(Either::Left(stream(count).await))
}

fn never<E>(error: Infallible) -> E {
    match error {}
}
