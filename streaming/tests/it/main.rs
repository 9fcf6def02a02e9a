//! What the crate promises, tested through its public interface.

mod blocking;
mod client;
mod drain;
mod end;
mod failure;
mod files;
mod length;
mod ndjson;
mod response;
mod sources;
