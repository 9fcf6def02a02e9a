//! What the crate promises, tested through its public interface.

mod blocking;
mod client;
#[cfg(feature = "files")]
mod directory;
mod drain;
mod end;
mod failure;
mod files;
mod length;
mod ndjson;
#[cfg(feature = "files")]
mod representation;
mod response;
mod sources;
