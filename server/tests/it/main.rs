//! What the server promises, one claim a test.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod debug;
mod errors;
mod exchange;
mod framing;
mod http2;
mod interrupts;
mod leaving;
mod responses;
mod routes;
mod shutdown;
mod streams;
mod support;
mod test_client;
