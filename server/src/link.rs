//! What a connection is made of, beyond reading and writing.

use std::net::TcpStream;

use peristyle_core::BoxFuture;

/// A transport that can end in another way than in order, and may be a socket that somebody else can write to.
///
/// A response of HTTP/1.0 without a length is as long as its connection (RFC 9112, section 6.3). One that is cut off there looks
/// complete, also to a proxy between the client and this server, unless the connection is reset.
pub(crate) trait Link {
    /// Resolves when all that was written has left the system: a reset drops what has not. Pending for as long as the peer has
    /// no room for it.
    fn sent(&self) -> BoxFuture<'static, ()>;

    /// Makes the end of the connection a reset. Not every kind of transport has one.
    fn reset(&self);

    /// Whether what is written to it goes to the peer's socket as it is.
    fn is_plain_socket(&self) -> bool {
        false
    }

    /// Takes the plain socket out of it. Nothing can be read or written here from then on.
    fn hand_over(&mut self) -> Option<TcpStream> {
        None
    }
}

#[cfg(any(test, fuzzing))]
impl Link for tokio::io::DuplexStream {
    fn sent(&self) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }

    fn reset(&self) {}
}
