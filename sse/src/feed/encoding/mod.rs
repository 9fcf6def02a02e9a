//! Feeds in other formats than an event stream, with the same cursors.

mod json;
mod page;
mod records;

pub use self::records::{JsonRecords, Lagged};
