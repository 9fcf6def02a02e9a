//! Data as JSON.

use std::{error::Error, fmt};

use serde::Serialize;

use super::{Event, EventBuilder, InvalidEvent};

impl Event {
    /// A `message` event with this value as JSON for its data. (Feature `json`.)
    ///
    /// ```
    /// use peristyle_sse::Event;
    ///
    /// let event = Event::json(&["ACME", "1.25"])?;
    /// assert_eq!(event.as_bytes(), "data: [\"ACME\",\"1.25\"]\n\n");
    /// # Ok::<(), peristyle_sse::JsonError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The value has no form in JSON: its own `Serialize` failed, or a map has a key that is no
    /// text.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        Self::builder().build_json(value)
    }
}

impl EventBuilder<'_> {
    /// Checks the fields and encodes the event, with this value as JSON for its data. (Feature
    /// `json`.)
    ///
    /// The JSON stands on one line, but for line ends in a `RawValue`. What [`data`](Self::data)
    /// added before are lines of their own.
    ///
    /// ```
    /// use peristyle_sse::Event;
    ///
    /// let event = Event::builder().event("price").id("42").build_json(&("ACME", 125))?;
    /// assert_eq!(event.as_bytes(), "event: price\nid: 42\ndata: [\"ACME\",125]\n\n");
    /// # Ok::<(), peristyle_sse::JsonError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The value has no form in JSON, as with [`Event::json`]; or the name or the id is refused, as
    /// by [`build`](Self::build).
    pub fn build_json<T: Serialize + ?Sized>(self, value: &T) -> Result<Event, JsonError> {
        let mut writer = self.writer().map_err(Kind::Event)?;
        writer.write_json(value).map_err(Kind::Value)?;
        Ok(writer.finish())
    }
}

/// Why there is no event with a value as JSON.
#[derive(Debug)]
pub struct JsonError(Kind);

#[derive(Debug)]
enum Kind {
    Event(InvalidEvent),
    Value(serde_json::Error),
}

impl JsonError {
    /// What was wrong with the other fields, if it was them and not the value.
    pub fn invalid_event(&self) -> Option<&InvalidEvent> {
        match &self.0 {
            Kind::Event(error) => Some(error),
            Kind::Value(_) => None,
        }
    }
}

impl From<Kind> for JsonError {
    fn from(kind: Kind) -> Self {
        Self(kind)
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Event(_) => "the event around the JSON is invalid",
            Kind::Value(_) => "`data` has no form in JSON",
        })
    }
}

impl Error for JsonError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Event(error) => Some(error),
            Kind::Value(error) => Some(error),
        }
    }
}
