//! What the crate promises, tested through its public interface.

mod channel;
mod client;
mod decoder;
mod drain;
mod end;
mod event;
mod keep_alive;
mod last_event_id;
mod response;
mod unavailable;
