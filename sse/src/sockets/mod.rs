//! Event streams that write themselves to the sockets of their clients.
//!
//! Once a host has [handed over](peristyle_core::handover) the socket, a client is an entry in a shard: its body, its socket,
//! and what the socket did not take. A shard is one task of the host's for many clients. It is woken once for whatever
//! many of them have to be told, polls the bodies of those that were woken, and writes all that one of them has to say at once.
//! The body is the one that the host would have polled, so that what a client gets does not depend on the way.
//!
//! Clients that have all there is, and wait for the same, are a [cohort](cohort::Cohort): their bodies are not polled for an event, which is
//! framed once and written to each.

mod account;
mod client;
mod cohort;
mod cohorts;
mod inbox;
mod out;
mod seats;
mod shard;
mod source;
mod unread;
mod unsent;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use peristyle_core::handover::{Handover, OverSocket, SocketHost, SocketOffer};
use tokio::runtime::Handle;

use self::{client::Client, inbox::Inbox, shard::Shard};
use crate::{EventBody, feed::Following};

/// The offer of streams that follow a feed: they are many, and mostly silent.
pub(crate) fn offer() -> SocketOffer {
    SocketOffer::of::<EventBody<Following>>()
}

impl OverSocket for EventBody<Following> {
    fn take(self: Box<Self>, handover: Handover) {
        let host = Arc::clone(&handover.host);
        let shards = host.keep(Shards::new);
        shards.add(Client::new(Box::into_pin(self), handover), &host);
    }
}

/// The shards of one host, which share its clients.
struct Shards {
    inboxes: Box<[Arc<Inbox>]>,
    next: AtomicUsize,
}

impl Shards {
    /// One for each thread that can run one.
    fn new() -> Self {
        let runtime = Handle::try_current();
        let threads = runtime.map_or(1, |runtime| runtime.metrics().num_workers());
        let inboxes = (0..threads).map(|_| Arc::default());
        Self {
            inboxes: inboxes.collect(),
            next: AtomicUsize::new(0),
        }
    }

    fn add(&self, client: Client, host: &SocketHost) {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.inboxes.len();
        let inbox = &self.inboxes[next];
        if let Some(attendance) = inbox.add(client) {
            host.spawn(Shard::run(attendance));
        }
    }
}
