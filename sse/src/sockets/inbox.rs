//! What a shard is told from outside: who has come, and who was woken.

use std::{
    collections::VecDeque,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Wake, Waker},
};

use super::client::Client;

/// Shared by a shard, who gives it clients, and the wakers of its clients.
#[derive(Default)]
pub(super) struct Inbox(Mutex<State>);

#[derive(Default)]
struct State {
    /// As many as there are connections at most.
    arrived: Vec<Client>,
    /// Of each client once at most.
    woken: Vec<usize>,
    /// Of the shard, while it has seen all that is here.
    waker: Option<Waker>,
    begun: bool,
    closed: bool,
}

impl Inbox {
    /// Whether the shard is to be started: it has not been.
    pub(super) fn begin(&self) -> bool {
        !mem::replace(&mut self.lock().begun, true)
    }

    /// For the shard, or for nobody when it has ended: then the client is dropped.
    pub(super) fn add(&self, client: Client) {
        let mut state = self.lock();
        if state.closed {
            // What is dropped with it is foreign code.
            drop(state);
            return drop(client);
        }
        state.arrived.push(client);
        wake(state);
    }

    /// Takes all that is here. The task is woken when there is more.
    pub(super) fn take(
        &self,
        arrived: &mut Vec<Client>,
        woken: &mut VecDeque<usize>,
        cx: &Context<'_>,
    ) {
        let mut state = self.lock();
        arrived.append(&mut state.arrived);
        woken.extend(state.woken.drain(..));
        let known = state.waker.as_ref();
        if !known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
    }

    /// The shard has ended.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        let arrived = mem::take(&mut state.arrived);
        drop(state);
        drop(arrived);
    }

    /// What is called with it locked is never foreign code.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Wakes one client of a shard.
pub(super) struct Ticket {
    inbox: Arc<Inbox>,
    index: usize,
    /// The shard has been told, and has not looked yet.
    queued: AtomicBool,
}

impl Ticket {
    /// For a client whose turn is coming anyway.
    pub(super) fn new(inbox: Arc<Inbox>, index: usize) -> Self {
        Self {
            inbox,
            index,
            queued: AtomicBool::new(true),
        }
    }

    /// The client has its turn.
    pub(super) fn begin(&self) {
        self.queued.store(false, Ordering::Release);
    }

    /// Whether the client is to be put into the queue by who asks.
    pub(super) fn queue(&self) -> bool {
        !self.queued.swap(true, Ordering::AcqRel)
    }
}

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.queue() {
            let mut state = self.inbox.lock();
            state.woken.push(self.index);
            wake(state);
        }
    }
}
