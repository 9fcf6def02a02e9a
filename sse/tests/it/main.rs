//! What the crate promises, tested through its public interface.

mod channel;
mod client;
mod decoder;
mod drain;
mod end;
mod event;
mod feed;
mod keep_alive;
mod response;
