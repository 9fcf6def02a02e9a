//! A server at work, on the runtime that it was started on or on one for each thread of its own, and its orderly end.

mod places;
mod seat;
mod signals;
mod threads;
mod worker;

use std::{
    future::{Future, pending},
    io,
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};

pub use self::threads::Threads;
pub(crate) use self::{
    places::{Places, by_descriptors},
    seat::{Held, Seat},
    signals::Signals,
    worker::Service,
};
use self::{threads::Crew, worker::Worker};
use crate::{
    Shutdown,
    detached::Detached,
    listen::Listener,
    shutdown::{Announcer, Phase},
};

/// What one worker accepts, and what it does with it.
struct Part {
    listeners: Vec<Listener>,
    service: Service,
    /// Dropped when the worker has no connections left.
    busy: mpsc::Sender<()>,
}

impl Part {
    fn once_more(&self) -> io::Result<Self> {
        let listeners = self.listeners.iter().map(Listener::once_more);
        Ok(Self {
            listeners: listeners.collect::<Result<_, _>>()?,
            service: self.service.clone(),
            busy: self.busy.clone(),
        })
    }
}

/// Serves until `end` resolves, then shuts down. One more of the signals that it resolves to forces the end.
pub(crate) async fn run(
    listeners: Vec<Listener>,
    threads: Threads,
    service: Service,
    course: Course,
    end: impl Future<Output = Option<Signals>>,
) -> io::Result<()> {
    let (busy, idle) = mpsc::channel(1);
    let part = Part {
        listeners,
        service,
        busy,
    };
    let Some(count) = threads.count() else {
        let worker = Worker::new(part)?;
        tokio::select! {
            biased;
            () = worker.work() => {}
            _ = course.run(end, idle) => {}
        }
        return Ok(());
    };
    let crew = Crew::start(count, part).await?;
    let ended = course.run(end, idle).await;
    crew.end(ended).await;
    Ok(())
}

/// What happens from the start of a server to its end, told to all that it serves.
#[derive(Debug)]
pub(crate) struct Course {
    announcer: Announcer,
    detached: Detached,
    places: Places,
    grace: Duration,
}

/// Whether all that was served has ended, or something is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    All,
    NotAll,
}

/// Enough to render an error and write it.
const LONGEST_ENDING: Duration = Duration::from_secs(1);

/// More than a task that can be cut off needs to end.
const LAST: Duration = Duration::from_secs(1);

impl Course {
    pub(crate) fn new(detached: Detached, places: Places, grace: Duration) -> (Self, Shutdown) {
        let (announcer, shutdown) = Shutdown::channel();
        let course = Self {
            announcer,
            detached,
            places,
            grace,
        };
        (course, shutdown)
    }

    async fn run(
        self,
        end: impl Future<Output = Option<Signals>>,
        mut idle: mpsc::Receiver<()>,
    ) -> Ended {
        let signals = end.await;
        self.announcer.announce(Phase::Draining);
        tokio::select! {
            biased;
            () = self.end_within_grace(&mut idle) => {}
            () = forced(signals) => {}
        }
        self.announcer.announce(Phase::Forced);
        self.detached.close();
        if timeout(LAST, self.finished(&mut idle)).await.is_ok() {
            return Ended::All;
        }
        let left = self.places.taken();
        tracing::error!(left, "connections are given up: their stages block");
        Ended::NotAll
    }

    /// Interrupts what can be interrupted when little is left of the grace.
    async fn end_within_grace(&self, idle: &mut mpsc::Receiver<()>) {
        let ending = LONGEST_ENDING.min(self.grace / 10);
        if timeout(self.grace.saturating_sub(ending), self.finished(idle))
            .await
            .is_err()
        {
            self.announcer.announce(Phase::Ending);
            let _late = timeout(ending, self.finished(idle)).await;
        }
    }

    /// Until no worker has connections, then until nothing runs that clients left behind.
    async fn finished(&self, idle: &mut mpsc::Receiver<()>) {
        while idle.recv().await.is_some() {}
        self.detached.finished().await;
    }
}

async fn forced(signals: Option<Signals>) {
    match signals {
        Some(mut signals) => signals.next().await,
        None => pending().await,
    }
}
