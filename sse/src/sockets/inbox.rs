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
use crate::slab::Id;

/// Shared by a shard, who gives it clients, and the wakers of its clients.
#[derive(Default)]
pub(super) struct Inbox(Mutex<State>);

#[derive(Default)]
struct State {
    /// As many as there are connections at most.
    arrived: Vec<Client>,
    /// Each once at most.
    woken: Vec<Whose>,
    /// Of the shard, while it has seen all that is here.
    waker: Option<Waker>,
    /// There is a shard.
    attended: bool,
}

impl Inbox {
    /// For the shard, which is to be started if there is none: then it is returned, and drops the client if it is dropped.
    #[must_use = "nobody else will attend to the client"]
    pub(super) fn add(self: &Arc<Self>, client: Client) -> Option<Attendance> {
        let mut state = self.lock();
        state.arrived.push(client);
        let attended = mem::replace(&mut state.attended, true);
        wake(state);
        (!attended).then(|| Attendance(Arc::clone(self)))
    }

    /// Takes all that is here. The task is woken when there is more.
    pub(super) fn take(
        &self,
        arrived: &mut VecDeque<Client>,
        woken: &mut VecDeque<Whose>,
        cx: &Context<'_>,
    ) {
        let mut state = self.lock();
        arrived.extend(state.arrived.drain(..));
        woken.extend(state.woken.drain(..));
        let known = state.waker.as_ref();
        if !known.is_some_and(|waker| waker.will_wake(cx.waker())) {
            state.waker = Some(cx.waker().clone());
        }
    }

    /// What is called with it locked is never foreign code.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a shard has of its inbox. With it the shard ends, and another may begin.
pub(super) struct Attendance(Arc<Inbox>);

impl Attendance {
    pub(super) fn inbox(&self) -> &Arc<Inbox> {
        &self.0
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        let ended = mem::take(&mut *state);
        drop(state);
        // What is dropped with the clients is foreign code.
        drop(ended);
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

/// Whose turn it is, by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Client(Id),
    Cohort(Id),
}

/// Wakes one client of a shard, or a cohort of them.
pub(super) struct Ticket {
    inbox: Arc<Inbox>,
    whose: Whose,
    /// The shard has been told, and has not looked yet.
    queued: AtomicBool,
}

impl Ticket {
    /// For one whose turn is coming anyway.
    pub(super) fn new(inbox: Arc<Inbox>, whose: Whose) -> Self {
        Self {
            inbox,
            whose,
            queued: AtomicBool::new(true),
        }
    }

    /// Its turn has come.
    pub(super) fn begin(&self) {
        self.queued.store(false, Ordering::Release);
    }

    /// Whether its turn is coming.
    pub(super) fn is_queued(&self) -> bool {
        self.queued.load(Ordering::Acquire)
    }

    /// Whether it is to be put into the queue by who asks.
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
            state.woken.push(self.whose);
            wake(state);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::Read,
        net::{TcpListener, TcpStream},
        time::Duration,
    };

    use peristyle_core::handover::{Framing, Handover, Lease, SocketHost};
    use tracing::Span;

    use super::*;
    use crate::feed::{Feed, Follow};

    struct Nothing;

    impl Lease for Nothing {
        fn sent(&mut self, _: u64) {}
        fn stalled(&mut self) {}
        fn complete(self: Box<Self>, _: TcpStream, _: Vec<u8>) {}
        fn abort(self: Box<Self>, _: TcpStream) {}
    }

    /// And the other end of its connection.
    fn client() -> (Client, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let other = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let stream = Feed::new().follow(Follow::live()).unwrap();
        let handover = Handover {
            socket: listener.accept().unwrap().0,
            unread: Vec::new(),
            framing: Framing::Chunked,
            write_timeout: Duration::MAX,
            span: Span::none(),
            host: Arc::new(SocketHost::new(drop)),
            lease: Box::new(Nothing),
        };
        (
            Client::new(Box::pin(stream.into_response().into_body()), handover),
            other,
        )
    }

    #[tokio::test]
    async fn there_is_one_shard_and_another_when_it_has_ended_with_its_clients() {
        let inbox = Arc::new(Inbox::default());
        let (first, mut one) = client();
        let (second, mut two) = client();
        let attendance = inbox.add(first);
        assert!(attendance.is_some());
        assert!(inbox.add(second).is_none());
        drop(attendance);
        for other in [&mut one, &mut two] {
            assert_eq!(other.read(&mut [0]).unwrap(), 0);
        }
        assert!(inbox.add(client().0).is_some());
    }
}
