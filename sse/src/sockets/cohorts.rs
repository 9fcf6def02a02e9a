//! Which clients of a shard are written the same.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::{
    client::Standing,
    cohort::{Cohort, Next},
    inbox::{Inbox, Ticket, Whose},
    seats::Seats,
    unsent::Written,
};
use crate::{
    feed::{Common, Following, Given},
    slab::{Id, Slab},
};

/// The cohorts of a shard, by number.
#[derive(Default)]
pub(super) struct Cohorts {
    cohorts: Slab<Cohort>,
    /// Those that clients may fall in with.
    open: HashMap<Common, Id>,
}

/// What a turn of a cohort came to.
pub(super) enum Turn {
    /// This client has what its cohort was given.
    Written,
    /// This client is to have a turn of its own.
    Out(Id),
    /// This one's client has left.
    Gone(Id),
    /// The cohort will be woken, or is no more.
    Waits,
}

impl Cohorts {
    /// A client that waits gets what it waits for together with others, if there are any. Returns whose turn comes by that.
    pub(super) fn fall_in(
        &mut self,
        client: Id,
        seats: &mut Seats,
        inbox: &Arc<Inbox>,
    ) -> Option<Whose> {
        let seat = seats.find_mut(client)?;
        let following = seat.client.rests()?;
        let (id, is_new) = self.like(following, inbox)?;
        let cohort = self.cohorts.get_mut(id);
        let Some(places) = cohort.fall_in(client, following) else {
            self.remove_empty(id);
            return None;
        };
        let standing = Standing {
            cohort: id,
            place: places[0],
            before: cohort.written(Given::All).bytes,
            limited: seat.client.is_limited(),
        };
        note_places(cohort, places, seats);
        *seats.get_mut(client).client.standing() = Some(standing);
        is_new.then_some(Whose::Cohort(id))
    }

    /// The client goes on by itself. Returns whose turn comes by that.
    pub(super) fn fall_out(&mut self, client: Id, seats: &mut Seats) -> Option<Whose> {
        let seat = seats.find_mut(client)?;
        let standing = seat.client.standing().take()?;
        let cohort = self.cohorts.get_mut(standing.cohort);
        let following = seat.client.following()?;
        let (written, places) = cohort.fall_out(standing.place, following);
        let bytes = written.bytes - standing.before;
        seat.client.went_on(bytes, written.at.filter(|_| bytes > 0));
        note_places(cohort, places, seats);
        let over = cohort.is_empty() && cohort.ticket().queue();
        over.then_some(Whose::Cohort(standing.cohort))
    }

    /// The next member of this cohort has its turn. One that is [to have its own](Turn::Out) must fall out before another has.
    pub(super) fn turn(&mut self, id: Id, seats: &mut Seats, now: Instant) -> Turn {
        let Some(cohort) = self.cohorts.find_mut(id) else {
            return Turn::Waits;
        };
        match cohort.next() {
            Next::Write(client) => write(cohort, client, seats, now),
            Next::Out(client) => {
                self.close(id);
                Turn::Out(client)
            }
            Next::Wait => Turn::Waits,
            Next::Over => {
                self.remove_empty(id);
                Turn::Waits
            }
        }
    }

    /// What this cohort's members were given is counted, before others have their turn.
    pub(super) fn settle(&mut self, id: Id) {
        if let Some(cohort) = self.cohorts.find_mut(id) {
            cohort.settle();
        }
    }

    /// The one that clients like this fall in with, and whether it is new.
    fn like(&mut self, following: &Following, inbox: &Arc<Inbox>) -> Option<(Id, bool)> {
        let common = Common::of(following)?;
        if let Some(id) = self.open.get(&common) {
            return Some((*id, false));
        }
        let ticket = Ticket::new(Arc::clone(inbox), Whose::Cohort(self.cohorts.next()));
        let cohort = Cohort::of(following, common, Arc::new(ticket))?;
        let id = self.cohorts.insert(cohort);
        self.open.insert(common, id);
        Some((id, true))
    }

    /// Nobody falls in with it any more.
    fn close(&mut self, id: Id) {
        let common = self.cohorts.get(id).common();
        if self.open.get(&common) == Some(&id) {
            self.open.remove(&common);
        }
    }

    fn remove_empty(&mut self, id: Id) {
        if self.cohorts.get(id).is_empty() {
            self.close(id);
            drop(self.cohorts.remove(id));
        }
    }
}

fn write(cohort: &mut Cohort, client: Id, seats: &mut Seats, now: Instant) -> Turn {
    let seat = seats.get_mut(client);
    if cohort.is_in_doubt() && seat.ticket.is_queued() {
        return Turn::Out(client);
    }
    let written = match seat.client.write_page(cohort.page(), now) {
        Ok(Some(written)) => written,
        Ok(None) => return Turn::Out(client),
        Err(error) => {
            tracing::debug!(%error, "the client of a stream has left");
            return Turn::Gone(client);
        }
    };
    cohort.advance();
    match written {
        Written::All => Turn::Written,
        Written::Some | Written::Nothing => Turn::Out(client),
    }
}

/// These places of a cohort may have changed hands.
fn note_places(cohort: &Cohort, places: [usize; 2], seats: &mut Seats) {
    for place in places {
        let seat = cohort.member(place).map(|client| seats.get_mut(client));
        if let Some(standing) = seat.and_then(|seat| seat.client.standing().as_mut()) {
            standing.place = place;
        }
    }
}
