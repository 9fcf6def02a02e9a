//! One connection: which protocol it speaks, and how it is driven to its end.

use std::{
    convert::Infallible,
    error::Error as _,
    future::Future,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{Request, Response};
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::Service,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use peristyle_core::{BoxFuture, Control, End};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
    time::timeout,
};

use crate::{
    RequestBody, Router, Shutdown,
    outgoing::{Outgoing, Written, declared},
    shutdown::Phase,
    wire::{Protocol, Wire, detect},
};

/// The limits of a connection; [`Server`](crate::Server) documents them.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub(crate) head_timeout: Duration,
    pub(crate) head_bytes: usize,
    pub(crate) headers: usize,
}

/// 16 KiB is the least that hyper allows for a write buffer, and what one flush of a stream rarely exceeds. A slow reader
/// of an HTTP/2 stream holds no more than this.
const SEND_BUFFER: usize = 64 * 1024;
const STREAMS: u32 = 256;

/// Serves one connection to its end. Peers that leave are no errors.
pub(crate) async fn serve<I>(
    mut io: I,
    peer: Option<SocketAddr>,
    router: Router,
    limits: Limits,
    shutdown: Shutdown,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let detected = tokio::select! {
        detected = timeout(limits.head_timeout, detect(&mut io)) => detected,
        () = shutdown.requested() => return,
    };
    let (protocol, start) = match detected {
        Ok(Ok(detected)) => detected,
        Ok(Err(error)) => return tracing::debug!(%error, "connection failed"),
        Err(_) => return tracing::debug!("no request came in time"),
    };
    let written = Written::tracked();
    let io = TokioIo::new(Wire::new(io, start, written.clone()));
    let exchanges = Exchanges {
        router,
        peer,
        shutdown: shutdown.clone(),
        written,
        streams: Streams::default(),
    };
    let streams = exchanges.streams.clone();
    let result = match protocol {
        Protocol::Http1 => {
            let connection = http1(&limits).serve_connection(io, exchanges);
            drive(
                connection,
                http1::Connection::graceful_shutdown,
                &streams,
                &shutdown,
            )
            .await
        }
        Protocol::Http2 => {
            let tasks = Tasks::default();
            let connection = http2(&limits, tasks).serve_connection(io, exchanges);
            drive(
                connection,
                http2::Connection::graceful_shutdown,
                &streams,
                &shutdown,
            )
            .await
        }
    };
    if let Err(error) = result {
        let cause = error.source().map(ToString::to_string);
        tracing::debug!(%error, cause, "connection ended early");
    }
}

fn http1(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers);
    builder
}

fn http2(limits: &Limits, tasks: Tasks) -> http2::Builder<Tasks> {
    let mut builder = http2::Builder::new(tasks);
    builder
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX))
        .max_send_buf_size(SEND_BUFFER)
        .max_concurrent_streams(STREAMS);
    builder
}

/// Polls a connection until it ends, tells it when the server drains, and drops it when the deadline has passed.
async fn drive<C>(
    connection: C,
    wind_down: fn(Pin<&mut C>),
    streams: &Streams,
    shutdown: &Shutdown,
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return result,
        () = shutdown.requested() => {}
    }
    wind_down(connection.as_mut());
    streams.drain();
    tokio::select! {
        result = connection => result,
        () = shutdown.reached(Phase::Forced) => {
            streams.cut(End::Deadline);
            Ok(())
        }
    }
}

/// Answers the requests of one connection.
struct Exchanges {
    router: Router,
    peer: Option<SocketAddr>,
    shutdown: Shutdown,
    written: Written,
    streams: Streams,
}

impl Service<Request<Incoming>> for Exchanges {
    type Response = Response<Outgoing>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let router = self.router.clone();
        let (peer, shutdown) = (self.peer, self.shutdown.clone());
        let (written, streams) = (self.written.clone(), self.streams.clone());
        Box::pin(async move {
            let request = request.map(RequestBody::incoming);
            let (mut response, lifeline) = router.handle(request, peer, shutdown).await;
            if let Some(control) = response.extensions_mut().remove::<Control>() {
                streams.add(&control);
            }
            let declared = declared(response.headers());
            Ok(response.map(|body| Outgoing::new(body, declared, written, lifeline)))
        })
    }
}

/// The streams that a connection has open, and whether it is draining.
#[derive(Clone, Default)]
struct Streams(Arc<Mutex<Open>>);

#[derive(Default)]
struct Open {
    controls: Vec<Control>,
    draining: bool,
}

impl Streams {
    fn add(&self, control: &Control) {
        let mut open = self.lock();
        open.controls.retain(|control| control.end().is_none());
        let draining = open.draining;
        open.controls.push(control.clone());
        drop(open);
        if draining {
            control.drain();
        }
    }

    fn drain(&self) {
        let mut open = self.lock();
        open.draining = true;
        let controls = open.controls.clone();
        drop(open);
        controls.iter().for_each(Control::drain);
    }

    fn cut(&self, why: End) {
        let controls = self.lock().controls.clone();
        for control in &controls {
            control.cut(why);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The tasks of one HTTP/2 connection, a stream each. They end with the connection.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<JoinSet<()>>>);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, future: F) {
        let mut tasks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(future);
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, duplex},
        time::Instant,
    };

    use super::*;
    use crate::Routes;

    /// How long it takes until a client that sends this and nothing more is closed, and what it gets.
    async fn closed_after(sent: &[u8]) -> (Duration, Vec<u8>) {
        let limits = Limits {
            head_timeout: Duration::from_secs(10),
            head_bytes: 64 * 1024,
            headers: 100,
        };
        let (mut client, io) = duplex(1024);
        let (_phase, shutdown) = Shutdown::channel();
        let started = Instant::now();
        client.write_all(sent).await.unwrap();
        let router = Routes::new().build().unwrap();
        serve(io, None, router, limits, shutdown).await;
        let mut read = Vec::new();
        client.read_to_end(&mut read).await.unwrap();
        (started.elapsed(), read)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_ends_its_head_is_closed_after_the_head_timeout() {
        for sent in [&b""[..], b"PRI * HTT", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r"] {
            let (after, read) = closed_after(sent).await;
            assert_eq!((after.as_secs(), &*read), (10, &b""[..]), "{sent:?}");
        }
        let (after, _) = closed_after(b"GET / HTTP/1.1\r\nhost:").await;
        assert_eq!(after.as_secs(), 10);
    }
}
