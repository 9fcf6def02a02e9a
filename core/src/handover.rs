//! A connection's socket, handed to who writes the rest of the response to it.
//!
//! A host keeps buffers and a task for each response that is open. A response that has little to say for hours needs neither:
//! it carries a [`SocketOffer`], and a host that knows the type may, once the head is written, hand the socket over. A host that
//! does not know it, or has no plain socket, polls the body as ever.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    net::TcpStream,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tracing::Span;

use crate::BoxFuture;

/// What a response offers in its extensions: that its body, of one type, can write itself to the socket of the connection.
///
/// A body that somebody has wrapped is of another type, and is not meant.
///
/// ```
/// use peristyle_core::handover::{Handover, OverSocket, SocketOffer};
///
/// struct Ticks;
///
/// impl OverSocket for Ticks {
///     fn take(self: Box<Self>, handover: Handover) {
///         let Handover { socket, lease, .. } = handover;
///         lease.complete(socket, Vec::new());
///     }
/// }
///
/// let offer = SocketOffer::of::<Ticks>();
/// assert!(offer.is_of::<Ticks>());
/// assert!(!offer.is_of::<Box<Ticks>>());
/// ```
#[derive(Clone, Copy)]
pub struct SocketOffer {
    body: TypeId,
    accept: fn(Box<dyn Any + Send>, Handover) -> Result<(), Handover>,
}

/// A body that can write itself to a socket.
pub trait OverSocket: Any + Send {
    /// Takes the socket, with nothing of the body polled yet. It is called on the host's runtime, and must not block.
    ///
    /// What takes time is a task of the [host's](Handover::host).
    fn take(self: Box<Self>, handover: Handover);
}

impl SocketOffer {
    /// The offer of bodies of this type.
    pub fn of<B: OverSocket>() -> Self {
        Self {
            body: TypeId::of::<B>(),
            accept: accept::<B>,
        }
    }

    /// Whether bodies of this type are meant.
    pub fn is_of<B: 'static>(&self) -> bool {
        self.fits(TypeId::of::<B>())
    }

    /// As [`is_of`](Self::is_of), for a type that is known by its id.
    pub fn fits(&self, body: TypeId) -> bool {
        self.body == body
    }

    /// Hands the socket to the body.
    ///
    /// # Errors
    ///
    /// When the body is of another type: gives the socket back. The body is dropped.
    pub fn accept(self, body: Box<dyn Any + Send>, handover: Handover) -> Result<(), Handover> {
        (self.accept)(body, handover)
    }
}

fn accept<B: OverSocket>(body: Box<dyn Any + Send>, handover: Handover) -> Result<(), Handover> {
    match body.downcast::<B>() {
        Ok(body) => {
            body.take(handover);
            Ok(())
        }
        Err(_) => Err(handover),
    }
}

impl fmt::Debug for SocketOffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketOffer")
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// A socket of which the response's head is written and flushed, and what belongs to it.
#[expect(
    clippy::exhaustive_structs,
    reason = "one side builds it, and the other takes it apart"
)]
pub struct Handover {
    /// The connection, which does not block. Who takes it registers it with a runtime anew.
    pub socket: TcpStream,
    /// What the client sent already beyond its request, and nobody has looked at.
    pub unread: Vec<u8>,
    /// How the head says that the body is framed.
    pub framing: Framing,
    /// For how long the client may take nothing of what is written.
    pub write_timeout: Duration,
    /// Of the request; the body is to be polled and dropped in it. Disabled where there is none.
    pub span: Span,
    /// Who hands the socket over.
    pub host: Arc<SocketHost>,
    /// What the host is told, and how the socket is given back. Dropping it says that the client left.
    pub lease: Box<dyn Lease>,
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handover")
            .field("socket", &self.socket)
            .field("unread", &self.unread.len())
            .field("framing", &self.framing)
            .field("write_timeout", &self.write_timeout)
            .finish_non_exhaustive()
    }
}

/// How the end of a body is told over HTTP/1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Framing {
    /// In chunks, the last of which is empty (RFC 9112, section 7.1).
    Chunked,
    /// As it is, until the connection ends (RFC 9112, section 6.3), to a client of HTTP/1.0.
    UntilClose,
}

/// What a host keeps of a connection while its socket is away, to be told exactly one end. Dropping it is the end of a client that
/// left.
pub trait Lease: Send {
    /// So many bytes of the body were written to the socket, without framing.
    fn sent(&mut self, bytes: u64);

    /// The client has taken nothing for as long as it may: the response is about to be dropped for it.
    fn stalled(&mut self);

    /// The whole response was written, its last chunk too. `unread` is what was read from the socket meanwhile, and what had
    /// been [before](Handover::unread), in this order: the next requests.
    fn complete(self: Box<Self>, socket: TcpStream, unread: Vec<u8>);

    /// The body has failed, and all before that was written. The host ends the connection so that nobody takes the response
    /// for the whole.
    fn abort(self: Box<Self>, socket: TcpStream);
}

/// Who hands sockets over: it runs what writes to them, and ends it with itself.
pub struct SocketHost {
    spawn: Box<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>,
    kept: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl SocketHost {
    /// A host whose tasks are run by `spawn`, which owns them.
    pub fn new(spawn: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static) -> Self {
        Self {
            spawn: Box::new(spawn),
            kept: Mutex::default(),
        }
    }

    /// Runs a task until it ends, or is dropped at the end of the host. All sockets in it are closed with it.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        (self.spawn)(Box::pin(task));
    }

    /// What the host keeps of this type, made by `make` when it is asked for first.
    ///
    /// `make` runs while others wait, and must not ask the host.
    #[expect(clippy::missing_panics_doc, reason = "it is found by its type")]
    pub fn keep<T: Any + Send + Sync>(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let value = kept
            .entry(TypeId::of::<T>())
            .or_insert_with(|| Arc::new(make()));
        let value = Arc::clone(value);
        drop(kept);
        value.downcast().expect("it is found by its type")
    }
}

impl fmt::Debug for SocketHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocketHost").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        net::TcpListener,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use super::*;

    struct Noted(Arc<Mutex<Vec<String>>>);

    impl Lease for Noted {
        fn sent(&mut self, bytes: u64) {
            self.0.lock().unwrap().push(format!("sent {bytes}"));
        }

        fn stalled(&mut self) {
            self.0.lock().unwrap().push("stalled".to_owned());
        }

        fn complete(self: Box<Self>, _: TcpStream, unread: Vec<u8>) {
            let unread = unread.len();
            self.0.lock().unwrap().push(format!("complete {unread}"));
        }

        fn abort(self: Box<Self>, _: TcpStream) {
            self.0.lock().unwrap().push("abort".to_owned());
        }
    }

    struct Once;

    impl OverSocket for Once {
        fn take(self: Box<Self>, mut handover: Handover) {
            handover.lease.sent(7);
            handover.lease.complete(handover.socket, handover.unread);
        }
    }

    fn handover(notes: &Arc<Mutex<Vec<String>>>) -> Handover {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        Handover {
            socket: TcpStream::connect(listener.local_addr().unwrap()).unwrap(),
            unread: b"GET".to_vec(),
            framing: Framing::Chunked,
            write_timeout: Duration::from_secs(30),
            span: Span::none(),
            host: Arc::new(SocketHost::new(drop)),
            lease: Box::new(Noted(Arc::clone(notes))),
        }
    }

    #[test]
    fn a_body_of_the_type_that_is_offered_gets_the_socket_and_another_gives_it_back() {
        let notes = Arc::default();
        let offer = SocketOffer::of::<Once>();
        offer.accept(Box::new(Once), handover(&notes)).unwrap();
        assert_eq!(*notes.lock().unwrap(), ["sent 7", "complete 3"]);
        let refused = offer.accept(Box::new("other"), handover(&notes));
        assert_eq!(refused.unwrap_err().unread, b"GET");
        assert!(!offer.fits(TypeId::of::<&str>()));
    }

    #[test]
    fn a_host_keeps_one_value_of_each_type() {
        let count = AtomicUsize::new(0);
        let host = SocketHost::new(drop);
        let make = || count.fetch_add(1, Ordering::Relaxed);
        assert_eq!(*host.keep(make), 0);
        assert_eq!(*host.keep(make), 0);
        assert_eq!(*host.keep(|| "other"), "other");
        assert_eq!(*host.keep(make), 0);
        assert_eq!(count.into_inner(), 1);
    }
}
