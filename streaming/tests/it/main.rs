//! What the crate promises, tested through its public interface.

mod allocations;
mod blocking;
mod client;
#[cfg(feature = "csv")]
mod csv;
mod drain;
mod end;
mod failure;
mod files;
mod formats;
mod length;
mod multipart;
mod reading;
mod response;
mod sources;
mod trailers;
