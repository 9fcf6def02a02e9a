//! The end of a connection that no client takes for the end of a response.

use peristyle_core::BoxFuture;

/// A transport that can end in another way than in order.
///
/// A response of HTTP/1.0 without a length is as long as its connection (RFC 9112, section 6.3). One that is cut off there looks
/// complete, also to a proxy between the client and this server, unless the connection is reset.
pub(crate) trait Reset {
    /// Resolves when all that was written has left the system: a reset drops what has not. Pending for as long as the peer has
    /// no room for it.
    fn sent(&self) -> BoxFuture<'static, ()>;

    /// Makes the end of the connection a reset. Not every kind of transport has one.
    fn reset(&self);
}

#[cfg(any(test, fuzzing))]
impl Reset for tokio::io::DuplexStream {
    fn sent(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn reset(&self) {}
}
