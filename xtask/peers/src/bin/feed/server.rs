//! Who is measured.

/// A server that publishes to followers.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Others than Peristyle, the engine that it stands on, and the floor.
    pub(crate) is_peer: bool,
    abilities: &'static [Ability],
    /// It differs from the one before in nothing but its memory.
    pub(crate) memory_only: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// One of those here.
    Ours,
    Nginx,
    /// Whatever was up already.
    Elsewhere,
}

/// What not all can do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ability {
    /// To say what came after an event.
    Replay,
    /// To end the streams when it is told to end.
    Drain,
    /// To have a table of routes.
    Routes,
}

impl Server {
    pub(crate) fn can(&self, ability: Ability) -> bool {
        self.abilities.contains(&ability)
    }
}

const PLAIN: Server = Server {
    name: "",
    kind: Kind::Ours,
    is_peer: true,
    abilities: &[],
    memory_only: false,
};

/// The first of those that a scenario has is what the others are compared with.
pub(crate) const SERVERS: [Server; 8] = [
    Server {
        name: "floor",
        is_peer: false,
        ..PLAIN
    },
    Server {
        name: "hyper",
        is_peer: false,
        ..PLAIN
    },
    Server {
        name: "peristyle",
        is_peer: false,
        abilities: &[Ability::Replay, Ability::Drain, Ability::Routes],
        ..PLAIN
    },
    Server {
        name: "through_hyper",
        is_peer: false,
        abilities: &[Ability::Replay, Ability::Drain, Ability::Routes],
        ..PLAIN
    },
    Server {
        name: "axum",
        abilities: &[Ability::Routes],
        ..PLAIN
    },
    Server {
        name: "axum_make",
        abilities: &[Ability::Routes],
        memory_only: true,
        ..PLAIN
    },
    Server {
        name: "actix",
        ..PLAIN
    },
    Server {
        name: "nchan",
        kind: Kind::Nginx,
        abilities: &[Ability::Replay, Ability::Drain],
        ..PLAIN
    },
];

/// One that was not started here: it may be able to do anything but to be ended.
pub(crate) const ELSEWHERE: Server = Server {
    name: "url",
    kind: Kind::Elsewhere,
    abilities: &[Ability::Replay],
    ..PLAIN
};
