//! Many clients that follow, and one that publishes to them: one thread, and epoll.

mod broadcast;
mod events;
mod follower;
#[cfg(test)]
mod tests;

use std::{io, os::fd::OwnedFd, time::Duration};

use peristyle_peers::Failure;
use rustix::{
    buffer::spare_capacity,
    event::{
        Timespec,
        epoll::{self, CreateFlags, EventData, EventFlags},
    },
    io::Errno,
};

use self::{
    events::{Event, Events},
    follower::{Follower, Room, Turn},
};
use crate::{
    backlog,
    clock::Clock,
    ledger::{Ledger, Place},
    publisher::Publisher,
    target::Target,
};

/// The publisher among the followers, which are numbered from zero.
const PUBLISHER: u64 = u64::MAX;
const READ: usize = 64 * 1024;
const AT_ONCE: usize = 1024;
/// How many connect at a time, where not all are to.
const CONNECTING: usize = 256;
/// Nothing that is due takes so long.
const LONGEST: Duration = Duration::from_secs(60);

pub(crate) struct Crowd {
    target: Target,
    epoll: OwnedFd,
    followers: Vec<Follower>,
    /// Comes with the first event: servers close connections on which nothing is asked for.
    publisher: Option<Publisher>,
    ledger: Ledger,
    clock: Clock,
    counts: Counts,
    /// The id of the first event that anybody received.
    first_id: Option<String>,
    buffer: Vec<u8>,
    ready: Vec<epoll::Event>,
}

/// What became of the followers.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Counts {
    following: usize,
    /// Whose body has come to its end.
    over: usize,
    pub(crate) closed: usize,
    /// Of those that were closed.
    pub(crate) clean: usize,
}

impl Crowd {
    /// Of nobody yet. So many are to receive each event.
    pub(crate) fn new(target: &Target, receivers: usize) -> Result<Self, Failure> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        Ok(Self {
            target: target.clone(),
            epoll,
            followers: Vec::with_capacity(receivers),
            publisher: None,
            ledger: Ledger::new(receivers)?,
            clock: Clock::start(),
            counts: Counts::default(),
            first_id: None,
            buffer: vec![0; READ],
            ready: Vec::with_capacity(AT_ONCE),
        })
    }

    /// A crowd of so many that follow.
    pub(crate) fn gathered(target: &Target, count: usize) -> Result<Self, Failure> {
        let mut crowd = Self::new(target, count)?;
        crowd.gather(count, CONNECTING, None)?;
        Ok(crowd)
    }

    /// So many connect, no more than a number of them at a time, and follow from after the event with this id.
    pub(crate) fn gather(
        &mut self,
        count: usize,
        at_once: usize,
        after: Option<&str>,
    ) -> Result<(), Failure> {
        let request = self.target.follow(after);
        self.gather_with(count, at_once, &request, Room::Usual)
    }

    /// So many more follow, and read nothing.
    pub(crate) fn freeze(&mut self, count: usize) -> Result<(), Failure> {
        let first = self.followers.len();
        let request = self.target.follow(None);
        self.gather_with(count, CONNECTING, &request, Room::Little)?;
        for frozen in &self.followers[first..] {
            epoll::delete(&self.epoll, &frozen.socket)?;
        }
        Ok(())
    }

    /// The server has something for each of those from this number on, and cannot get rid of it.
    ///
    /// # Errors
    ///
    /// When it can.
    pub(crate) fn are_frozen(&self, first: usize) -> Result<(), Failure> {
        let frozen = self.followers[first..].iter();
        let clients = frozen.map(|it| it.socket.local_addr());
        let clients = clients.collect::<io::Result<Vec<_>>>()?;
        backlog::each_has_some(self.target.address, &clients)
    }

    fn gather_with(
        &mut self,
        count: usize,
        at_once: usize,
        request: &str,
        room: Room,
    ) -> Result<(), Failure> {
        let all = self.followers.len() + count;
        while self.counts.following < all {
            while self.followers.len() < all && self.coming() < at_once {
                self.invite(room)?;
            }
            self.turn(request, LONGEST)?;
            self.refuse_ends()?;
        }
        Ok(())
    }

    /// How many have not the head of their response yet.
    fn coming(&self) -> usize {
        self.followers.len() - self.counts.following
    }

    fn invite(&mut self, room: Room) -> Result<(), Failure> {
        let number = self.followers.len();
        let follower = Follower::connect(number, self.target.address, room)?;
        let token = EventData::new_u64(number as u64);
        epoll::add(&self.epoll, &follower.socket, token, EventFlags::OUT)?;
        self.followers.push(follower);
        Ok(())
    }

    fn refuse_ends(&self) -> Result<(), Failure> {
        match self.counts.closed.max(self.counts.over) {
            0 => Ok(()),
            ended => Err(format!("the server ended {ended} streams").into()),
        }
    }

    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    pub(crate) fn first_id(&self) -> Option<&str> {
        self.first_id.as_deref()
    }

    /// Reads until the server has closed all connections. Nothing more is published.
    pub(crate) fn see_off(&mut self) -> Result<Counts, Failure> {
        if let Some(publisher) = self.publisher.take() {
            epoll::delete(&self.epoll, &publisher.socket)?;
        }
        while self.counts.closed < self.followers.len() {
            self.turn("", LONGEST)?;
        }
        Ok(self.counts)
    }

    /// Takes what comes, and something must.
    fn advance(&mut self, longest: Duration) -> Result<(), Failure> {
        self.turn("", longest)?;
        self.refuse_ends()
    }

    /// Takes what comes within this time.
    fn wait(&mut self, time: Duration) -> Result<(), Failure> {
        self.poll(time)?;
        self.take_ready("")?;
        self.refuse_ends()
    }

    fn turn(&mut self, request: &str, longest: Duration) -> Result<(), Failure> {
        self.poll(longest)?;
        if self.ready.is_empty() {
            return Err(self.stalled());
        }
        self.take_ready(request)
    }

    fn stalled(&self) -> Failure {
        let (outstanding, unanswered) = (self.ledger.outstanding(), self.unanswered());
        let coming = self.coming();
        format!(
            "nothing came for {LONGEST:?}: {coming} do not follow yet, {outstanding} events are outstanding, {unanswered} unanswered"
        )
        .into()
    }

    fn poll(&mut self, time: Duration) -> Result<(), Failure> {
        let time = Timespec::try_from(time)?;
        match epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&time)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn take_ready(&mut self, request: &str) -> Result<(), Failure> {
        let mut ready = std::mem::take(&mut self.ready);
        for event in ready.drain(..) {
            match event.data.u64() {
                PUBLISHER => {
                    if let Some(publisher) = &mut self.publisher {
                        publisher.read(&mut self.buffer)?;
                    }
                }
                number => self.take(usize::try_from(number)?, request)?,
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn take(&mut self, number: usize, request: &str) -> Result<(), Failure> {
        let follower = &mut self.followers[number];
        let turn = if follower.is_connecting() {
            follower.ask(request)?
        } else {
            let (ledger, first_id) = (&mut self.ledger, &mut self.first_id);
            let now = self.clock.now();
            let each = |place: &mut Place, event: Event<'_>| {
                if first_id.is_none() {
                    *first_id = Some(String::from_utf8(event.id.to_vec())?);
                }
                named(&event)?;
                ledger.receive(place, event.data, now)
            };
            follower.read(&mut self.buffer, each)?
        };
        self.note(number, &turn)
    }

    fn note(&mut self, number: usize, turn: &Turn) -> Result<(), Failure> {
        let socket = &self.followers[number].socket;
        match turn {
            Turn::Read => {}
            Turn::Asked => {
                let token = EventData::new_u64(number as u64);
                epoll::modify(&self.epoll, socket, token, EventFlags::IN)?;
            }
            Turn::Follows => self.counts.following += 1,
            Turn::Over => self.counts.over += 1,
            Turn::Closed { clean } => {
                epoll::delete(&self.epoll, socket)?;
                self.counts.closed += 1;
                self.counts.clean += usize::from(*clean);
            }
        }
        Ok(())
    }
}

/// A feed says by an event of another name that something is missing.
fn named(event: &Event<'_>) -> Result<(), Failure> {
    match event.name {
        b"" | b"message" | b"tick" => Ok(()),
        name => {
            let (name, data) = (
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(event.data),
            );
            Err(format!("a follower got an event `{name}`: {data}").into())
        }
    }
}
