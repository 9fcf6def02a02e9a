//! Which clients of a shard are written the same.

use std::{collections::HashMap, sync::Arc};

use tokio::time::Instant;

use super::{
    client::Standing,
    cohort::{Cohort, Next},
    inbox::{Inbox, Ticket, Whose},
    seats::{Number, Seats, number},
    unsent::Written,
};
use crate::feed::{Common, Following, Given};

/// The cohorts of a shard, by number.
#[derive(Default)]
pub(super) struct Cohorts {
    cohorts: Vec<Option<Cohort>>,
    free: Vec<Number>,
    /// Those that clients may fall in with.
    open: HashMap<Common, Number>,
}

/// What a turn of a cohort came to.
pub(super) enum Turn {
    /// This client has what its cohort was given.
    Written,
    /// This client is to have a turn of its own.
    Out(Number),
    /// This one's client has left.
    Gone(Number),
    /// The cohort will be woken, or is no more.
    Waits,
}

impl Cohorts {
    /// A client that waits gets what it waits for together with others, if there are any. Returns whose turn comes by that.
    pub(super) fn fall_in(
        &mut self,
        client: Number,
        seats: &mut Seats,
        inbox: &Arc<Inbox>,
    ) -> Option<Whose> {
        let seat = seats.get_mut(client)?;
        let following = seat.client.rests()?;
        let (index, is_new) = self.like(following, inbox)?;
        let cohort = self.cohorts[index as usize].as_mut()?;
        let Some(places) = cohort.fall_in(client, following) else {
            self.remove_empty(index);
            return None;
        };
        let standing = Standing {
            cohort: index,
            place: places[0],
            before: cohort.written(Given::All).bytes,
            limited: seat.client.is_limited(),
        };
        note_places(cohort, places, seats);
        *seats.get_mut(client)?.client.standing() = Some(standing);
        is_new.then_some(Whose::Cohort(index))
    }

    /// The client goes on by itself. Returns whose turn comes by that.
    pub(super) fn fall_out(&mut self, client: Number, seats: &mut Seats) -> Option<Whose> {
        let seat = seats.get_mut(client)?;
        let standing = seat.client.standing().take()?;
        let cohort = self.cohorts[standing.cohort as usize].as_mut()?;
        let following = seat.client.following()?;
        let (written, places) = cohort.fall_out(standing.place, following);
        let bytes = written.bytes - standing.before;
        seat.client.went_on(bytes, written.at.filter(|_| bytes > 0));
        note_places(cohort, places, seats);
        let over = cohort.is_empty() && cohort.ticket().queue();
        over.then_some(Whose::Cohort(standing.cohort))
    }

    /// The next member of this cohort has its turn. One that is [to have its own](Turn::Out) must fall out before another has.
    pub(super) fn turn(&mut self, index: Number, seats: &mut Seats, now: Instant) -> Turn {
        let Some(Some(cohort)) = self.cohorts.get_mut(index as usize) else {
            return Turn::Waits;
        };
        match cohort.next() {
            Next::Write(client) => write(cohort, client, seats, now),
            Next::Out(client) => {
                self.close(index);
                Turn::Out(client)
            }
            Next::Wait => Turn::Waits,
            Next::Over => {
                self.remove_empty(index);
                Turn::Waits
            }
        }
    }

    /// What this cohort's members were given is counted, before others have their turn.
    pub(super) fn settle(&mut self, index: Number) {
        if let Some(Some(cohort)) = self.cohorts.get_mut(index as usize) {
            cohort.settle();
        }
    }

    /// The one that clients like this fall in with, and whether it is new.
    fn like(&mut self, following: &Following, inbox: &Arc<Inbox>) -> Option<(Number, bool)> {
        let common = Common::of(following)?;
        if let Some(index) = self.open.get(&common) {
            return Some((*index, false));
        }
        let index = self
            .free
            .last()
            .copied()
            .unwrap_or_else(|| number(self.cohorts.len()));
        let ticket = Ticket::new(Arc::clone(inbox), Whose::Cohort(index));
        let cohort = Some(Cohort::of(following, common, Arc::new(ticket))?);
        match self.free.pop() {
            Some(index) => self.cohorts[index as usize] = cohort,
            None => self.cohorts.push(cohort),
        }
        self.open.insert(common, index);
        Some((index, true))
    }

    /// Nobody falls in with it any more.
    fn close(&mut self, index: Number) {
        let common = self.cohorts[index as usize].as_ref().map(Cohort::common);
        if let Some(common) = common.filter(|common| self.open.get(common) == Some(&index)) {
            self.open.remove(&common);
        }
    }

    fn remove_empty(&mut self, index: Number) {
        if self.cohorts[index as usize]
            .as_ref()
            .is_some_and(Cohort::is_empty)
        {
            self.close(index);
            self.cohorts[index as usize] = None;
            self.free.push(index);
        }
    }
}

fn write(cohort: &mut Cohort, client: Number, seats: &mut Seats, now: Instant) -> Turn {
    let Some(seat) = seats.get_mut(client) else {
        return Turn::Gone(client);
    };
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
fn note_places(cohort: &Cohort, places: [Number; 2], seats: &mut Seats) {
    for place in places {
        let seat = cohort
            .member(place)
            .and_then(|client| seats.get_mut(client));
        if let Some(standing) = seat.and_then(|seat| seat.client.standing().as_mut()) {
            standing.place = place;
        }
    }
}
