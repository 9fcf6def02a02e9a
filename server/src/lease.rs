//! What is kept of a connection while its socket is away.

use std::{net::TcpStream, sync::Arc};

use peristyle_core::{
    Control, End,
    handover::{self, Framing},
};

use crate::{Exit, lifeline::Lifeline, running::Held, sockets::Sockets};

/// An exchange whose body writes itself to the socket. Dropped, it is as its client was: gone.
pub(crate) struct Lease {
    lifeline: Lifeline,
    control: Option<Control>,
    ends: Ends,
    /// `None` once the connection goes on without it.
    held: Option<Held>,
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
        held: Held,
    ) -> Self {
        lifeline.settle();
        Self {
            lifeline,
            control,
            ends,
            held: Some(held),
        }
    }

    /// Ends the exchange. Returns what its connection holds, if the server is still there.
    fn end(&mut self, exit: Exit) -> Option<(Arc<Sockets>, Held)> {
        self.lifeline.end(exit);
        let held = self.held.take()?;
        Some((held.sockets()?, held))
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
        let Some((sockets, held)) = self.end(Exit::Served) else {
            return;
        };
        if self.ends == Ends::KeptAlive && !sockets.is_draining() {
            sockets.resume(socket, unread, held);
        } else {
            sockets.close(socket, unread, held);
        }
    }

    fn abort(mut self: Box<Self>, socket: TcpStream) {
        if let Some((sockets, held)) = self.end(Exit::Aborted) {
            if self.ends == Ends::WithResponse {
                sockets.reset(socket, held);
            }
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let sockets = self.held.as_ref().and_then(Held::sockets);
        if self.held.is_some() && sockets.is_none_or(|sockets| sockets.is_forced()) {
            self.lifeline.end(Exit::Shutdown);
        }
    }
}
