//! What keeps a source from its events.

use std::{error, fmt, time::Duration};

use http::{StatusCode, uri::InvalidUri};
use peristyle_core::BoxError;

use crate::DecodeError;

/// Why an [`EventSource`](super::EventSource) could not be built, ended, or reconnects.
pub struct Error(Box<Kind>);

#[derive(Debug)]
pub(super) enum Kind {
    Url,
    Unparsed(InvalidUri),
    Tls,
    Method,
    Connect(BoxError),
    Timeout(Phase, Duration),
    Exchange(hyper::Error),
    Ended,
    Location,
    Redirects,
    Status(StatusCode, Option<Duration>),
    ContentType(Option<String>),
    ContentEncoding(String),
    Decode(DecodeError),
    LastEventId,
}

/// What took too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Connect,
    Head,
    Silence,
}

impl Error {
    /// Whether there was no connection: it was refused, its name is not known, or it took longer
    /// than the [time-out](super::EventSourceBuilder::connect_timeout).
    pub fn is_connect(&self) -> bool {
        matches!(
            *self.0,
            Kind::Connect(_) | Kind::Timeout(Phase::Connect, _) | Kind::Tls
        )
    }

    /// Whether the server or the way to it was silent for longer than a time-out.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Kind::Timeout(..))
    }

    /// Whether the server ended a stream as HTTP ends a complete response.
    pub fn is_ended(&self) -> bool {
        matches!(*self.0, Kind::Ended)
    }

    /// Whether the redirects were too many, or one led to no valid URL.
    pub fn is_redirect(&self) -> bool {
        matches!(*self.0, Kind::Redirects | Kind::Location)
    }

    /// The status of a response that is neither a stream nor a redirect.
    pub fn status(&self) -> Option<StatusCode> {
        match *self.0 {
            Kind::Status(status, _) => Some(status),
            _ => None,
        }
    }

    /// Whether a response with status 200 has another content type than `text/event-stream`, or a
    /// content coding.
    pub fn is_content(&self) -> bool {
        matches!(*self.0, Kind::ContentType(_) | Kind::ContentEncoding(_))
    }

    /// Whether a line or an event was over its bound. The source of the error is a [`DecodeError`].
    pub fn is_decode(&self) -> bool {
        matches!(*self.0, Kind::Decode(_))
    }

    /// Whether the standard calls for another try.
    pub(super) fn reconnects(&self) -> bool {
        matches!(
            *self.0,
            Kind::Connect(_)
                | Kind::Timeout(..)
                | Kind::Exchange(_)
                | Kind::Ended
                | Kind::Location
                | Kind::Redirects
        )
    }

    pub(super) fn retry_after(&self) -> Option<Duration> {
        match *self.0 {
            Kind::Status(_, retry_after) => retry_after,
            _ => None,
        }
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self(Box::new(kind))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Url => {
                f.write_str("the URL is not absolute, not `http` or `https`, or has credentials")
            }
            Kind::Unparsed(_) => f.write_str("the URL is malformed"),
            Kind::Tls => f.write_str("`https` without a connector that speaks TLS"),
            Kind::Method => f.write_str("method `CONNECT` asks for no resource"),
            Kind::Connect(_) => f.write_str("no connection"),
            Kind::Timeout(Phase::Connect, time) => write!(f, "no connection within {time:?}"),
            Kind::Timeout(Phase::Head, time) => write!(f, "no response within {time:?}"),
            Kind::Timeout(Phase::Silence, time) => write!(f, "silence for {time:?}"),
            Kind::Exchange(_) => f.write_str("the connection broke"),
            Kind::Ended => f.write_str("the server ended the stream"),
            Kind::Location => f.write_str("redirect to no valid `http` or `https` URL"),
            Kind::Redirects => f.write_str("too many redirects"),
            Kind::Status(status, _) => write!(f, "status {status}"),
            Kind::ContentType(Some(essence)) => write!(f, "content type `{essence}`"),
            Kind::ContentType(None) => f.write_str("no content type"),
            Kind::ContentEncoding(coding) => write!(f, "content coding `{coding}`"),
            Kind::Decode(_) => f.write_str("the stream is beyond its bounds"),
            Kind::LastEventId => f.write_str("last event id that no header can carry"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0).finish()
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &*self.0 {
            Kind::Unparsed(error) => Some(error),
            Kind::Connect(error) => Some(&**error),
            Kind::Exchange(error) => Some(error),
            Kind::Decode(error) => Some(error),
            _ => None,
        }
    }
}
