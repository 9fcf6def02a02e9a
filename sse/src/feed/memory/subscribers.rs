//! Who follows the log, and who waits for more.

use std::{collections::BTreeSet, mem, task::Waker};

use super::index::Index;
use crate::{
    feed::{
        Presence, Topic,
        peer::Principal,
        topics::{Choice, Pattern, matches_any},
    },
    slab::{Id, Slab},
};

/// Every subscriber, by number.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    all: Slab<Subscriber>,
    /// Those who are not found through a topic.
    general: BTreeSet<Id>,
    /// Of these, those who are behind a lead.
    behind: BTreeSet<Id>,
    present: usize,
}

#[derive(Debug)]
pub(in crate::feed) struct Subscriber {
    pub(super) interest: Interest,
    pub(super) wait: Wait,
    /// It has joined.
    pub(in crate::feed) present: bool,
    pub(super) revoked: bool,
    /// Of its place, after its last turn.
    pub(super) position: u64,
    principal: Option<Principal>,
}

/// [`Topics`](crate::feed::Topics), with the names looked up.
#[derive(Debug)]
pub(super) enum Interest {
    All,
    Topics(Box<[Id]>),
    Matching(Box<[Pattern]>),
}

#[derive(Debug)]
pub(super) enum Wait {
    /// There may be events for it at any place after its position.
    Reading,
    /// As when it is reading, but it waits for something else than the log.
    Elsewhere(Waker),
    /// There are none in the log.
    Armed(Waker),
    /// The first is this one.
    Woken(u64),
    /// Where this other subscriber is, which is woken for it.
    Behind(Id, Waker),
}

impl Subscribers {
    pub(super) fn get(&self, id: Id) -> &Subscriber {
        self.all.get(id)
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Subscriber {
        self.all.get_mut(id)
    }

    /// How many are present.
    pub(super) fn len(&self) -> usize {
        self.present
    }

    pub(super) fn join(&mut self, id: Id) {
        self.all.get_mut(id).present = true;
        self.present += 1;
    }

    pub(super) fn insert(
        &mut self,
        choice: Choice,
        principal: Option<Principal>,
        index: &mut Index,
    ) -> Id {
        let id = self.all.insert(Subscriber {
            interest: Interest::All,
            wait: Wait::Reading,
            present: false,
            revoked: false,
            position: 0,
            principal,
        });
        let interest = match choice {
            Choice::All => Interest::All,
            Choice::Matching(patterns) => Interest::Matching(patterns),
            Choice::Exact(topics) => {
                let ids = topics.into_iter().map(|topic| index.follow(topic, id));
                Interest::Topics(ids.collect())
            }
        };
        if !matches!(interest, Interest::Topics(_)) {
            self.general.insert(id);
        }
        self.all.get_mut(id).interest = interest;
        id
    }

    pub(super) fn remove(&mut self, id: Id, index: &mut Index) -> Subscriber {
        let subscriber = self.all.remove(id);
        match &subscriber.interest {
            Interest::Topics(topics) => topics.iter().for_each(|topic| index.leave(*topic, id)),
            Interest::All | Interest::Matching(_) => {
                let _woken = self.general.remove(&id) || self.behind.remove(&id);
            }
        }
        self.present -= usize::from(subscriber.present);
        subscriber
    }

    /// How many are not found through a topic.
    pub(super) fn general(&self) -> usize {
        self.general.len() + self.behind.len()
    }

    /// Whether publishing passes over this one, since another is woken for it.
    pub(super) fn set_behind(&mut self, id: Id, behind: bool, index: &mut Index) {
        match &self.all.get(id).interest {
            Interest::Topics(topics) => {
                for topic in topics {
                    index.set_behind(*topic, id, behind);
                }
            }
            Interest::All | Interest::Matching(_) => {
                set_behind(&mut self.general, &mut self.behind, id, behind);
            }
        }
    }

    /// Those who are present and get the events of this topic.
    pub(super) fn presence(&self, index: &Index, topic: &Topic) -> Presence {
        let mut presence = Presence::default();
        let indexed = index.find(topic);
        let by_name = indexed.into_iter();
        for id in by_name.flat_map(|topic| topic.followers.iter().chain(&topic.behind)) {
            self.all.get(*id).appear(&mut presence);
        }
        let general = self.general.iter().chain(&self.behind);
        let general = general.map(|id| self.all.get(*id));
        for subscriber in general.filter(|it| it.interest.includes(Some(topic))) {
            subscriber.appear(&mut presence);
        }
        presence
    }

    /// Of the one that is furthest behind.
    pub(super) fn lag(&self, tip: u64) -> u64 {
        let present = self.all.iter().filter(|(_, it)| it.present && !it.revoked);
        present
            .map(|(_, it)| self.lag_of(it, tip))
            .max()
            .unwrap_or(0)
    }

    fn lag_of(&self, subscriber: &Subscriber, tip: u64) -> u64 {
        let position = match subscriber.wait {
            Wait::Armed(_) => tip,
            Wait::Woken(offset) => offset - 1,
            Wait::Reading | Wait::Elsewhere(_) => subscriber.position,
            Wait::Behind(lead, _) => return self.lag_of(self.get(lead), tip),
        };
        tip - position
    }

    pub(super) fn principals(&self) -> Vec<(Id, Principal)> {
        let all = self.all.iter();
        let named = all.filter_map(|(id, it)| Some((id, it.principal.clone()?)));
        named.collect()
    }

    /// Those who still are the same. A number may be another's by now, but not the principal's.
    pub(super) fn revoke(&mut self, revoked: &[(Id, Principal)]) -> (usize, Vec<Waker>) {
        let mut count = 0;
        let mut wakers = Vec::new();
        for (id, principal) in revoked {
            let Some(subscriber) = self.all.find_mut(*id) else {
                continue;
            };
            let known = subscriber.principal.as_ref();
            if !subscriber.revoked && known.is_some_and(|known| known.is(principal)) {
                wakers.extend(subscriber.revoke());
                count += 1;
            }
        }
        (count, wakers)
    }

    /// Those who wait for an event like this one, which is the newest.
    pub(super) fn wake(&mut self, index: &Index, topic: Option<Id>, offset: u64) -> Vec<Waker> {
        let mut wakers = Vec::new();
        let topic = topic.map(|topic| index.get(topic));
        let by_name = topic.into_iter().flat_map(|topic| &topic.followers);
        for id in by_name {
            wakers.extend(self.all.get_mut(*id).wake(offset));
        }
        let name = topic.map(|topic| &*topic.name);
        for id in &self.general {
            let subscriber = self.all.get_mut(*id);
            if subscriber.interest.includes(name) {
                wakers.extend(subscriber.wake(offset));
            }
        }
        wakers
    }

    pub(super) fn wake_all(&mut self, offset: u64) -> Vec<Waker> {
        let all = self.all.iter_mut();
        all.filter_map(|subscriber| subscriber.wake(offset))
            .collect()
    }
}

impl Subscriber {
    fn appear(&self, presence: &mut Presence) {
        if self.present && !self.revoked {
            presence.followers += 1;
            presence.principals.extend(self.principal.clone());
        }
    }

    fn wake(&mut self, offset: u64) -> Option<Waker> {
        if !matches!(self.wait, Wait::Armed(_)) {
            return None;
        }
        match mem::replace(&mut self.wait, Wait::Woken(offset)) {
            Wait::Armed(waker) => Some(waker),
            Wait::Reading | Wait::Elsewhere(_) | Wait::Woken(_) | Wait::Behind(..) => None,
        }
    }

    /// The waker that `waker` takes the place of is for the caller to drop.
    pub(super) fn arm(&mut self, waker: &mut Option<Waker>) {
        match &mut self.wait {
            Wait::Armed(armed) => {
                if let Some(waker) = waker.as_mut().filter(|waker| !waker.will_wake(armed)) {
                    mem::swap(armed, waker);
                }
            }
            wait => {
                if let Some(armed) = waker.take() {
                    *waker = mem::replace(wait, Wait::Armed(armed)).into_waker();
                }
            }
        }
    }

    /// As [`arm`](Self::arm), but only for what is not in the log.
    pub(super) fn watch(&mut self, waker: &mut Option<Waker>) {
        if let Some(watching) = waker.take() {
            *waker = mem::replace(&mut self.wait, Wait::Elsewhere(watching)).into_waker();
        }
    }

    fn revoke(&mut self) -> Option<Waker> {
        self.revoked = true;
        mem::replace(&mut self.wait, Wait::Reading).into_waker()
    }
}

impl Wait {
    pub(super) fn into_waker(self) -> Option<Waker> {
        match self {
            Self::Armed(waker) | Self::Elsewhere(waker) | Self::Behind(_, waker) => Some(waker),
            Self::Reading | Self::Woken(_) => None,
        }
    }
}

/// Moves it from one set to the other.
pub(super) fn set_behind(
    woken: &mut BTreeSet<Id>,
    behind: &mut BTreeSet<Id>,
    id: Id,
    is_behind: bool,
) {
    let (from, to) = if is_behind {
        (woken, behind)
    } else {
        (behind, woken)
    };
    from.remove(&id);
    to.insert(id);
}

impl Interest {
    /// Whether an event of this topic is asked for by all or a pattern.
    pub(super) fn includes(&self, topic: Option<&str>) -> bool {
        match self {
            Self::All => true,
            Self::Topics(_) => false,
            Self::Matching(patterns) => topic.is_some_and(|topic| matches_any(patterns, topic)),
        }
    }
}
