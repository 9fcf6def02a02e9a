//! Who follows, and who is told of it.

use std::{any::Any, fmt, sync::Arc};

use peristyle_core::{End, Panicked};

use super::{Feed, Follow, Topics};

/// Whoever follows, as the program knows it; clones share it.
#[derive(Clone)]
pub(super) struct Principal(Arc<dyn Any + Send + Sync>);

impl Principal {
    pub(super) fn new(principal: impl Any + Send + Sync) -> Self {
        Self(Arc::new(principal))
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// `None` when it is of another type.
    pub(super) fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Principal").finish_non_exhaustive()
    }
}

/// A subscriber that joins or leaves; see [`FeedBuilder::on_join`](super::FeedBuilder::on_join).
#[derive(Clone, Debug)]
pub struct Peer {
    feed: Feed,
    topics: Topics,
    principal: Option<Principal>,
}

impl Peer {
    /// What it follows a part of: a function that is given to the
    /// [builder](super::FeedBuilder::on_join) can have no feed of its own.
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// What it follows.
    pub fn topics(&self) -> &Topics {
        &self.topics
    }

    /// The principal it was [given](Follow::principal); `None` when there is none of this type.
    pub fn principal<T: Any>(&self) -> Option<&T> {
        self.principal.as_ref()?.get()
    }
}

/// Who follows a topic at one moment; see [`Feed::presence`](super::Feed::presence).
#[derive(Clone, Debug, Default)]
pub struct Presence {
    pub(super) followers: usize,
    pub(super) principals: Vec<Principal>,
}

impl Presence {
    /// How many subscribers there are, with a principal or without.
    pub fn followers(&self) -> usize {
        self.followers
    }

    /// The principals of this type, in no order: one for each subscriber that has one, so that
    /// somebody with two windows open is there twice.
    pub fn principals<T: Any>(&self) -> impl Iterator<Item = &T> {
        self.principals.iter().filter_map(Principal::get)
    }
}

/// What a program is told of those who join and leave.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    pub(super) join: Option<Arc<OnJoin>>,
    pub(super) leave: Option<Arc<OnLeave>>,
}

pub(super) type OnJoin = dyn Fn(&Peer) + Send + Sync;
pub(super) type OnLeave = dyn Fn(&Peer, End) + Send + Sync;

impl Hooks {
    /// Nothing is made for nobody.
    pub(super) fn peer(&self, feed: impl FnOnce() -> Feed, follow: &Follow) -> Option<Box<Peer>> {
        let told = self.join.is_some() || self.leave.is_some();
        told.then(|| {
            Box::new(Peer {
                feed: feed(),
                topics: follow.topics.clone(),
                principal: follow.principal.clone(),
            })
        })
    }

    pub(super) fn joined(&self, peer: &Peer) {
        if let Some(join) = &self.join {
            report(Panicked::catch(|| join(peer)));
        }
    }

    pub(super) fn left(&self, peer: &Peer, why: End) {
        if let Some(leave) = &self.leave {
            report(Panicked::catch(|| leave(peer, why)));
        }
    }
}

fn report(told: Result<(), Panicked>) {
    if let Err(panicked) = told {
        tracing::error!(%panicked, "a function that was to be told of a subscriber failed");
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("join", &self.join.is_some())
            .field("leave", &self.leave.is_some())
            .finish()
    }
}
