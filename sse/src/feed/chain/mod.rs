//! Chains of interceptors between publishers and the log, and between the log and a subscriber.

mod delivering;
mod publisher;

pub(super) use self::delivering::deliver;
pub use self::{delivering::Delivering, publisher::Publisher};
