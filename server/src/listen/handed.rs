//! Connections that the program hands over itself.

use std::{
    fmt,
    task::{Context, Poll},
};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

/// What carries a connection, whatever it is.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<I: AsyncRead + AsyncWrite + Send + Unpin> Transport for I {}

/// Where such connections come from.
pub(crate) struct Handed(Box<dyn Receive>);

impl Handed {
    pub(crate) fn new<I: Transport + 'static>(receiver: mpsc::Receiver<I>) -> Self {
        Self(Box::new(receiver))
    }

    /// The next one; pending for ever when there will be none.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Box<dyn Transport>> {
        match self.0.poll_receive(cx) {
            Poll::Ready(Some(transport)) => Poll::Ready(transport),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    pub(crate) fn try_next(&mut self) -> Option<Box<dyn Transport>> {
        self.0.try_receive()
    }
}

impl fmt::Debug for Handed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handed").finish_non_exhaustive()
    }
}

/// A receiver of whatever kind of transport.
trait Receive: Send {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<dyn Transport>>>;
    fn try_receive(&mut self) -> Option<Box<dyn Transport>>;
}

impl<I: Transport + 'static> Receive for mpsc::Receiver<I> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Box<dyn Transport>>> {
        let received = self.poll_recv(cx);
        received.map(|received| received.map(|transport| Box::new(transport) as _))
    }

    fn try_receive(&mut self) -> Option<Box<dyn Transport>> {
        self.try_recv()
            .ok()
            .map(|transport| Box::new(transport) as _)
    }
}
