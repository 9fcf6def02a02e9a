//! What is asked for, and of whom.

use std::net::TcpListener;

use peristyle_peers::Failure;

use crate::{actix_app, axum_router, peristyle, raw_hyper, work::INTERCEPTORS};

/// One request, answered by several servers.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) request: Request,
    /// The whole body of the answer.
    pub(crate) answer: &'static str,
    /// The first is what the others are compared with.
    pub(crate) servers: &'static [Server],
}

pub(crate) struct Request {
    /// The method and the target.
    pub(crate) line: &'static str,
    /// Fields beside those that every request has.
    pub(crate) fields: &'static str,
    pub(crate) body: &'static str,
}

#[derive(Clone, Copy)]
pub(crate) struct Server {
    pub(crate) name: &'static str,
    /// Others than Peristyle and the engine that it stands on.
    pub(crate) is_peer: bool,
    /// How many times one request passes an interceptor that counts.
    pub(crate) passes: usize,
    pub(crate) serve: Serve,
}

type Serve = fn(TcpListener) -> Result<(), Failure>;

const fn own(name: &'static str, serve: Serve) -> Server {
    Server {
        name,
        is_peer: false,
        passes: 0,
        serve,
    }
}

const fn peer(name: &'static str, serve: Serve) -> Server {
    Server {
        is_peer: true,
        ..own(name, serve)
    }
}

const fn passing(server: Server) -> Server {
    Server {
        passes: 2 * INTERCEPTORS,
        ..server
    }
}

const fn get(line: &'static str) -> Request {
    Request {
        line,
        fields: "",
        body: "",
    }
}

pub(crate) const CASES: [Case; 5] = [
    Case {
        name: "hello",
        request: get("GET /"),
        answer: "hello",
        servers: &[
            own("hyper", raw_hyper::hello),
            own("hyper_timeout", raw_hyper::hello_with_timeout),
            own("peristyle", peristyle::hello),
            own("peristyle_trusted", peristyle::trusted),
            peer("axum", axum_router::hello),
            peer("actix", actix_app::hello),
        ],
    },
    Case {
        name: "parameter",
        request: get("GET /r150/items/42"),
        answer: "item 42",
        servers: &[
            own("hyper", raw_hyper::parameter),
            own("peristyle", peristyle::parameter),
            peer("axum", axum_router::parameter),
            peer("actix", actix_app::parameter),
        ],
    },
    Case {
        name: "json",
        request: Request {
            line: "POST /orders",
            fields: "content-type: application/json\r\n",
            body: r#"{"id":7,"items":[{"name":"column","price":1200,"count":16},{"name":"tile","price":3,"count":900}]}"#,
        },
        answer: r#"{"id":7,"names":["column","tile"],"total":21900}"#,
        servers: &[
            own("hyper", raw_hyper::json),
            own("peristyle", peristyle::json),
            peer("axum", axum_router::json),
            peer("actix", actix_app::json),
        ],
    },
    Case {
        name: "interceptors",
        request: get("GET /"),
        answer: "hello",
        servers: &[
            own("hyper", raw_hyper::hello),
            passing(own("peristyle", peristyle::interceptors)),
            passing(peer("axum", axum_router::interceptors)),
            passing(peer("actix", actix_app::interceptors)),
        ],
    },
    Case {
        name: "standard",
        request: Request {
            line: "GET /",
            fields: "origin: https://app.example.org\r\naccept-encoding: gzip, br\r\n",
            body: "",
        },
        answer: "hello",
        servers: &[
            own("none", peristyle::hello),
            own("access_log", peristyle::access_log),
            own("trace_context", peristyle::trace_context),
            own("security_headers", peristyle::security_headers),
            own("cors", peristyle::cors),
            own("request_id", peristyle::request_id),
            own("request_span", peristyle::request_span),
            own("compression", peristyle::compression),
            own("concurrency_limit", peristyle::concurrency_limit),
            own("body_limit", peristyle::body_limit),
            own("defaults", peristyle::defaults),
        ],
    },
];

impl Case {
    /// Those of its servers that are to be measured.
    pub(crate) fn servers(&self, peers: bool) -> impl Iterator<Item = &'static Server> {
        self.servers.iter().filter(move |it| peers || !it.is_peer)
    }

    /// The bytes of a request.
    pub(crate) fn request(&self) -> Vec<u8> {
        let Request { line, fields, body } = self.request;
        let length = match body.len() {
            0 => String::new(),
            length => format!("content-length: {length}\r\n"),
        };
        let always = "host: 127.0.0.1:8080\r\nuser-agent: bench/1\r\naccept: */*\r\n";
        format!("{line} HTTP/1.1\r\n{always}{fields}{length}\r\n{body}").into_bytes()
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
    fn a_request_is_framed_by_the_length_of_its_body() {
        let (case, _) = named("json/hyper").expect("it is in the table");
        let request = String::from_utf8(case.request()).expect("it is text");
        let (head, body) = request.split_once("\r\n\r\n").expect("it has an end");

        let length = format!("\r\ncontent-length: {}", body.len());
        assert!(head.ends_with(&length), "{head}");
        assert_eq!(body, case.request.body);
    }

    #[test]
    fn every_name_is_found_and_peers_only_when_asked_for() {
        assert!(names(true).all(|name| named(&name).is_some()));
        assert!(names(true).any(|name| name == "hello/axum"));
        assert!(!names(false).any(|name| name.ends_with("/axum") || name.ends_with("/actix")));
    }
}
