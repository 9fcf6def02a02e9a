//! What accepts clients on one runtime, and owns the tasks of their connections.

use std::{future::pending, io, net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::sleep,
};

use super::{
    Part,
    places::{Place, Places},
};
use crate::{
    Router,
    connection::{self, Limits},
    listen::{Arrived, Doors},
    router::Host,
};

/// What a connection gets. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) router: Router,
    pub(crate) limits: Limits,
    pub(crate) host: Host,
    pub(crate) places: Places,
    #[cfg(feature = "tls")]
    pub(crate) handshake_timeout: Duration,
}

pub(crate) struct Worker {
    doors: Doors,
    service: Service,
    connections: JoinSet<()>,
    /// Who has come while there was no place.
    arrived: Option<Arrived>,
    /// Dropped when all connections have ended.
    busy: mpsc::Sender<()>,
}

/// Out of descriptors or memory: others give some back in time, and trying at once would spin.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How many come in at the end at most, those that had connected before: more cannot have waited on most systems.
const LAST_TO_COME: usize = 4096;

impl Worker {
    /// Registers its listeners with the runtime that this is called on.
    pub(crate) fn new(part: Part) -> io::Result<Self> {
        Ok(Self {
            doors: Doors::open(part.listeners)?,
            service: part.service,
            connections: JoinSet::new(),
            arrived: None,
            busy: part.busy,
        })
    }

    /// Accepts until the shutdown begins, and sees all connections to their end. Pending then: executions that clients left
    /// behind may go on, on this runtime.
    pub(crate) async fn work(mut self) {
        self.accept().await;
        self.close();
        while let Some(ended) = self.connections.join_next().await {
            report(ended);
        }
        drop(self.busy);
        pending::<()>().await;
    }

    async fn accept(&mut self) {
        let shutdown = self.service.host.shutdown.clone();
        let mut pause = FIRST_PAUSE;
        loop {
            // In this order: what is ready together would be taken in one that no seed gives again.
            let accepted = tokio::select! {
                biased;
                () = shutdown.requested() => return,
                Some(ended) = self.connections.join_next() => {
                    report(ended);
                    continue;
                }
                accepted = next(&mut self.doors, &mut self.arrived, &self.service.places) => accepted,
            };
            match accepted {
                Ok((arrived, place)) => {
                    pause = FIRST_PAUSE;
                    self.connect(arrived, place);
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
                    tracing::error!(%error, ?pause, "cannot accept connections");
                    tokio::select! {
                        biased;
                        () = shutdown.requested() => return,
                        () = sleep(pause) => pause = LONGEST_PAUSE.min(pause * 2),
                    }
                }
            }
        }
    }

    /// Closes the listeners. Who had connected before comes in, as long as there are places.
    fn close(&mut self) {
        for _ in 0..LAST_TO_COME {
            let Ok(place) = self.service.places.try_take() else {
                break;
            };
            let Some(arrived) = self.arrived.take().or_else(|| self.doors.last()) else {
                break;
            };
            self.connect(arrived, place);
        }
        self.arrived = None;
        self.doors.close();
    }

    fn connect(&mut self, arrived: Arrived, place: Place) {
        let peer = arrived.peer.map(|peer| peer.ip());
        let Ok(of_peer) = self.service.places.admit(peer) else {
            return tracing::debug!(?peer, "connection refused: its peer has as many as it may");
        };
        if let Err(error) = arrived.stream.configure() {
            return tracing::debug!(%error, "connection lost before it was served");
        }
        let connection = serve(self.service.clone(), arrived);
        self.connections.spawn(async move {
            connection.await;
            drop((place, of_peer));
        });
    }
}

/// Waits until there is a place, then for a client. Dropping the future loses none.
async fn next(
    doors: &mut Doors,
    waiting: &mut Option<Arrived>,
    places: &Places,
) -> io::Result<(Arrived, Place)> {
    places.free().await;
    if waiting.is_none() {
        *waiting = Some(doors.next().await?);
    }
    let place = places.take().await;
    let arrived = waiting
        .take()
        .expect("one has arrived, and only here it is taken");
    Ok((arrived, place))
}

/// Serves one client, over TLS if that is spoken where it came in.
async fn serve(service: Service, arrived: Arrived) {
    #[cfg(feature = "tls")]
    if let Some(tls) = arrived.tls {
        let shutdown = service.host.shutdown.clone();
        let handshake = tls.handshake(arrived.stream, service.handshake_timeout);
        let shaken = tokio::select! {
            biased;
            shaken = handshake => shaken,
            () = shutdown.requested() => None,
        };
        if let Some(secure) = shaken {
            // Others need not have the room for what TLS needs.
            Box::pin(service.serve(secure, arrived.peer)).await;
        }
        return;
    }
    service.serve(arrived.stream, arrived.peer).await;
}

impl Service {
    async fn serve<I>(self, io: I, peer: Option<SocketAddr>)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        connection::serve(io, peer, self.router, self.limits, self.host).await;
    }
}

/// Whether only the connection that was to be accepted is lost.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    )
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}
