//! What a body fails with on its own account.

use std::{error, fmt};

use http::{HeaderName, header::InvalidHeaderValue};
use peristyle_core::{BoxError, End};

/// An error of a [`StreamBody`](crate::StreamBody) that is not its source's own: those are passed on as they are, and a
/// source that panics ends the body with a [`Panicked`](peristyle_core::Panicked).
///
/// It is found by `downcast_ref` in the error of the body.
pub struct Error(Box<Kind>);

#[derive(Debug)]
enum Kind {
    TooLong { declared: u64 },
    TooShort { declared: u64, missing: u64 },
    Drained { why: End },
    NotSerialized { source: BoxError },
    UndeclaredTrailer { name: HeaderName },
    NotRun,
}

impl Error {
    pub(crate) fn too_long(declared: u64) -> Self {
        Self::new(Kind::TooLong { declared })
    }

    pub(crate) fn too_short(declared: u64, missing: u64) -> Self {
        Self::new(Kind::TooShort { declared, missing })
    }

    pub(crate) fn drained(why: End) -> Self {
        Self::new(Kind::Drained { why })
    }

    pub(crate) fn not_serialized(source: BoxError) -> Self {
        Self::new(Kind::NotSerialized { source })
    }

    pub(crate) fn undeclared_trailer(name: HeaderName) -> Self {
        Self::new(Kind::UndeclaredTrailer { name })
    }

    pub(crate) fn not_run() -> Self {
        Self::new(Kind::NotRun)
    }

    fn new(kind: Kind) -> Self {
        Self(Box::new(kind))
    }

    /// Whether the source was longer or shorter than the length that was declared.
    pub fn is_wrong_length(&self) -> bool {
        matches!(*self.0, Kind::TooLong { .. } | Kind::TooShort { .. })
    }

    /// Whether the host drains and the stream was cut as its [`DrainPolicy`](crate::DrainPolicy) says.
    pub fn is_drained(&self) -> bool {
        matches!(*self.0, Kind::Drained { .. })
    }

    /// Whether a value did not serialise. The source is the error of the [format](crate::Format).
    pub fn is_not_serialized(&self) -> bool {
        matches!(*self.0, Kind::NotSerialized { .. })
    }

    /// Whether there was a trailer field at the end that had not been [declared](crate::Streaming::trailers).
    pub fn is_undeclared_trailer(&self) -> bool {
        matches!(*self.0, Kind::UndeclaredTrailer { .. })
    }

    /// Whether the runtime shut down before a [blocking producer](crate::write_blocking) could run.
    pub fn is_not_run(&self) -> bool {
        matches!(*self.0, Kind::NotRun)
    }
}

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &*self.0 {
            Kind::NotSerialized { source } => Some(&**source),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::TooLong { declared } => {
                write!(f, "the source has more than the {declared} bytes declared")
            }
            Kind::TooShort { declared, missing } => write!(
                f,
                "the source ended {missing} bytes before the {declared} declared"
            ),
            Kind::Drained { why } => write!(f, "the stream was cut: {why}"),
            Kind::NotSerialized { .. } => f.write_str("a value does not serialise"),
            Kind::UndeclaredTrailer { name } => {
                write!(f, "the trailer field `{name}` was not declared")
            }
            Kind::NotRun => f.write_str("the runtime shut down before the producer could run"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Error").field(&self.0).finish()
    }
}

/// A content type that cannot stand in a header.
#[derive(Debug)]
pub struct InvalidContentType(InvalidHeaderValue);

impl InvalidContentType {
    pub(crate) fn new(source: InvalidHeaderValue) -> Self {
        Self(source)
    }
}

impl fmt::Display for InvalidContentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the content type cannot stand in a header")
    }
}

impl error::Error for InvalidContentType {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&self.0)
    }
}
