//! What a host is told of one client.

use std::net::TcpStream;

use peristyle_core::handover::Lease;

/// A lease, which is told of what was sent when the response is over: until then it is not touched.
pub(super) struct Account {
    /// `None` when it is settled.
    lease: Option<Box<dyn Lease>>,
    bytes: u64,
}

impl Account {
    pub(super) fn new(lease: Box<dyn Lease>) -> Self {
        let lease = Some(lease);
        Self { lease, bytes: 0 }
    }

    /// So much of the body goes to the socket.
    pub(super) fn add(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    /// The client takes nothing, and is given up.
    pub(super) fn stalled(&mut self) {
        if let Some(mut lease) = self.settle() {
            lease.stalled();
            self.lease = Some(lease);
            self.bytes = 0;
        }
    }

    pub(super) fn complete(mut self, socket: TcpStream, unread: Vec<u8>) {
        if let Some(lease) = self.settle() {
            lease.complete(socket, unread);
        }
    }

    pub(super) fn abort(mut self, socket: TcpStream) {
        if let Some(lease) = self.settle() {
            lease.abort(socket);
        }
    }

    fn settle(&mut self) -> Option<Box<dyn Lease>> {
        let mut lease = self.lease.take()?;
        lease.sent(self.bytes);
        Some(lease)
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        drop(self.settle());
    }
}
