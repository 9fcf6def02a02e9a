//! The client, promise L1, against a server that plays a script, on a paused clock.

mod backoff;
mod bounds;
mod interface;
mod model;
mod redirect;
mod request;
mod resume;
mod script;
mod sockets;
mod time_out;
mod tls;
mod wire;
