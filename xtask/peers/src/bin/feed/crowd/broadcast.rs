//! Publishing to a crowd, at several paces.

use std::time::Duration;

use peristyle_peers::Failure;
use rustix::event::epoll::{self, EventData, EventFlags};

use super::{Crowd, LONGEST, PUBLISHER};
use crate::{ledger::Ledger, message, publisher::Publisher};

/// For what comes though nothing is due.
const SETTLED: Duration = Duration::from_millis(20);

impl Crowd {
    /// Publishes so many events, each when fewer than `window` are outstanding, until all are received.
    pub(crate) fn broadcast(
        &mut self,
        count: usize,
        window: usize,
        size: usize,
    ) -> Result<(), Failure> {
        let all = self.ledger.published() + count;
        while self.ledger.published() < all || self.is_busy() {
            while self.ledger.published() < all && self.ledger.outstanding() < window {
                self.publish(self.clock.now(), size)?;
            }
            self.flush()?;
            self.advance(LONGEST)?;
        }
        Ok(())
    }

    /// Publishes so many events, one each `interval` from now on, whether or not those before were received, until all are.
    pub(crate) fn broadcast_each(&mut self, interval: Duration, count: u32) -> Result<(), Failure> {
        let start = self.clock.now();
        let mut published = 0;
        while published < count || self.is_busy() {
            let due = start + interval * published;
            let now = self.clock.now();
            if published == count {
                self.advance(LONGEST)?;
            } else if due <= now {
                self.publish(due, message::SIZE)?;
                self.flush()?;
                published += 1;
            } else {
                self.wait(due.saturating_sub(now))?;
            }
        }
        Ok(())
    }

    fn publish(&mut self, due: Duration, size: usize) -> Result<(), Failure> {
        let publisher = match &mut self.publisher {
            Some(publisher) => publisher,
            none => {
                let publisher = Publisher::connect(&self.target)?;
                let token = EventData::new_u64(PUBLISHER);
                epoll::add(&self.epoll, &publisher.socket, token, EventFlags::IN)?;
                none.insert(publisher)
            }
        };
        publisher.publish(self.ledger.publish(due, size)?);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        self.publisher.as_mut().map_or(Ok(()), Publisher::flush)
    }

    /// How many requests to publish were not answered yet.
    pub(super) fn unanswered(&self) -> usize {
        self.publisher.as_ref().map_or(0, Publisher::unanswered)
    }

    fn is_busy(&self) -> bool {
        self.ledger.outstanding() > 0 || self.unanswered() > 0
    }

    /// Waits until all have received what is outstanding, so much of it at least.
    pub(crate) fn receive(&mut self) -> Result<(), Failure> {
        while self.is_busy() {
            self.advance(LONGEST)?;
        }
        Ok(())
    }

    /// Every event that was published, and no other, was received by everyone once and in order. So many of the first followers are
    /// those who are to receive.
    pub(crate) fn audit(&mut self, receivers: usize) -> Result<(), Failure> {
        self.wait(SETTLED)?;
        let places = self.followers[..receivers].iter();
        self.ledger.audit(places.map(|follower| follower.place))
    }

    /// Begins to count deliveries anew.
    pub(crate) fn restart(&mut self) -> Result<(), Failure> {
        self.ledger.restart()
    }

    /// What another crowd received from this number on was published for this one as well, and is due now.
    pub(crate) fn expect_again(&mut self, other: &Ledger, from: usize) -> Result<(), Failure> {
        self.ledger.repeat(other, from, self.clock.now())
    }
}
