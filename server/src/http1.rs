//! A connection over HTTP/1.1, from the time that its protocol is known.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::server::conn::http1::{self, Parts};
use hyper_util::rt::TokioIo;
use peristyle_core::{End, handover::Handover};
use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::{
    Exit, Shutdown,
    activity::{Activity, Offered},
    connection::{Exchanges, Framing, Limits, report},
    lease::Lease,
    link::Link,
    running::Seat,
    shutdown::{Phase, Reached},
    wire::Wire,
};

type Connection<I> = http1::Connection<TokioIo<Wire<I>>, Exchanges>;

pin_project! {
    /// Drives a connection of hyper's until it ends, its socket is handed over, or the grace of a shutdown has passed.
    ///
    /// It is no `async fn`: those keep what they are given beside what they make of it, and there is one for each idle client.
    pub(crate) struct Http1<I: Link> {
        // Taken apart when its socket is handed over.
        connection: Option<Connection<I>>,
        activity: Activity,
        shutdown: Shutdown,
        // What is waited for of the shutdown.
        phase: Phase,
        #[pin]
        reached: Reached,
        limits: Arc<Limits>,
        // Dropped last: the connection has its place until it has ended.
        seat: Seat,
    }
}

impl<I> Http1<I>
where
    I: Link + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    pub(crate) fn new(
        wire: Wire<I>,
        exchanges: Exchanges,
        activity: Activity,
        shutdown: Shutdown,
        limits: Arc<Limits>,
        seat: Seat,
    ) -> Self {
        let connection = builder(&limits).serve_connection(TokioIo::new(wire), exchanges);
        Self {
            connection: Some(connection),
            activity,
            reached: shutdown.reached(Phase::Draining),
            shutdown,
            phase: Phase::Draining,
            limits,
            seat,
        }
    }

    /// Ready when it has ended, or its socket is somebody else's.
    fn poll_open(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let Some(connection) = this.connection else {
            return Poll::Ready(());
        };
        this.activity.begin_turn();
        if let Poll::Ready(result) = Pin::new(connection).poll(cx) {
            report(result);
            return Poll::Ready(());
        }
        let Some(offered) = this.activity.take_offer() else {
            return Poll::Pending;
        };
        if let Some(connection) = this.connection.take() {
            let Parts { io, read_buf, .. } = connection.into_parts();
            hand_over(*offered, io.into_inner(), &read_buf, this.limits, this.seat);
        }
        Poll::Ready(())
    }

    fn wind_down(self: Pin<&mut Self>) {
        let mut this = self.project();
        *this.phase = Phase::Forced;
        this.reached.set(this.shutdown.reached(Phase::Forced));
        if let Some(connection) = this.connection {
            Pin::new(connection).graceful_shutdown();
        }
        this.activity.drain();
    }
}

impl<I> Future for Http1<I>
where
    I: Link + AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Output = ();

    /// What the client sent goes first: a request that came before the shutdown is answered.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.as_mut().poll_open(cx).is_ready() {
                return Poll::Ready(());
            }
            ready!(self.as_mut().project().reached.poll(cx));
            if self.phase == Phase::Forced {
                self.activity.give_up(Exit::Shutdown, End::Deadline);
                return Poll::Ready(());
            }
            self.as_mut().wind_down();
        }
    }
}

fn builder(limits: &Limits) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        // The wire has its own, which tells a head from a connection that is idle.
        .header_read_timeout(None)
        // With a guard the wire looks for the end itself.
        .half_close(limits.framing == Framing::Guarded)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers);
    builder
}

/// The body of the response goes on with the socket, and with what its connection holds.
fn hand_over<I: Link>(
    offered: Offered,
    wire: Wire<I>,
    read: &[u8],
    limits: &Limits,
    seat: &mut Seat,
) {
    let Offered {
        offer,
        body,
        control,
        ends,
        lifeline,
    } = offered;
    let (Some(sockets), Some((body, span))) = (seat.held.sockets(), body.into_given()) else {
        return;
    };
    let Some((socket, unread)) = wire.hand_over() else {
        return tracing::debug!("connection lost before its socket was handed over");
    };
    if let Some(control) = &control {
        sockets.stream(control);
    }
    let held = std::mem::take(&mut seat.held);
    let handover = Handover {
        socket,
        unread: [read, &unread].concat(),
        framing: ends.framing(),
        write_timeout: limits.write_timeout,
        span,
        host: Arc::clone(sockets.host()),
        lease: Box::new(Lease::new(lifeline, control, ends, held)),
    };
    offer
        .accept(body, handover)
        .expect("the types were compared when it was offered");
}
