//! What accepts clients on one runtime, and owns the tasks of their connections.

use std::{future::pending, io, sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::sleep,
};

use super::{
    Held, Part, Seat,
    places::{Place, Places},
};
#[cfg(feature = "tls")]
use crate::Tls;
use crate::{
    Router,
    answering::Host,
    connection::{self, Limits},
    listen::{Arrived, Doors, Stream},
    sockets::Sockets,
};
#[cfg(any(test, fuzzing))]
use crate::{Shutdown, detached::Detached};

/// What a connection gets. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    pub(crate) router: Router,
    pub(crate) limits: Arc<Limits>,
    pub(crate) host: Host,
    pub(crate) places: Places,
    #[cfg(feature = "tls")]
    pub(crate) handshake_timeout: Duration,
}

pub(crate) struct Worker {
    doors: Doors,
    service: Service,
    connections: JoinSet<()>,
    sockets: Arc<Sockets>,
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
            sockets: Arc::new(Sockets::new(part.service.clone())),
            service: part.service,
            connections: JoinSet::new(),
            arrived: None,
            busy: part.busy,
        })
    }

    /// Accepts until the shutdown begins, and sees all connections to their end. Then it stays: what clients have left behind
    /// may go on, on this runtime.
    pub(crate) async fn work(mut self) {
        self.accept().await;
        self.sockets.drain();
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
        let held = Held::new(&self.sockets, (place, of_peer), self.busy.clone());
        let seat = Seat {
            peer: arrived.peer,
            held,
        };
        let service = self.service.clone();
        #[cfg(feature = "tls")]
        if let Some(tls) = arrived.tls {
            let connection = service.serve_secure(tls, arrived.stream, seat);
            self.connections.spawn(connection);
            return;
        }
        if service.host.shutdown.is_requested() {
            self.connections
                .spawn(service.serve_last(arrived.stream, seat));
        } else {
            self.connections
                .spawn(connection::serve(arrived.stream, service, seat));
        }
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

impl Service {
    /// For one connection that no worker has.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn alone(router: Router, limits: Limits, shutdown: Shutdown) -> Self {
        Self {
            router,
            limits: Arc::new(limits),
            host: Host {
                shutdown,
                detached: Detached::new(0),
            },
            places: Places::new(1, None),
            #[cfg(feature = "tls")]
            handshake_timeout: Duration::MAX,
        }
    }

    /// Serves a client that had connected before the end: what it sent by then is answered, and the runtime may not know of
    /// it yet.
    async fn serve_last(self, mut stream: Stream, seat: Seat) {
        if stream.settled().await.is_ok() {
            connection::serve(stream, self, seat).await;
        }
    }

    #[cfg(feature = "tls")]
    async fn serve_secure(self, tls: Tls, stream: Stream, seat: Seat) {
        let shutdown = self.host.shutdown.clone();
        let shaken = tokio::select! {
            biased;
            shaken = tls.handshake(stream, self.handshake_timeout) => shaken,
            () = shutdown.requested() => None,
        };
        if let Some(secure) = shaken {
            connection::serve(secure, self, seat).await;
        }
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
