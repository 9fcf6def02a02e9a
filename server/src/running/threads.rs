//! A server's own threads, each with a runtime and its listeners.

use std::{
    io,
    num::NonZeroUsize,
    thread::{self, JoinHandle},
};

use tokio::{
    runtime::{Builder, Runtime},
    sync::{mpsc, oneshot, watch},
};

use super::{Ended, Part, worker::Worker};

/// On which threads a server works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Threads {
    /// On those of the runtime that it was started on, which moves tasks from a busy thread to one that is idle.
    #[default]
    Shared,
    /// On a thread of its own for each core that the process may use. A connection stays on the thread that accepted it, so that
    /// nothing is handed from core to core; a stage that blocks or computes for long holds up all connections of its thread.
    PerCore,
    /// On this many threads of its own, as [`PerCore`](Self::PerCore).
    Count(NonZeroUsize),
}

impl Threads {
    /// How many of its own, if any.
    pub(super) fn count(self) -> Option<NonZeroUsize> {
        match self {
            Self::Shared => None,
            // A system that does not say is one that has no more to offer.
            Self::PerCore => Some(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)),
            Self::Count(count) => Some(count),
        }
    }
}

/// The threads of a server. Dropped, it ends them, and waits for none.
pub(super) struct Crew {
    threads: Vec<JoinHandle<()>>,
    /// Dropped to end the threads.
    released: watch::Sender<()>,
    /// Yields nothing, and ends when the last thread does.
    gone: mpsc::Receiver<()>,
}

impl Crew {
    /// Returns when all listen.
    pub(super) async fn start(count: NonZeroUsize, part: Part) -> io::Result<Self> {
        let (released, release) = watch::channel(());
        let (going, gone) = mpsc::channel(1);
        let mut parts = vec![part];
        while parts.len() < count.get() {
            parts.push(parts[0].once_more()?);
        }
        let mut threads = Vec::with_capacity(parts.len());
        for (index, part) in parts.into_iter().enumerate() {
            let core = Core {
                part,
                release: release.clone(),
                _going: going.clone(),
            };
            threads.push(core.start(index).await?);
        }
        Ok(Self {
            threads,
            released,
            gone,
        })
    }

    /// Ends the threads, and waits for them unless one may be blocked for ever.
    pub(super) async fn end(mut self, ended: Ended) {
        drop(self.released);
        if ended == Ended::NotAll {
            return;
        }
        while self.gone.recv().await.is_some() {}
        for thread in self.threads {
            if thread.join().is_err() {
                tracing::error!("a thread of the server panicked");
            }
        }
    }
}

/// What a thread is given.
struct Core {
    part: Part,
    release: watch::Receiver<()>,
    /// Dropped when the thread has nothing left to do.
    _going: mpsc::Sender<()>,
}

impl Core {
    async fn start(self, index: usize) -> io::Result<JoinHandle<()>> {
        let (started, starting) = oneshot::channel();
        // Some systems show no more than fifteen bytes of it.
        let thread = thread::Builder::new().name(format!("peristyle-{index}"));
        let handle = thread.spawn(move || self.run(started))?;
        let panicked = |_| Err(io::Error::other("a thread of the server panicked"));
        starting.await.unwrap_or_else(panicked)?;
        Ok(handle)
    }

    fn run(self, started: oneshot::Sender<io::Result<()>>) {
        match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => self.run_on(runtime, started),
            Err(error) => drop(started.send(Err(error))),
        }
    }

    fn run_on(mut self, runtime: Runtime, started: oneshot::Sender<io::Result<()>>) {
        runtime.block_on(async {
            match Worker::new(self.part) {
                Ok(worker) => {
                    drop(started.send(Ok(())));
                    tokio::select! {
                        () = worker.work() => {}
                        _ = self.release.changed() => {}
                    }
                }
                Err(error) => drop(started.send(Err(error))),
            }
        });
        // What stages have left on threads for blocking work is not waited for.
        runtime.shutdown_background();
    }
}
