//! Failed extractions.

use std::{error, fmt};

use http::{HeaderValue, StatusCode, header::ACCEPT};
use peristyle_core::BoxError;

use crate::{BodyError, Problem};

/// A handler's argument that could not be extracted from the request.
///
/// It is answered as a [`Problem`], whose detail says what is wrong where, with the members `part` and `field`. One that is
/// the server's own fault, 500, is only logged.
#[derive(Debug)]
pub struct Rejection(Box<Details>);

#[derive(Debug)]
struct Details {
    status: StatusCode,
    part: Part,
    field: Option<String>,
    argument: Option<usize>,
    accept: Option<HeaderValue>,
    source: BoxError,
}

/// What an argument is extracted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Part {
    /// The parameters of the route's pattern.
    Path,
    /// The query.
    Query,
    /// The headers.
    Headers,
    /// The body, and the headers that describe it.
    Body,
    /// What [`Routes::state`](crate::Routes::state) was given.
    State,
}

impl Rejection {
    pub(super) fn new(status: StatusCode, part: Part, source: impl Into<BoxError>) -> Self {
        Self(Box::new(Details {
            status,
            part,
            field: None,
            argument: None,
            accept: None,
            source: source.into(),
        }))
    }

    pub(super) fn body(error: BodyError) -> Self {
        Self::new(error.problem().status(), Part::Body, error)
    }

    pub(super) fn with_field(mut self, field: Option<String>) -> Self {
        self.0.field = field.map(short);
        self
    }

    /// Tells the client which content type would have been accepted (RFC 9110, section 12.5.1).
    pub(super) fn with_accept(mut self, content_type: HeaderValue) -> Self {
        self.0.accept = Some(content_type);
        self
    }

    /// Notes whose argument it is; the one that was noted first stays.
    pub(crate) fn of_argument(error: BoxError, argument: usize) -> BoxError {
        match error.downcast::<Self>() {
            Ok(mut rejection) => {
                rejection.0.argument.get_or_insert(argument);
                rejection
            }
            Err(error) => error,
        }
    }

    /// The status that it is answered with.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// What the argument was to be extracted from.
    pub fn part(&self) -> Part {
        self.0.part
    }

    /// The field that is wrong, `page`, `items[2].price` or the name of a header, of at most 200 bytes; `None` when it is not one field.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// Which argument of the handler it is, counted from 1; `None` when no handler asked for it, and for a form that failed while
    /// the handler read it.
    pub fn argument(&self) -> Option<usize> {
        self.0.argument
    }

    pub(crate) fn problem(&self) -> Problem {
        let problem = Problem::new(self.0.status);
        if self.0.status.is_server_error() {
            return problem;
        }
        let Details { part, source, .. } = &*self.0;
        let mut problem = match &self.0.field {
            Some(field) => {
                let detail = format!("field `{field}` of the {part}: {source}");
                problem.detail(detail).member("field", field.clone())
            }
            None => problem.detail(format!("the {part}: {source}")),
        };
        if let Some(accept) = &self.0.accept {
            problem = problem.header(ACCEPT, accept.clone());
        }
        problem.member("part", part.to_string())
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(argument) = self.0.argument {
            write!(f, "argument {argument}: ")?;
        }
        match &self.0.field {
            Some(field) => write!(f, "field `{field}` of the {} is refused", self.0.part),
            None => write!(f, "the {} is refused", self.0.part),
        }
    }
}

impl error::Error for Rejection {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        Some(&*self.0.source)
    }
}

/// Its name, in lower case.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Path => "path",
            Self::Query => "query",
            Self::Headers => "headers",
            Self::Body => "body",
            Self::State => "state",
        })
    }
}

/// The start of what a client may have sent: errors are logged and sent back, and would repeat whole bodies.
pub(super) fn short(mut text: String) -> String {
    const LONGEST: usize = 200;
    const CUT: &str = "…";
    if text.len() > LONGEST {
        let starts = (0..=LONGEST - CUT.len()).rev();
        let mut ends = starts.filter(|end| text.is_char_boundary(*end));
        text.truncate(ends.next().expect("0 is a boundary"));
        text.push_str(CUT);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_is_cut_between_characters() {
        assert_eq!(short("ä".repeat(100)), "ä".repeat(100));
        assert_eq!(short("ä".repeat(101)), format!("{}…", "ä".repeat(98)));
        assert_eq!(short("a".repeat(1 << 20)), format!("{}…", "a".repeat(197)));
    }
}
