//! What the crate promises, tested through its public interface.

mod allocations;
mod blocking;
mod client;
#[cfg(feature = "csv")]
mod csv;
#[cfg(feature = "files")]
mod directory;
mod drain;
mod end;
mod failure;
mod files;
mod formats;
mod length;
mod multipart;
mod reading;
#[cfg(feature = "files")]
mod representation;
mod response;
mod sources;
mod trailers;
