//! Where in the log the events of each topic are.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::subscribers::set_behind;
use crate::{
    feed::Topic,
    slab::{Id, Slab},
};

/// Topics that have events in the log or are followed, and some that had events.
#[derive(Debug)]
pub(super) struct Index {
    ids: HashMap<Topic, Id>,
    topics: Slab<Indexed>,
    /// Those that have no events and are not followed, the longest so first.
    quiet: VecDeque<Id>,
    max_quiet: usize,
    /// At or after the last evicted event of each topic that is not here.
    forgotten: u64,
}

/// What is known of one topic.
#[derive(Debug)]
pub(super) struct Indexed {
    pub(super) name: Topic,
    /// Of its events in the log.
    pub(super) offsets: VecDeque<u64>,
    /// At or after its last evicted event.
    pub(super) evicted: u64,
    /// At or after its last evicted event that no other of its key had replaced.
    pub(super) unreplaced: u64,
    /// The last event, when it was marked as the last.
    pub(super) finished: Option<u64>,
    /// Who follows it by its name, and is woken for its events.
    pub(super) followers: BTreeSet<Id>,
    /// Who follows it by its name, behind one of these.
    pub(super) behind: BTreeSet<Id>,
    queued: bool,
}

impl Index {
    pub(super) fn new(max_quiet: usize) -> Self {
        Self {
            ids: HashMap::new(),
            topics: Slab::default(),
            quiet: VecDeque::new(),
            max_quiet,
            forgotten: 0,
        }
    }

    pub(super) fn get(&self, id: Id) -> &Indexed {
        self.topics.get(id)
    }

    pub(super) fn find(&self, name: &Topic) -> Option<&Indexed> {
        self.ids.get(name).map(|id| self.get(*id))
    }

    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    pub(super) fn publish(&mut self, name: Topic, offset: u64, last: bool) -> Id {
        let id = self.id(name);
        let topic = self.topics.get_mut(id);
        topic.offsets.push_back(offset);
        topic.finished = last.then_some(offset);
        id
    }

    /// The oldest event of the topic leaves the log.
    pub(super) fn evict(&mut self, id: Id, offset: u64, replaced: bool) {
        let topic = self.topics.get_mut(id);
        let oldest = topic.offsets.pop_front();
        debug_assert_eq!(oldest, Some(offset), "events leave in their order");
        topic.evicted = offset;
        if !replaced {
            topic.unreplaced = offset;
        }
        if topic.offsets.is_empty() {
            topic.offsets = VecDeque::new();
        }
        self.retire(id);
    }

    pub(super) fn follow(&mut self, name: Topic, follower: Id) -> Id {
        let id = self.id(name);
        self.topics.get_mut(id).followers.insert(follower);
        id
    }

    pub(super) fn leave(&mut self, id: Id, follower: Id) {
        let topic = self.topics.get_mut(id);
        let _woken = topic.followers.remove(&follower) || topic.behind.remove(&follower);
        self.retire(id);
    }

    pub(super) fn set_behind(&mut self, id: Id, follower: Id, behind: bool) {
        let topic = self.topics.get_mut(id);
        set_behind(&mut topic.followers, &mut topic.behind, follower, behind);
    }

    fn id(&mut self, name: Topic) -> Id {
        if let Some(id) = self.ids.get(&name) {
            return *id;
        }
        let id = self.topics.insert(Indexed {
            name: name.clone(),
            offsets: VecDeque::new(),
            evicted: self.forgotten,
            unreplaced: self.forgotten,
            finished: None,
            followers: BTreeSet::new(),
            behind: BTreeSet::new(),
            queued: false,
        });
        self.ids.insert(name, id);
        id
    }

    /// Forgets the topic, now or later, if nobody needs it.
    fn retire(&mut self, id: Id) {
        let forgotten = self.forgotten;
        let topic = self.topics.get_mut(id);
        if topic.queued || !topic.is_quiet() {
            return;
        }
        if topic.evicted <= forgotten && topic.finished.is_none() {
            self.forget(id);
            return;
        }
        topic.queued = true;
        self.quiet.push_back(id);
        if self.quiet.len() > self.max_quiet {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(id) = self.quiet.pop_front() else {
            return;
        };
        let topic = self.topics.get_mut(id);
        topic.queued = false;
        if topic.is_quiet() {
            self.forget(id);
        }
    }

    fn forget(&mut self, id: Id) {
        let topic = self.topics.remove(id);
        self.forgotten = self.forgotten.max(topic.evicted);
        self.ids.remove(&topic.name);
    }
}

impl Indexed {
    pub(super) fn followers(&self) -> usize {
        self.followers.len() + self.behind.len()
    }

    fn is_quiet(&self) -> bool {
        self.offsets.is_empty() && self.followers() == 0
    }
}
