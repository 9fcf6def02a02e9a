//! What a world is like.

use std::time::Duration;

use crate::{Admission, Drain, Jitter, Unavailable};

pub(super) const SECOND: Duration = Duration::from_secs(1);
/// How long a process takes to start.
pub(super) const BOOT: Duration = Duration::from_secs(5);

/// How the service goes down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Its instances restart one after the other; the log outlives them.
    Rolling,
    /// Its only instance restarts, and its log begins anew.
    Whole,
    /// A machine fails, with two of its instances.
    Killed,
}

impl Manner {
    pub(super) const ALL: [Self; 3] = [Self::Rolling, Self::Whole, Self::Killed];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Rolling => "rolling",
            Self::Whole => "whole",
            Self::Killed => "killed",
        }
    }
}

/// Whether what spreads clients is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    Spread,
    /// Every stream tells the same delay and ends at once, and everyone is let in.
    None,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    pub(super) manner: Manner,
    pub(super) care: Care,
    pub(super) clients: usize,
    pub(super) seed: u64,
}

/// What each stream says at its begin, for when it is lost without a word.
const RETRY: (u32, u32) = (2, 10);
/// What is said to those who are refused: about as long as it takes to let everyone in.
pub(super) const REFUSAL: (u32, u32) = (4, 16);

impl Plan {
    pub(super) fn new(manner: Manner, care: Care, clients: usize, seed: u64) -> Self {
        Self {
            manner,
            care,
            clients,
            seed,
        }
    }

    pub(super) fn instances(&self) -> usize {
        match self.manner {
            Manner::Rolling | Manner::Killed => 5,
            Manner::Whole => 1,
        }
    }

    /// An instance's part of five.
    fn strength(&self) -> u32 {
        match self.manner {
            Manner::Rolling | Manner::Killed => 1,
            Manner::Whole => 5,
        }
    }

    fn crowd(&self) -> u32 {
        u32::try_from(self.clients).expect("few enough")
    }

    /// How long an instance takes for a connection.
    pub(super) fn handshake(&self) -> Duration {
        50 * SECOND / (self.crowd() * self.strength())
    }

    /// How many connections wait for an instance at most.
    pub(super) fn backlog(&self) -> usize {
        self.clients.div_ceil(50) * self.strength() as usize
    }

    /// How many streams may begin on an instance in a second, and at once.
    pub(super) fn admitted(&self) -> Option<u32> {
        let half_of_what_it_can = self.crowd().div_ceil(100) * self.strength();
        (self.care == Care::Spread).then_some(half_of_what_it_can)
    }

    /// Of one life of an instance, whose draws differ from those of every other.
    pub(super) fn admission(&self, seed: u64) -> Option<Admission> {
        let (shortest, longest) = REFUSAL;
        let refusal = Unavailable::new()
            .after(shortest * SECOND)
            .spread((longest - shortest) * SECOND)
            .seeded(seed);
        Some(Admission::per_second(self.admitted()?).refusal(refusal))
    }

    pub(super) fn retry(&self, seed: u64) -> Jitter {
        match self.care {
            Care::Spread => between(RETRY).seeded(seed),
            Care::None => (3 * SECOND).into(),
        }
    }

    pub(super) fn drain(&self, seed: u64) -> Drain {
        match self.care {
            Care::Spread => Drain::Spread {
                after: between(self.drain_window()).seeded(seed),
                retry: between(self.told()).seeded(!seed),
            },
            Care::None => Drain::EndNow,
        }
    }

    /// In which time after the begin of a drain streams end, in seconds.
    pub(super) fn drain_window(&self) -> (u32, u32) {
        match self.manner {
            Manner::Rolling | Manner::Killed => (0, 20),
            // Nobody else is there to take them in: the earlier they leave, the longer they wait.
            Manner::Whole => (0, 2),
        }
    }

    /// How long a client is told to wait whose stream was drained, or lost when it was killed, in seconds.
    pub(super) fn told(&self) -> (u32, u32) {
        match self.manner {
            Manner::Rolling => (1, 5),
            // Until it is up again, and then one after another.
            Manner::Whole => (12, 42),
            Manner::Killed => RETRY,
        }
    }

    /// How long a client may be without a stream: as it was told, and again for who is refused, twice at most. Half as much again
    /// for programs, and a second for connections.
    pub(super) fn longest_absence(&self) -> Duration {
        let refusals = match self.manner {
            Manner::Rolling | Manner::Whole => 0,
            Manner::Killed => 2,
        };
        (self.told().1 + refusals * REFUSAL.1) * SECOND * 3 / 2 + SECOND
    }

    /// From the begin of a drain until the process ends.
    pub(super) fn grace(&self) -> Duration {
        (self.drain_window().1 + 3) * SECOND
    }
}

fn between((shortest, longest): (u32, u32)) -> Jitter {
    Jitter::between(shortest * SECOND, longest * SECOND)
}
