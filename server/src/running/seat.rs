//! A connection's place at its server.

use std::{
    net::SocketAddr,
    sync::{Arc, Weak},
};

use tokio::sync::mpsc;

use super::places::{OfPeer, Place};
use crate::sockets::Sockets;

/// What a connection has while the server serves it.
#[derive(Default)]
pub(crate) struct Seat {
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) held: Held,
}

/// What a connection has from its beginning to its end, whoever serves it meanwhile. Its server waits until it is dropped.
#[derive(Default)]
pub(crate) struct Held {
    sockets: Weak<Sockets>,
    _place: Option<Place>,
    _of_peer: Option<Box<OfPeer>>,
    _busy: Option<mpsc::Sender<()>>,
}

impl Held {
    pub(super) fn new(
        sockets: &Arc<Sockets>,
        (place, of_peer): (Place, Option<OfPeer>),
        busy: mpsc::Sender<()>,
    ) -> Self {
        Self {
            sockets: Arc::downgrade(sockets),
            _place: Some(place),
            _of_peer: of_peer.map(Box::new),
            _busy: Some(busy),
        }
    }

    /// Where its socket can be handed over, while the server is there.
    pub(crate) fn sockets(&self) -> Option<Arc<Sockets>> {
        self.sockets.upgrade()
    }
}
