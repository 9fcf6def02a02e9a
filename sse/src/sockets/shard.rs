//! The task that writes to many clients.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker, ready},
    time::Duration,
};

use mio::{Events, Token};
use tokio::io::{Interest, unix::AsyncFd};

use super::{
    client::{Client, Turn},
    inbox::{Attendance, Ticket},
    out::Out,
};

/// How many clients have a turn before other tasks of the thread do: one writes 64 KiB at most.
const TURNS: usize = 32;

/// What the system tells at once.
const EVENTS: usize = 256;

/// A future that never ends. Dropped, it closes the sockets of all its clients.
pub(super) struct Shard {
    attendance: Attendance,
    sockets: AsyncFd<mio::Poll>,
    events: Events,
    arrived: VecDeque<Client>,
    /// Who has a turn next, in the order in which they were woken.
    woken: VecDeque<usize>,
    clients: Vec<Option<Box<Seat>>>,
    free: Vec<usize>,
    out: Out,
}

struct Seat {
    client: Client,
    ticket: Arc<Ticket>,
    waker: Waker,
}

impl Shard {
    /// Writes to those who come to the inbox.
    pub(super) async fn run(attendance: Attendance) {
        match Self::new(attendance) {
            Ok(shard) => shard.await,
            Err(error) => tracing::error!(%error, "sockets cannot be watched"),
        }
    }

    fn new(attendance: Attendance) -> io::Result<Self> {
        Ok(Self {
            attendance,
            sockets: watched(mio::Poll::new()?)?,
            events: Events::with_capacity(EVENTS),
            arrived: VecDeque::new(),
            woken: VecDeque::new(),
            clients: Vec::new(),
            free: Vec::new(),
            out: Out::default(),
        })
    }

    /// Takes note of what has happened to sockets, until nothing more has.
    fn watch(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.sockets.poll_read_ready_mut(cx))?;
            let polled = ready
                .get_inner_mut()
                .poll(&mut self.events, Some(Duration::ZERO));
            match polled {
                Ok(()) if self.events.is_empty() => ready.clear_ready(),
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
            for event in &self.events {
                let index = event.token().0;
                if let Some(Some(seat)) = self.clients.get_mut(index) {
                    seat.client.note(event);
                    if seat.ticket.queue() {
                        self.woken.push_back(index);
                    }
                }
            }
        }
    }

    fn welcome(&mut self, mut client: Client) {
        let index = self.free.last().copied().unwrap_or(self.clients.len());
        let registry = self.sockets.get_ref().registry();
        if let Err(error) = client.register(registry, Token(index)) {
            return tracing::debug!(%error, "a socket cannot be watched");
        }
        let ticket = Arc::new(Ticket::new(Arc::clone(self.attendance.inbox()), index));
        let seat = Box::new(Seat {
            waker: Arc::clone(&ticket).into(),
            client,
            ticket,
        });
        match self.free.pop() {
            Some(index) => self.clients[index] = Some(seat),
            None => self.clients.push(Some(seat)),
        }
        self.woken.push_back(index);
    }

    /// The next client's turn.
    fn serve(&mut self, index: usize) {
        let Some(Some(seat)) = self.clients.get_mut(index) else {
            return;
        };
        match seat.client.turn(&seat.ticket, &seat.waker, &mut self.out) {
            Turn::Waits => {}
            Turn::Again => {
                if seat.ticket.queue() {
                    self.woken.push_back(index);
                }
            }
            Turn::Over => {
                if let Some(seat) = self.leave(index) {
                    seat.client.over(self.sockets.get_ref().registry());
                }
            }
            Turn::Gone => drop(self.leave(index)),
        }
    }

    fn leave(&mut self, index: usize) -> Option<Box<Seat>> {
        self.free.push(index);
        self.clients[index].take()
    }
}

#[expect(
    deprecated,
    reason = "what took its place is unsafe, for descriptors that are closed too early; mio owns this one"
)]
fn watched(sockets: mio::Poll) -> io::Result<AsyncFd<mio::Poll>> {
    AsyncFd::with_interest(sockets, Interest::READABLE)
}

impl Future for Shard {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let inbox = this.attendance.inbox();
        inbox.take(&mut this.arrived, &mut this.woken, cx);
        for _ in 0..TURNS {
            let Some(client) = this.arrived.pop_front() else {
                break;
            };
            this.welcome(client);
        }
        if let Poll::Ready(Err(error)) = this.watch(cx) {
            tracing::error!(%error, "sockets cannot be watched any more");
            return Poll::Ready(());
        }
        for _ in 0..TURNS {
            let Some(index) = this.woken.pop_front() else {
                break;
            };
            this.serve(index);
        }
        if !this.woken.is_empty() || !this.arrived.is_empty() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
