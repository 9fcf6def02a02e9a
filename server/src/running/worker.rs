//! What accepts clients on one runtime, and owns the tasks of their connections.

use std::{
    future::{Future, pending},
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::sleep,
};

use super::{
    Part,
    places::{OfPeer, Place, Places},
};
#[cfg(feature = "tls")]
use crate::Tls;
use crate::{
    Router,
    answering::Host,
    connection::{self, Limits},
    listen::{Arrived, Doors, Stream},
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

    /// Accepts until the shutdown begins, and sees all connections to their end. Then it stays: what clients have left behind
    /// may go on, on this runtime.
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
        let held = (place, of_peer);
        let service = self.service.clone();
        #[cfg(feature = "tls")]
        if let Some(tls) = arrived.tls {
            let connection = service.serve_secure(tls, arrived.stream, arrived.peer);
            return self.spawn(connection, held);
        }
        if service.host.shutdown.is_requested() {
            return self.spawn(service.serve_last(arrived.stream, arrived.peer), held);
        }
        self.spawn(service.serve(arrived.stream, arrived.peer), held);
    }

    fn spawn(&mut self, connection: impl Future<Output = ()> + Send + 'static, held: Held) {
        self.connections.spawn(Placed { connection, held });
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
    fn serve(
        self,
        stream: Stream,
        peer: Option<SocketAddr>,
    ) -> impl Future<Output = ()> + Send + 'static {
        connection::serve(stream, peer, self.router, self.limits, self.host)
    }

    /// Serves a client that had connected before the end: what it sent by then is answered, and the runtime may not know of
    /// it yet.
    async fn serve_last(self, mut stream: Stream, peer: Option<SocketAddr>) {
        if stream.settled().await.is_ok() {
            self.serve(stream, peer).await;
        }
    }

    #[cfg(feature = "tls")]
    async fn serve_secure(self, tls: Tls, stream: Stream, peer: Option<SocketAddr>) {
        let shutdown = self.host.shutdown.clone();
        let shaken = tokio::select! {
            biased;
            shaken = tls.handshake(stream, self.handshake_timeout) => shaken,
            () = shutdown.requested() => None,
        };
        if let Some(secure) = shaken {
            connection::serve(secure, peer, self.router, self.limits, self.host).await;
        }
    }
}

/// What a connection holds until its end.
type Held = (Place, Option<OfPeer>);

pin_project! {
    /// A connection with its places. An async block would keep the connection twice, before and while it is polled.
    struct Placed<F> {
        #[pin]
        connection: F,
        held: Held,
    }
}

impl<F: Future> Future for Placed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().connection.poll(cx)
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
