//! What the server promises, one claim a test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod debug;
mod errors;
mod exchange;
mod extract;
mod extract_bodies;
mod extract_pairs;
#[path = "../hostile/frames.rs"]
mod frames;
mod framing;
mod hostile;
mod hostile_h2;
mod http2;
mod interceptors;
mod interrupts;
mod leaving;
#[path = "../hostile/requests.rs"]
mod requests;
mod responses;
mod routes;
mod routes_groups;
mod routes_many;
mod routes_url;
mod shutdown;
mod streams;
mod support;
mod test_client;
mod truncated;
