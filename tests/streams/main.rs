//! What becomes of streams and event streams on connections of our own server: clients that leave, clients that do not read,
//! producers that fail, and the end of the server. All over both protocols, byte by byte, in memory and without a wait: time
//! stands still but for what is waited for.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod client;
mod drains;
mod failures;
mod followers;
mod frozen;
mod heads;
mod leaves;
mod leaving;
mod ledger;
mod protocol;
mod resumes;
mod server;
mod told;
