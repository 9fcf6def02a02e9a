//! What a stream has fired.

use super::text::Text;

/// An event that was received: a `MessageEvent`, as browsers call it.
///
/// [`Event`](crate::Event) is one to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageEvent {
    pub(super) event: Text,
    pub(super) data: String,
    pub(super) id: Text,
}

impl MessageEvent {
    /// Its type, never empty: `message` unless the stream named another.
    pub fn event(&self) -> &str {
        match self.event.as_str() {
            "" => "message",
            event => event,
        }
    }

    /// Its lines of data, joined with LF.
    pub fn data(&self) -> &str {
        &self.data
    }

    /// Its lines of data, joined with LF, without copying them.
    pub fn into_data(self) -> String {
        self.data
    }

    /// The last event id of the stream as of this event, whether it came with this one or before
    /// it. Empty when there is none.
    pub fn id(&self) -> &str {
        self.id.as_str()
    }
}
