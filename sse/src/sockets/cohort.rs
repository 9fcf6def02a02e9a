//! Clients of a shard that are written the same.

use std::{
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tokio::time::Instant;

use super::{inbox::Ticket, out::chunked};
use crate::{
    Event,
    feed::{Common, Following, Given, Lead, News, Told},
    slab::Id,
};

/// Clients that were all written the same, and wait for the same. What their lead is given is framed once, and written to each.
///
/// Whatever else happens to one of them is its own: it falls out, and its body goes on from where it stands.
pub(super) struct Cohort {
    lead: Lead,
    common: Common,
    ticket: Arc<Ticket>,
    waker: Waker,
    /// The numbers of clients. The first `given` of them have the last page.
    members: Vec<Id>,
    given: usize,
    page: Page,
    /// What was written to each before the last page, and when.
    before: Written,
    /// All are to fall out.
    disbands: bool,
}

/// What is written to each member at once.
#[derive(Default)]
struct Page {
    /// In chunks.
    framed: Bytes,
    told: Told,
    at: Option<Instant>,
}

/// How much the members of a cohort were written, and when last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) bytes: u64,
    pub(super) at: Option<Instant>,
}

/// What is to be done next.
pub(super) enum Next {
    /// This client is to be written the [page](Cohort::page).
    Write(Id),
    /// This client is to fall out.
    Out(Id),
    /// Nothing, until the cohort is woken.
    Wait,
    /// Nobody is left.
    Over,
}

impl Cohort {
    /// For clients like the one that follows so; `None` when there are hardly any.
    pub(super) fn of(following: &Following, common: Common, ticket: Arc<Ticket>) -> Option<Self> {
        Some(Self {
            lead: Lead::like(following)?,
            common,
            waker: Arc::clone(&ticket).into(),
            ticket,
            members: Vec::new(),
            given: 0,
            page: Page::default(),
            before: Written::default(),
            disbands: false,
        })
    }

    pub(super) fn common(&self) -> Common {
        self.common
    }

    pub(super) fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether a member that has been woken must not be written anything: it may have been revoked.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.lead.is_in_doubt()
    }

    /// What is to be written.
    pub(super) fn page(&self) -> &Bytes {
        &self.page.framed
    }

    /// Who is there, if anyone is.
    pub(super) fn member(&self, place: usize) -> Option<Id> {
        self.members.get(place).copied()
    }

    /// What members were written that have the last page.
    pub(super) fn written(&self, given: Given) -> Written {
        match given {
            Given::Before => self.before,
            Given::All => Written {
                bytes: self.before.bytes + self.page.told.bytes,
                at: self.page.at.or(self.before.at),
            },
        }
    }

    /// Returns the client's place, unless it has to see something for itself before. Who was there is elsewhere now.
    pub(super) fn fall_in(&mut self, client: Id, following: &Following) -> Option<[usize; 2]> {
        if self.disbands || !self.lead.fall_in(following) {
            return None;
        }
        let last = self.members.len();
        self.members.push(client);
        self.members.swap(self.given, last);
        self.given += 1;
        Some([self.given - 1, last])
    }

    /// Returns what the client was written, and the places where others are now.
    pub(super) fn fall_out(
        &mut self,
        from: usize,
        following: &mut Following,
    ) -> (Written, [usize; 2]) {
        let mut place = from;
        let mut given = Given::Before;
        if place < self.given {
            given = Given::All;
            self.given -= 1;
            self.members.swap(place, self.given);
            place = self.given;
        }
        self.members.swap_remove(place);
        self.lead.fall_out(following, given);
        (self.written(given), [from, place])
    }

    /// What members were given so far is counted.
    pub(super) fn settle(&mut self) {
        self.lead.settle();
    }

    /// The client that was to be written the page has it.
    pub(super) fn advance(&mut self) {
        self.given += 1;
        self.lead.count(self.page.told);
    }

    pub(super) fn next(&mut self) -> Next {
        loop {
            let Some(last) = self.members.last() else {
                return Next::Over;
            };
            if self.disbands {
                return Next::Out(*last);
            }
            if let Some(next) = self.members.get(self.given) {
                return Next::Write(*next);
            }
            match self.poll() {
                Poll::Pending => return Next::Wait,
                Poll::Ready(News::Apart) => self.disbands = true,
                Poll::Ready(News::Events(events)) => self.turn_to(&events),
            }
        }
    }

    /// Once each member has the page. It is not kept for those who wait for another.
    fn poll(&mut self) -> Poll<News> {
        self.page.framed = Bytes::new();
        self.ticket.begin();
        self.lead.poll(&Context::from_waker(&self.waker))
    }

    fn turn_to(&mut self, events: &[Event]) {
        self.before = self.written(Given::All);
        let bytes: usize = events.iter().map(|event| event.as_bytes().len()).sum();
        self.page = Page {
            framed: chunked(events.iter().map(Event::as_bytes)),
            told: Told {
                events: events.len() as u64,
                bytes: bytes as u64,
            },
            at: Some(Instant::now()),
        };
        self.given = 0;
    }
}
