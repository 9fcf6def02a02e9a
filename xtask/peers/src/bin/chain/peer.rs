//! Who is measured, and how deep.

use crate::{axum_layers, exchange::Response, floor, peristyle, tower_layers};

/// Interceptors around the endpoint. 0 is the endpoint alone, with what it takes to reach it.
pub(crate) const DEPTHS: [usize; 8] = [0, 1, 4, 16, 64, 256, 1024, 4096];

/// Takes one new request through the interceptors and back.
pub(crate) type Run = Box<dyn FnMut() -> Response>;

pub(crate) struct Peer {
    pub(crate) name: &'static str,
    /// The deepest case that callgrind, some fifty times slower, gets through in seconds.
    pub(crate) counted_to: usize,
    /// `None` for a depth that this peer cannot reach.
    pub(crate) build: fn(usize) -> Option<Run>,
}

pub(crate) const FLOOR: &str = "floor";
pub(crate) const AXUM: &str = "axum";

pub(crate) const PEERS: [Peer; 7] = [
    Peer {
        name: FLOOR,
        counted_to: 4096,
        build: |depth| Some(floor::calls(depth)),
    },
    Peer {
        name: "at_once",
        counted_to: 4096,
        build: |depth| Some(peristyle::at_once(depth)),
    },
    Peer {
        name: "waiting",
        counted_to: 4096,
        build: |depth| Some(peristyle::waiting(depth)),
    },
    Peer {
        name: AXUM,
        counted_to: 256,
        build: |depth| Some(axum_layers::chained(depth)),
    },
    Peer {
        name: "axum_builder",
        counted_to: 64,
        build: axum_layers::in_one_builder,
    },
    Peer {
        name: "tower",
        counted_to: 64,
        build: tower_layers::by_value,
    },
    Peer {
        name: "tower_boxed",
        counted_to: 4096,
        build: |depth| Some(tower_layers::boxed(depth)),
    },
];
