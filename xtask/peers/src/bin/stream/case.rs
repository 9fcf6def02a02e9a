//! What is streamed, and by whom.

use std::net::TcpListener;

use peristyle_peers::Failure;

use crate::{axum_app, peristyle, raw_hyper, work};

/// One value many times, streamed by several servers. A request for `/N` is answered with the value N times.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) value: fn() -> &'static [u8],
    /// Of one round.
    pub(crate) values: u32,
    /// The values are those of a file.
    pub(crate) is_file: bool,
    /// The first is what the others are compared with.
    pub(crate) servers: &'static [Server],
}

#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// Others than Peristyle and the engine that it stands on.
    pub(crate) is_peer: bool,
    /// What comes before the values.
    pub(crate) start: &'static [u8],
    pub(crate) serve: Serve,
}

type Serve = fn(TcpListener) -> Result<(), Failure>;

const fn own(name: &'static str, serve: Serve) -> Server {
    Server {
        name,
        is_peer: false,
        start: b"",
        serve,
    }
}

const fn peer(name: &'static str, serve: Serve) -> Server {
    Server {
        is_peer: true,
        ..own(name, serve)
    }
}

/// An event stream that is opened by a comment.
const fn opened(server: Server) -> Server {
    Server {
        start: b":\n\n",
        ..server
    }
}

/// Of 64 KiB, in 1 GiB.
const LARGE: u32 = 16 * 1024;
const SMALL: u32 = 1_000_000;

pub(crate) const CASES: [Case; 6] = [
    Case {
        name: "large",
        value: work::large,
        values: LARGE,
        is_file: false,
        servers: &[
            own("hyper", raw_hyper::large),
            own("peristyle", peristyle::large),
            peer("axum", axum_app::large),
        ],
    },
    Case {
        name: "small",
        value: work::small,
        values: SMALL,
        is_file: false,
        servers: &[
            own("hyper", raw_hyper::small),
            own("peristyle", peristyle::small),
            peer("axum", axum_app::small),
        ],
    },
    Case {
        name: "channel",
        value: work::small,
        values: SMALL,
        is_file: false,
        servers: &[
            own("hyper", raw_hyper::channel),
            own("peristyle", peristyle::channel),
            own("peristyle_produce", peristyle::produce),
            peer("axum", axum_app::channel),
        ],
    },
    Case {
        name: "events",
        value: work::event,
        values: SMALL,
        is_file: false,
        servers: &[
            own("hyper", raw_hyper::events),
            opened(own("peristyle", peristyle::events)),
            peer("axum", axum_app::events),
        ],
    },
    Case {
        name: "encoded",
        value: work::event,
        values: SMALL,
        is_file: false,
        servers: &[
            own("hyper", raw_hyper::encoded),
            opened(own("peristyle", peristyle::encoded)),
            peer("axum", axum_app::encoded),
        ],
    },
    Case {
        name: "file",
        value: work::large,
        values: LARGE,
        is_file: true,
        servers: &[
            peer("serve_dir", axum_app::file),
            own("hyper", raw_hyper::file),
            own("peristyle", peristyle::file),
        ],
    },
];

impl Case {
    /// Those of its servers that are to be measured.
    pub(crate) fn servers(&self, peers: bool) -> impl Iterator<Item = &'static Server> {
        self.servers.iter().filter(move |it| peers || !it.is_peer)
    }
}

/// The case and the server of the name `CASE/SERVER`.
pub(crate) fn named(name: &str) -> Option<(&'static Case, &'static Server)> {
    let (case, server) = name.split_once('/')?;
    let case = CASES.iter().find(|it| it.name == case)?;
    let server = case.servers.iter().find(|it| it.name == server)?;
    Some((case, server))
}

/// The names, as `CASE/SERVER`, of all that is measured.
pub(crate) fn names(peers: bool) -> impl Iterator<Item = String> {
    CASES.iter().flat_map(move |case| {
        let servers = case.servers(peers);
        servers.map(|server| format!("{}/{}", case.name, server.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_and_peers_only_when_asked_for() {
        assert!(names(true).all(|name| named(&name).is_some()));
        assert!(names(true).any(|name| name == "file/serve_dir"));
        assert!(!names(false).any(|name| name.ends_with("/axum") || name.ends_with("/serve_dir")));
    }
}
