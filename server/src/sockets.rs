//! The sockets of responses that write themselves to them, and who owns the tasks that do.

use std::{
    future::Future,
    net::TcpStream,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use peristyle_core::{BoxFuture, Control, End, handover::SocketHost};
use tokio::{
    io::AsyncWriteExt,
    runtime::Handle,
    task::{JoinError, JoinSet},
    time::timeout,
};

use crate::{
    Shutdown,
    activity::Activity,
    connection,
    link::Link,
    listen::Stream,
    running::{Held, Service},
    shutdown::Phase,
    streams::Streams,
    wire::{Protocol, Wire},
};

/// The sockets that one worker has handed over. Dropped, it ends what writes to them.
pub(crate) struct Sockets {
    host: Arc<SocketHost>,
    tasks: Arc<Tasks>,
    service: Service,
}

impl Sockets {
    pub(crate) fn new(service: Service) -> Self {
        let tasks = Arc::new(Tasks {
            set: Mutex::default(),
            streams: Streams::default(),
            shutdown: service.host.shutdown.clone(),
        });
        let writing = Arc::downgrade(&tasks);
        let host = SocketHost::new(move |task| {
            if let Some(tasks) = writing.upgrade() {
                tasks.write(task);
            }
        });
        Self {
            host: Arc::new(host),
            tasks,
            service,
        }
    }

    pub(crate) fn host(&self) -> &Arc<SocketHost> {
        &self.host
    }

    /// The stream has a socket from here on. It is told to drain with the server.
    pub(crate) fn stream(&self, control: &Control) {
        self.tasks.streams.add(control);
    }

    /// Asks all streams to end.
    pub(crate) fn drain(&self) {
        self.tasks.streams.drain();
    }

    /// Whether what is still open is being cut off.
    pub(crate) fn is_forced(&self) -> bool {
        self.tasks.shutdown.has_reached(Phase::Forced)
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.tasks.shutdown.is_requested()
    }

    /// Goes on with a connection whose socket has come back.
    pub(crate) fn resume(&self, socket: TcpStream, unread: Vec<u8>, held: Held) {
        let connection = connection::resume(socket, unread, self.service.clone(), held);
        self.tasks.spawn(connection);
    }

    /// Closes a connection whose socket has come back, in order.
    pub(crate) fn close(&self, socket: TcpStream, unread: Vec<u8>, held: Held) {
        let limit = self.service.limits.write_timeout;
        let closing = close(socket, unread, limit, held);
        self.tasks.spawn(self.tasks.unless_forced(closing));
    }

    /// Resets a connection once all that was written has left.
    pub(crate) fn reset(&self, socket: TcpStream, held: Held) {
        let limit = self.service.limits.write_timeout;
        let resetting = reset(socket, limit, held);
        self.tasks.spawn(self.tasks.unless_forced(resetting));
    }
}

impl Drop for Sockets {
    /// Each task has a lease that knows of this, so that they would keep each other alive.
    fn drop(&mut self) {
        self.tasks.lock().abort_all();
    }
}

/// Closes a connection that has come back to the server, with all that was written on its way.
async fn close(socket: TcpStream, unread: Vec<u8>, limit: Duration, held: Held) {
    let _held = held;
    let activity = Activity::of_connection(Protocol::Http1);
    activity.set_unread(!unread.is_empty());
    if let Some(mut io) = Stream::given_back(socket) {
        // A client that is not there any more has lost nothing.
        let _gone = io.settled().await;
        let mut wire = Wire::new(io, Bytes::new(), activity, limit);
        let _gone = wire.shutdown().await;
    }
}

/// Resets a connection that has come back to the server, once all that was written has left, or `limit` has passed.
async fn reset(socket: TcpStream, limit: Duration, held: Held) {
    let _held = held;
    if let Some(io) = Stream::given_back(socket) {
        let _late = timeout(limit, io.sent()).await;
        io.reset();
    }
}

struct Tasks {
    set: Mutex<JoinSet<()>>,
    streams: Streams,
    shutdown: Shutdown,
}

impl Tasks {
    /// Runs what writes to sockets, for as long as they may be open.
    fn write(self: &Arc<Self>, task: BoxFuture<'static, ()>) {
        // A task must not keep the set alive that it is in.
        let tasks = Arc::downgrade(self);
        let shutdown = self.shutdown.clone();
        self.spawn(async move {
            let mut task = task;
            tokio::select! {
                biased;
                () = task.as_mut() => {}
                () = shutdown.reached(Phase::Forced) => {
                    // What is dropped with the task ends for this reason.
                    if let Some(tasks) = tasks.upgrade() {
                        tasks.streams.cut(End::Deadline);
                    }
                }
            }
        });
    }

    fn unless_forced<F>(&self, task: F) -> impl Future<Output = ()> + Send + 'static
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let shutdown = self.shutdown.clone();
        async move {
            tokio::select! {
                biased;
                () = task => {}
                () = shutdown.reached(Phase::Forced) => {}
            }
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let mut set = self.lock();
        while let Some(ended) = set.try_join_next() {
            report(ended);
        }
        set.spawn_on(task, &runtime);
    }

    fn lock(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "what serves sockets failed");
    }
}
