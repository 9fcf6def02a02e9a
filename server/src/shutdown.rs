//! The end of a server, told to all that it serves.

use std::sync::Arc;

use tokio::sync::watch;

/// How far the end of the server has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    Serving,
    Draining,
    /// Little is left of the grace: what can be interrupted is.
    Ending,
    Forced,
}

/// A handle to watch for the server's shutdown. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(Option<Arc<watch::Receiver<Phase>>>);

impl Shutdown {
    pub(crate) fn channel() -> (watch::Sender<Phase>, Self) {
        let (sender, receiver) = watch::channel(Phase::Serving);
        (sender, Self(Some(Arc::new(receiver))))
    }

    /// The shutdown of an exchange that no server serves.
    pub(crate) const fn never() -> Self {
        Self(None)
    }

    /// Whether the server is shutting down.
    pub fn is_requested(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|phase| *phase.borrow() > Phase::Serving)
    }

    /// Resolves when the server begins to shut down. Pending for ever where there is no server.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future has no effect.
    pub async fn requested(&self) {
        self.reached(Phase::Draining).await;
    }

    pub(crate) async fn reached(&self, phase: Phase) {
        let reached = match self.0.as_deref().cloned() {
            Some(mut receiver) => receiver.wait_for(|now| *now >= phase).await.is_ok(),
            None => false,
        };
        if !reached {
            std::future::pending::<()>().await;
        }
    }
}
