//! What the crate promises, tested through its public interface.

#[path = "../conformance/cases.rs"]
mod cases;
mod channel;
mod client;
mod codec;
mod conformance;
mod decode;
mod decoder;
mod drain;
mod end;
mod event;
mod event_reader;
mod feed;
mod herd;
mod keep_alive;
mod last_event_id;
mod reading;
mod response;
#[cfg(feature = "client")]
mod source;
mod twin;
mod unavailable;
mod writing;
