//! What is tried.

mod broadcast;
mod drain;
mod frozen;
mod memory;
mod replay;
mod storm;
mod stretch;
mod topics;

use peristyle_peers::{Failure, Process};

use self::stretch::Stretch;
use crate::{
    reading::Reading,
    server::{Ability, Kind, Server},
    site::{Setting, Site},
    target::Target,
};

pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) cases: &'static [Case],
    /// Whether a server can be asked for it.
    pub(crate) has: fn(&Server, &Case) -> bool,
    /// Begins with a server that has nothing behind it, and checks what came before it returns a figure.
    round: fn(&Stand<'_>, &Case) -> Result<Vec<Reading>, Failure>,
}

/// A size of a scenario.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) followers: usize,
    /// Of one round.
    events: usize,
    /// How many events are on their way at a time.
    window: usize,
    /// That the server has besides the one for publishing.
    routes: usize,
    /// The server counts it.
    heap: bool,
    /// So many more follow, and do not read.
    frozen: usize,
    /// That are followed, each by one.
    topics: usize,
}

impl Case {
    const fn of(name: &'static str, followers: usize, events: usize) -> Self {
        Self {
            name,
            followers,
            events,
            window: 1,
            routes: 1,
            heap: false,
            frozen: 0,
            topics: 0,
        }
    }

    const fn window(self, window: usize) -> Self {
        Self { window, ..self }
    }

    const fn idle(name: &'static str, followers: usize, routes: usize) -> Self {
        Self {
            routes,
            heap: true,
            ..Self::of(name, followers, 0)
        }
    }

    const fn frozen(self, frozen: usize) -> Self {
        Self { frozen, ..self }
    }

    const fn topics(name: &'static str, topics: usize) -> Self {
        Self {
            topics,
            ..Self::of(name, 0, 0)
        }
    }
}

pub(crate) const SCENARIOS: [Scenario; 8] = [
    Scenario {
        name: "memory",
        about: "what a server keeps for each follower to whom nothing is sent",
        cases: &[
            Case::idle("1000", 1_000, 1),
            Case::idle("16000", 16_000, 1),
            Case::idle("1000_routes_300", 1_000, 300),
            Case::idle("16000_routes_300", 16_000, 300),
        ],
        has: |server, case| server.can(Ability::Routes) || case.routes == 1,
        round: memory::round,
    },
    Scenario {
        name: "one",
        about: "an event to all followers, and the next when all have it",
        cases: &[Case::of("1000", 1_000, 200), Case::of("16000", 16_000, 24)],
        has: of_all,
        round: broadcast::round,
    },
    Scenario {
        name: "eight",
        about: "eight events on their way to all followers at any time",
        cases: &[
            Case::of("1000", 1_000, 400).window(8),
            Case::of("16000", 16_000, 48).window(8),
        ],
        has: of_all,
        round: broadcast::round,
    },
    Scenario {
        name: "frozen",
        about: "20 events a second, while no follower has stopped reading, and while one of a hundred has",
        cases: &[
            Case::of("none", 1_000, 100),
            Case::of("ten", 1_000, 100).frozen(10),
        ],
        has: of_all,
        round: frozen::round,
    },
    Scenario {
        name: "storm",
        about: "all connect and ask to follow at once",
        cases: &[Case::of("10000", 10_000, 0)],
        has: of_all,
        round: storm::round,
    },
    Scenario {
        name: "replay",
        about: "all come back for what was published since the first event",
        cases: &[Case::of("1000", 1_000, 1_000)],
        has: |server, _| server.can(Ability::Replay),
        round: replay::round,
    },
    Scenario {
        name: "topics",
        about: "an event to one of many topics, each of which somebody follows: the feed alone, without a server",
        cases: &[Case::topics("10", 10), Case::topics("100000", 100_000)],
        has: |server, _| server.name == "peristyle",
        round: topics::round,
    },
    Scenario {
        name: "drain",
        about: "SIGTERM, while all follow",
        cases: &[Case::of("1000", 1_000, 0), Case::of("16000", 16_000, 0)],
        has: |server, _| server.can(Ability::Drain),
        round: drain::round,
    },
];

fn of_all(server: &Server, _: &Case) -> bool {
    !server.memory_only
}

impl Scenario {
    pub(crate) fn named(name: &str) -> Result<&'static Self, Failure> {
        let scenario = SCENARIOS.iter().find(|it| it.name == name);
        Ok(scenario.ok_or_else(|| format!("there is no scenario `{name}`"))?)
    }

    pub(crate) fn round(&self, stand: &Stand<'_>, case: &Case) -> Result<Vec<Reading>, Failure> {
        (self.round)(stand, case)
    }
}

/// A server that is measured, and where it is if it runs already.
pub(crate) struct Stand<'a> {
    pub(crate) server: &'static Server,
    pub(crate) elsewhere: Option<&'a (Target, Option<Process>)>,
}

impl Stand<'_> {
    fn site(&self, case: &Case) -> Result<Site, Failure> {
        if let (Kind::Elsewhere, Some((target, process))) = (self.server.kind, self.elsewhere) {
            return Ok(Site::elsewhere(target.clone(), *process));
        }
        let setting = Setting {
            routes: case.routes,
            heap: case.heap,
        };
        Site::start(self.server, setting)
    }
}
