//! Feeds: one log, many followers.

mod model;
