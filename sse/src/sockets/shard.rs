//! The task that writes to many clients.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use mio::{Events, Token};
use tokio::{
    io::{Interest, unix::AsyncFd},
    time::Instant,
};

use super::{
    client::{Client, Turn},
    cohorts::{self, Cohorts},
    inbox::{Attendance, Whose},
    out::Out,
    seats::{Seat, Seats},
};
use crate::slab::Id;

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
    woken: VecDeque<Whose>,
    seats: Seats,
    cohorts: Cohorts,
    out: Out,
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
            seats: Seats::default(),
            cohorts: Cohorts::default(),
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
                let id = Id::of(event.token().0);
                if let Some(seat) = self.seats.find_mut(id) {
                    seat.client.note(event);
                    if seat.ticket.queue() {
                        self.woken.push_back(Whose::Client(id));
                    }
                }
            }
        }
    }

    fn welcome(&mut self, mut client: Client) {
        let id = self.seats.next();
        let registry = self.sockets.get_ref().registry();
        if let Err(error) = client.register(registry, Token(id.index())) {
            return tracing::debug!(%error, "a socket cannot be watched");
        }
        let seat = Seat::new(client, id, self.attendance.inbox());
        self.seats.insert(Box::new(seat));
        self.woken.push_back(Whose::Client(id));
    }

    /// The turns of those who are next, so many of clients at most.
    fn serve(&mut self) {
        let mut turns = TURNS;
        while turns > 0 {
            match self.woken.pop_front() {
                Some(Whose::Client(id)) => {
                    self.serve_client(id);
                    turns -= 1;
                }
                Some(Whose::Cohort(id)) => turns = self.serve_cohort(id, turns),
                None => break,
            }
        }
    }

    fn serve_client(&mut self, id: Id) {
        self.fall_out(id);
        let Some(seat) = self.seats.find_mut(id) else {
            return;
        };
        match seat.client.turn(&seat.ticket, &seat.waker, &mut self.out) {
            Turn::Waits => self.fall_in(id),
            Turn::Again => self.queue(id),
            Turn::Over => {
                let seat = self.seats.remove(id);
                seat.client.over(self.sockets.get_ref().registry());
            }
            Turn::Gone => drop(self.seats.remove(id)),
        }
    }

    /// Returns how many of the turns are left.
    fn serve_cohort(&mut self, id: Id, turns: usize) -> usize {
        let now = Instant::now();
        for left in (0..turns).rev() {
            match self.cohorts.turn(id, &mut self.seats, now) {
                cohorts::Turn::Written => {}
                cohorts::Turn::Out(client) => {
                    self.fall_out(client);
                    self.queue(client);
                }
                cohorts::Turn::Gone(client) => {
                    self.fall_out(client);
                    drop(self.seats.remove(client));
                }
                cohorts::Turn::Waits => return left,
            }
        }
        self.cohorts.settle(id);
        self.woken.push_back(Whose::Cohort(id));
        0
    }

    fn fall_in(&mut self, client: Id) {
        let inbox = self.attendance.inbox();
        let woken = self.cohorts.fall_in(client, &mut self.seats, inbox);
        self.woken.extend(woken);
    }

    fn fall_out(&mut self, client: Id) {
        let woken = self.cohorts.fall_out(client, &mut self.seats);
        self.woken.extend(woken);
    }

    fn queue(&mut self, client: Id) {
        if self.seats.get_mut(client).ticket.queue() {
            self.woken.push_back(Whose::Client(client));
        }
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
        this.serve();
        if !this.woken.is_empty() || !this.arrived.is_empty() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}
