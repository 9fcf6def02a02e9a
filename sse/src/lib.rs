//! Server-Sent Events: events encoded once, into exactly the text that clients read.

mod event;

pub use event::{Event, EventBuilder, InvalidEvent};
