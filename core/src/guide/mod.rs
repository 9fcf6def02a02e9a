//! For those who come from elsewhere: pages without code of their own.
//!
//! | you know | read |
//! |---|---|
//! | layers and middleware of tower and axum | [`from_tower`] |
//! | interceptors of Pedestal | [`from_pedestal`] |
//!
//! They are written against this crate alone. The crate `peristyle-server` binds the chain to HTTP: there `T` is its
//! `Exchange`, a request and its response.

pub mod from_pedestal;
pub mod from_tower;
