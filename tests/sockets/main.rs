//! Followers of feeds on real sockets, whose responses write themselves to them, and beside them the same over the connection:
//! a client can tell no difference. Real time is not waited for: the clock stands still, and is moved.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;
mod declined;
mod ends;
mod fair;
mod frozen;
mod hostile;
mod kept_alive;
mod memory;
mod same;
mod server;
mod together;
