//! The clients of a shard.

use std::{sync::Arc, task::Waker};

use super::{
    client::Client,
    inbox::{Inbox, Ticket, Whose},
};

/// A client, and how it is woken.
pub(super) struct Seat {
    pub(super) client: Client,
    pub(super) ticket: Arc<Ticket>,
    pub(super) waker: Waker,
}

/// The number of a client or a cohort: there are many, and memory ends before 2^32 of them.
pub(super) type Number = u32;

/// The number of what is at this place of a list.
pub(super) fn number(place: usize) -> Number {
    Number::try_from(place).expect("memory ends before 2^32 of them")
}

/// The seats by number. There is room for as many as there once were.
#[derive(Default)]
pub(super) struct Seats {
    seats: Vec<Option<Box<Seat>>>,
    free: Vec<Number>,
}

impl Seats {
    /// The number of the next that is [added](Self::add).
    pub(super) fn next(&self) -> Number {
        self.free
            .last()
            .copied()
            .unwrap_or_else(|| number(self.seats.len()))
    }

    pub(super) fn add(&mut self, client: Client, inbox: &Arc<Inbox>) -> Number {
        let index = self.next();
        let ticket = Arc::new(Ticket::new(Arc::clone(inbox), Whose::Client(index)));
        let seat = Some(Box::new(Seat {
            waker: Arc::clone(&ticket).into(),
            client,
            ticket,
        }));
        match self.free.pop() {
            Some(index) => self.seats[index as usize] = seat,
            None => self.seats.push(seat),
        }
        index
    }

    pub(super) fn get_mut(&mut self, index: Number) -> Option<&mut Seat> {
        self.seats.get_mut(index as usize)?.as_deref_mut()
    }

    pub(super) fn remove(&mut self, index: Number) -> Option<Box<Seat>> {
        let seat = self.seats.get_mut(index as usize)?.take();
        if seat.is_some() {
            self.free.push(index);
        }
        seat
    }
}
