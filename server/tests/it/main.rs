//! What the server promises, one claim a test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::duplicate_mod,
    reason = "both kinds of threads are held to the same claims"
)]

mod apart;
mod close_delimited;
mod debug;
#[cfg(target_os = "linux")]
mod drained;
mod ended;
mod errors;
mod exchange;
mod extract;
mod extract_accept;
mod extract_bodies;
mod extract_failures;
mod extract_multipart;
mod extract_pairs;
#[cfg(feature = "typed-header")]
mod extract_typed_header;
mod floods;
#[path = "../hostile/frames.rs"]
mod frames;
mod framing;
mod handover;
mod hostile;
mod hostile_h2;
mod http2;
#[cfg(feature = "inherited")]
mod inherited;
mod interceptors;
mod interrupts;
mod keep_alive;
mod leaving;
mod limits;
mod lines;
mod listeners;
mod logged;
mod logs;
mod per_core;
#[path = "../hostile/requests.rs"]
mod requests;
mod responses;
mod routes;
mod routes_groups;
mod routes_many;
mod routes_url;
mod service;
mod shutdown;
mod streams;
mod support;
mod test_client;
mod threads;
mod timeouts;
#[cfg(feature = "tls")]
mod tls;
#[cfg(feature = "tower")]
mod tower;
mod trailers;
mod truncated;
