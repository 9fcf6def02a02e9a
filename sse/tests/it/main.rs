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
mod keep_alive;
mod reading;
mod response;
mod twin;
mod writing;
