//! What is kept of a connection while its socket is away.

use std::{net::TcpStream, sync::Arc};

use peristyle_core::{
    Control, End,
    handover::{self, Framing},
};

use crate::{Exit, lifeline::Lifeline, running::Seat, sockets::Sockets};

/// An exchange whose body writes itself to the socket. Dropped, it is as its client was: gone.
pub(crate) struct Lease {
    lifeline: Lifeline,
    control: Option<Control>,
    ends: Ends,
    /// `None` once the connection goes on without it.
    seat: Option<Seat>,
}

/// What becomes of the connection when the response is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// It is kept for the next request.
    KeptAlive,
    /// It is closed.
    Closed,
    /// It is closed, which is how the client learns of the end; any other end must not look like that.
    WithResponse,
}

impl Ends {
    /// How the end of the response's body is told.
    pub(crate) fn framing(self) -> Framing {
        match self {
            Self::KeptAlive | Self::Closed => Framing::Chunked,
            Self::WithResponse => Framing::UntilClose,
        }
    }
}

impl Lease {
    pub(crate) fn new(
        mut lifeline: Lifeline,
        control: Option<Control>,
        ends: Ends,
        seat: Seat,
    ) -> Self {
        lifeline.settle();
        Self {
            lifeline,
            control,
            ends,
            seat: Some(seat),
        }
    }

    /// Ends the exchange. Returns the seat of its connection, if the server is still there.
    fn end(&mut self, exit: Exit) -> Option<(Arc<Sockets>, Seat)> {
        self.lifeline.end(exit);
        let seat = self.seat.take()?;
        Some((seat.sockets()?, seat))
    }
}

impl handover::Lease for Lease {
    fn sent(&mut self, bytes: u64) {
        self.lifeline.sent(bytes);
    }

    fn stalled(&mut self) {
        tracing::debug!("the client takes nothing of a stream");
        if let Some(control) = &self.control {
            control.cut(End::Stalled);
        }
        self.lifeline.end(Exit::Aborted);
    }

    fn complete(mut self: Box<Self>, socket: TcpStream, unread: Vec<u8>) {
        let Some((sockets, seat)) = self.end(Exit::Served) else {
            return;
        };
        if self.ends == Ends::KeptAlive && !sockets.is_draining() {
            sockets.resume(socket, unread, seat);
        } else {
            sockets.close(socket, unread, seat);
        }
    }

    fn abort(mut self: Box<Self>, socket: TcpStream) {
        if let Some((sockets, seat)) = self.end(Exit::Aborted) {
            if self.ends == Ends::WithResponse {
                sockets.reset(socket, seat);
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let sockets = self.seat.as_ref().and_then(Seat::sockets);
        if self.seat.is_some() && sockets.is_none_or(|sockets| sockets.is_forced()) {
            self.lifeline.end(Exit::Shutdown);
        }
    }
}
