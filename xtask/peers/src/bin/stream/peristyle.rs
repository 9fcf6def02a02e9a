//! Peristyle, with its default limits and time-outs.

use std::{convert::Infallible, iter, net, sync::Mutex};

use bytes::Bytes;
use peristyle_core::{BoxError, Link, channel::Sender};
use peristyle_peers::{Failure, runtime};
use peristyle_server::{Context, Exchange, IntoResponse, Path, Routes, Server, handler};
use peristyle_sse::Event;
use peristyle_streaming::{
    Streaming,
    files::{Directory, FileBody},
};
use tokio::task::JoinSet;
use tokio_stream::iter;

use crate::{
    file,
    work::{self, AHEAD, TEXT, times},
};

pub(crate) fn large(listener: net::TcpListener) -> Result<(), Failure> {
    serve(
        listener,
        handler(|count: Path<usize>| ready(work::large(), count)),
    )
}

pub(crate) fn small(listener: net::TcpListener) -> Result<(), Failure> {
    serve(
        listener,
        handler(|count: Path<usize>| ready(work::small(), count)),
    )
}

/// A task of its own sends the values.
pub(crate) fn channel(listener: net::TcpListener) -> Result<(), Failure> {
    let senders = Mutex::new(JoinSet::new());
    let stream = move |Path(count): Path<usize>| {
        let (sender, streaming) = peristyle_streaming::channel(AHEAD);
        let mut senders = senders.lock().expect("nothing panics with it");
        senders.spawn(async move {
            if send(&sender, count).await.is_ok() {
                sender.finish();
            }
        });
        streaming.into_response()
    };
    serve(listener, handler(stream))
}

pub(crate) fn produce(listener: net::TcpListener) -> Result<(), Failure> {
    let stream = |Path(count): Path<usize>| {
        let producer = async move |sender| send(&sender, count).await;
        peristyle_streaming::produce(AHEAD, producer).into_response()
    };
    serve(listener, handler(stream))
}

pub(crate) fn events(listener: net::TcpListener) -> Result<(), Failure> {
    let event = Event::data(TEXT);
    let stream = move |Path(count): Path<usize>| {
        let events = iter::repeat_n(event.clone(), count);
        let producer = async move |sender: Sender<Event>| sender.send_all(events).await;
        peristyle_sse::produce(AHEAD, producer).into_response()
    };
    serve(listener, handler(stream))
}

/// Each event is encoded when it is sent.
pub(crate) fn encoded(listener: net::TcpListener) -> Result<(), Failure> {
    let stream = |Path(count): Path<usize>| {
        let producer = async move |sender: Sender<Event>| {
            let events = (0..count).map(|_| Event::data(TEXT));
            sender.send_all(events).await
        };
        peristyle_sse::produce(AHEAD, producer).into_response()
    };
    serve(listener, handler(stream))
}

pub(crate) fn file(listener: net::TcpListener) -> Result<(), Failure> {
    serve(listener, handler(download))
}

async fn download(cx: &mut Context) -> Result<http::Response<FileBody>, BoxError> {
    let folder = Directory::new(file::folder())?;
    let name = cx.param("count").unwrap_or_default();
    Ok(folder.respond(name, cx.request()).await)
}

fn ready(value: &'static [u8], Path(count): Path<usize>) -> impl IntoResponse + use<> {
    let values = times(value, count).map(Ok::<_, Infallible>);
    Streaming::new(iter(values)).into_response()
}

async fn send(sender: &Sender<Bytes>, count: usize) -> Result<(), BoxError> {
    Ok(sender.send_all(times(work::small(), count)).await?)
}

fn serve(listener: net::TcpListener, stream: Link<Exchange>) -> Result<(), Failure> {
    let router = Routes::new().get("/{count}", stream).build()?;
    runtime::run(listener, async |listener| {
        Ok(Server::on(listener).serve(router).await?)
    })
}
