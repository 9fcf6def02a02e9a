//! Who is measured.

/// A server that publishes to followers.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// Others than Peristyle, the engine that it stands on, and the floor.
    pub(crate) is_peer: bool,
    /// It is asked for what came after an event.
    pub(crate) replays: bool,
    /// It ends the streams itself when it is told to end.
    pub(crate) drains: bool,
    /// It has a table of routes.
    pub(crate) routes: bool,
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

const PLAIN: Server = Server {
    name: "",
    kind: Kind::Ours,
    is_peer: true,
    replays: false,
    drains: false,
    routes: false,
    memory_only: false,
};

/// The first of those that a scenario has is what the others are compared with.
pub(crate) const SERVERS: [Server; 7] = [
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
        replays: true,
        drains: true,
        routes: true,
        ..PLAIN
    },
    Server {
        name: "axum",
        routes: true,
        ..PLAIN
    },
    Server {
        name: "axum_make",
        routes: true,
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
        replays: true,
        drains: true,
        ..PLAIN
    },
];

/// One that was not started here: it may be able to do anything but to be ended.
pub(crate) const ELSEWHERE: Server = Server {
    name: "url",
    kind: Kind::Elsewhere,
    replays: true,
    ..PLAIN
};
