//! Rooms: what is said in them, and who may do what.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use peristyle::{
    BoxError,
    server::{Problem, http::StatusCode},
    sse::{
        Event, EventStream,
        feed::{Feed, Finished, Follow, Following, InvalidTopic, Lag, Peer, Publish, Topic},
    },
};
use serde::Serialize;
use serde_json::json;

use super::people::User;

/// The rooms, and the feed of all of them, which has a topic for each.
pub(crate) struct Rooms {
    feed: Feed,
    rooms: RwLock<BTreeMap<&'static str, Room>>,
}

struct Room {
    topic: Topic,
    members: BTreeMap<&'static str, May>,
}

/// What a member may do; each may also do what stands before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum May {
    Read,
    Say,
    /// Remove others.
    Moderate,
}

/// The principal of one who follows: somebody in a room.
struct Seat {
    room: Topic,
    name: &'static str,
}

impl Room {
    fn new(name: &str, members: &[(&'static str, May)]) -> Result<Self, InvalidTopic> {
        Ok(Self {
            topic: format!("rooms/{name}").parse()?,
            members: members.iter().copied().collect(),
        })
    }
}

impl Rooms {
    /// Rooms by their names, with their members.
    pub(crate) fn new<'a>(
        rooms: impl IntoIterator<Item = (&'static str, &'a [(&'static str, May)])>,
    ) -> Result<Self, InvalidTopic> {
        let rooms = rooms
            .into_iter()
            .map(|(name, members)| Ok((name, Room::new(name, members)?)));
        Ok(Self {
            feed: feed(),
            rooms: RwLock::new(rooms.collect::<Result<_, InvalidTopic>>()?),
        })
    }

    /// The rooms that this user may read, and what else is allowed there.
    pub(crate) fn open_to(&self, user: &User) -> BTreeMap<&'static str, May> {
        let rooms = self.read();
        let open = rooms.iter().filter_map(|(name, room)| {
            let may = room.members.get(user.name)?;
            Some((*name, *may))
        });
        open.collect()
    }

    /// The lock is held until the user has joined: whoever is removed meanwhile is either refused here, or found there.
    pub(crate) fn enter(
        &self,
        room: &str,
        user: &User,
        follow: Follow,
    ) -> Result<Result<EventStream<Following>, Finished>, Problem> {
        let rooms = self.read();
        let room = find(&rooms, room, user, May::Read)?;
        let seat = Seat {
            room: room.topic.clone(),
            name: user.name,
        };
        // Of who is here only the newest list is of use; what was said has no key, and is never left out.
        let follow = follow.lag(Lag::Latest).topics(room.topic.clone());
        Ok(self.feed.follow(follow.principal(seat)))
    }

    pub(crate) fn say(&self, room: &str, user: &User, text: &str) -> Result<(), BoxError> {
        let rooms = self.read();
        let room = find(&rooms, room, user, May::Say)?;
        let said = Event::builder().event("said");
        let said = said.build_json(&json!({ "from": user.name, "text": text }))?;
        self.feed
            .publish(Publish::new(said).topic(room.topic.clone()));
        Ok(())
    }

    /// First nobody of this name is let in any more, then those are cut off who are in.
    pub(crate) fn remove(&self, room: &str, by: &User, name: &str) -> Result<(), Problem> {
        let mut rooms = self.write();
        let topic = find(&rooms, room, by, May::Moderate)?.topic.clone();
        if let Some(room) = rooms.get_mut(room) {
            room.members.remove(name);
        }
        drop(rooms);
        self.feed
            .revoke(|seat: &Seat| seat.room == topic && seat.name == name);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<&'static str, Room>> {
        self.rooms.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<&'static str, Room>> {
        self.rooms.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A room that one may not enter looks like one that does not exist.
fn find<'a>(
    rooms: &'a BTreeMap<&'static str, Room>,
    room: &str,
    user: &User,
    may: May,
) -> Result<&'a Room, Problem> {
    let allowed = |room: &&Room| room.members.get(user.name) >= Some(&may);
    let room = rooms.get(room).filter(allowed);
    room.ok_or_else(|| Problem::new(StatusCode::FORBIDDEN))
}

/// A feed that publishes into each room who is there, whenever that changes.
fn feed() -> Feed {
    let turn = Arc::new(Mutex::new(()));
    let leave = Arc::clone(&turn);
    Feed::builder()
        .on_join(move |peer| announce(peer, &turn))
        .on_leave(move |peer, _| announce(peer, &leave))
        .build()
}

/// One after the other, so that the list which is published last is the newest.
fn announce(peer: &Peer, turn: &Mutex<()>) {
    let Some(seat) = peer.principal::<Seat>() else {
        return;
    };
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let presence = peer.feed().presence(&seat.room);
    // Somebody with two windows open is there once.
    let here: BTreeSet<_> = presence
        .principals::<Seat>()
        .map(|seat| seat.name)
        .collect();
    let here = Event::builder().event("here").build_json(&here);
    let here = Publish::new(here.expect("names are JSON")).topic(seat.room.clone());
    peer.feed().publish(here.key("here").expect("it is short"));
}
