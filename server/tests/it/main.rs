//! What the server promises, one claim a test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(
    clippy::duplicate_mod,
    reason = "both kinds of threads are held to the same claims"
)]

mod apart;
mod debug;
mod errors;
mod exchange;
mod extract;
mod extract_bodies;
mod extract_pairs;
mod framing;
mod hostile;
mod http2;
#[cfg(feature = "inherited")]
mod inherited;
mod interceptors;
mod interrupts;
mod leaving;
mod limits;
mod listeners;
mod logs;
mod per_core;
mod responses;
mod routes;
mod routes_groups;
mod routes_many;
mod routes_url;
mod shutdown;
mod streams;
mod support;
mod test_client;
mod threads;
#[cfg(feature = "tls")]
mod tls;
