//! The clients of a shard.

use std::{sync::Arc, task::Waker};

use super::{
    client::Client,
    inbox::{Inbox, Ticket, Whose},
};
use crate::slab::{Id, Slab};

pub(super) type Seats = Slab<Box<Seat>>;

/// A client, and how it is woken.
pub(super) struct Seat {
    pub(super) client: Client,
    pub(super) ticket: Arc<Ticket>,
    pub(super) waker: Waker,
}

impl Seat {
    pub(super) fn new(client: Client, id: Id, inbox: &Arc<Inbox>) -> Self {
        let ticket = Arc::new(Ticket::new(Arc::clone(inbox), Whose::Client(id)));
        Self {
            waker: Arc::clone(&ticket).into(),
            client,
            ticket,
        }
    }
}
