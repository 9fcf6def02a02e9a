//! axum, as its documentation streams bodies and events and serves files.

use std::{convert::Infallible, net};

use axum::{
    Router,
    body::Body,
    extract::Path,
    handler::Handler,
    response::sse::{Event, Sse},
    routing::get,
    serve::ListenerExt,
};
use bytes::Bytes;
use peristyle_peers::{Failure, runtime};
use tokio::sync::mpsc;
use tokio_stream::{StreamExt, iter, wrappers::ReceiverStream};
use tower_http::services::ServeDir;

use crate::{
    file,
    work::{self, AHEAD, TEXT, times},
};

pub(crate) fn large(listener: net::TcpListener) -> Result<(), Failure> {
    serve(
        listener,
        streamed(async |Path(count)| ready(work::large(), count)),
    )
}

pub(crate) fn small(listener: net::TcpListener) -> Result<(), Failure> {
    serve(
        listener,
        streamed(async |Path(count)| ready(work::small(), count)),
    )
}

pub(crate) fn channel(listener: net::TcpListener) -> Result<(), Failure> {
    let stream = async |Path(count)| {
        let values = sent(move || times(work::small(), count));
        Body::from_stream(values.map(Ok::<_, Infallible>))
    };
    serve(listener, streamed(stream))
}

/// axum encodes events as they are made, so these are made once and shared.
pub(crate) fn events(listener: net::TcpListener) -> Result<(), Failure> {
    let stream = async |Path(count): Path<usize>| {
        let event = Event::default().data(TEXT);
        let events = sent(move || std::iter::repeat_n(event, count));
        Sse::new(events.map(Ok::<_, Infallible>))
    };
    serve(listener, streamed(stream))
}

pub(crate) fn encoded(listener: net::TcpListener) -> Result<(), Failure> {
    let stream = async |Path(count): Path<usize>| {
        let events = sent(move || (0..count).map(|_| Event::default().data(TEXT)));
        Sse::new(events.map(Ok::<_, Infallible>))
    };
    serve(listener, streamed(stream))
}

pub(crate) fn file(listener: net::TcpListener) -> Result<(), Failure> {
    let router = Router::new().fallback_service(ServeDir::new(file::folder()));
    serve(listener, router)
}

fn ready(value: &'static [u8], count: usize) -> Body {
    Body::from_stream(iter(times(value, count).map(Ok::<Bytes, Infallible>)))
}

/// A task of its own sends the values.
#[expect(
    clippy::disallowed_methods,
    reason = "as axum's users do; it ends with the connection"
)]
fn sent<I>(values: impl FnOnce() -> I + Send + 'static) -> ReceiverStream<I::Item>
where
    I: Iterator<Item: Send + 'static> + Send,
{
    let (sender, receiver) = mpsc::channel(AHEAD);
    let send = async move {
        for value in values() {
            if sender.send(value).await.is_err() {
                return;
            }
        }
    };
    tokio::spawn(send);
    ReceiverStream::new(receiver)
}

fn streamed<T: 'static>(stream: impl Handler<T, ()>) -> Router {
    Router::new().route("/{count}", get(stream))
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
