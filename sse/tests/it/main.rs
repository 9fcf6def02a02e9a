//! What the crate promises, tested through its public interface.

mod decoder;
mod event;
