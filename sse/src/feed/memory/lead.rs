//! Subscribers who wait for the same, with one that waits for all of them.

use std::{mem, task::Waker};

use super::{
    Id, Place, State,
    subscribers::{Interest, Wait},
};
use crate::feed::{lead::Told, topics::Choice};

/// With fewer followers of the same a lead takes more than it saves.
const FEWEST: usize = 8;

/// What the followers of a lead follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::feed) enum Same {
    All,
    Topic(Id),
}

impl State {
    /// What the subscriber follows with others. `None` for what cannot be compared in no time, and for who is nearly alone.
    pub(in crate::feed) fn same(&self, id: Id) -> Option<Same> {
        let interest = &self.subscribers.get(id).interest;
        let (same, followers) = match interest {
            Interest::All => (Same::All, self.subscribers.general()),
            Interest::Topics(topics) => match topics[..] {
                [topic] => (Same::Topic(topic), self.index.get(topic).followers()),
                _ => return None,
            },
            Interest::Matching(_) => return None,
        };
        (followers >= FEWEST).then_some(same)
    }

    /// A subscriber at the end of the log that follows the same, and is none of those who are present.
    pub(in crate::feed) fn lead(&mut self, like: &Place) -> Option<Place> {
        let choice = match self.same(like.id)? {
            Same::All => Choice::All,
            Same::Topic(topic) => Choice::Exact(Box::new([self.index.get(topic).name.clone()])),
        };
        let id = self.subscribers.insert(choice, None, &mut self.index);
        let position = self.tip();
        self.subscribers.get_mut(id).position = position;
        Some(Place {
            id,
            position,
            lag: like.lag,
            gap: None,
        })
    }

    /// Has the subscriber wait with the lead, if it waits and the lead has all that it has. It is still woken when it is revoked.
    pub(in crate::feed) fn fall_in(&mut self, member: Id, lead: &mut Place) -> bool {
        self.pass_over(lead);
        if lead.position < self.tip() {
            return false;
        }
        let wait = &mut self.subscribers.get_mut(member).wait;
        *wait = match mem::replace(wait, Wait::Reading) {
            Wait::Armed(waker) => Wait::Behind(lead.id, waker),
            other => other,
        };
        let behind = matches!(wait, Wait::Behind(..));
        if behind {
            self.subscribers.set_behind(member, true, &mut self.index);
        }
        behind
    }

    /// Ends that: the subscriber has all up to this position, or up to that of the lead, and is to be polled. Returns the position, and
    /// its waker, which is for the caller to drop.
    pub(in crate::feed) fn fall_out(
        &mut self,
        member: &mut Place,
        lead: &mut Place,
        position: Option<u64>,
    ) -> Option<Waker> {
        self.pass_over(lead);
        member.position = position.unwrap_or(lead.position);
        let subscriber = self.subscribers.get_mut(member.id);
        subscriber.position = member.position;
        let waker = mem::replace(&mut subscriber.wait, Wait::Reading).into_waker();
        self.subscribers
            .set_behind(member.id, false, &mut self.index);
        waker
    }

    /// Where the lead is.
    pub(in crate::feed) fn lead_from(&mut self, lead: &mut Place) -> u64 {
        self.pass_over(lead);
        lead.position
    }

    /// After its turn.
    pub(in crate::feed) fn lead_is_at(&mut self, lead: &Place) {
        self.subscribers.get_mut(lead.id).position = lead.position;
    }

    /// So much was delivered without a turn.
    pub(in crate::feed) fn count(&mut self, told: Told) {
        self.counters.delivered += told.events;
        self.counters.delivered_bytes += told.bytes;
    }
}
