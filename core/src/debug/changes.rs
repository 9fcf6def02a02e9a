//! What a stage changed.

use std::{
    error,
    fmt::{self, Write},
    iter, mem,
};

use super::{Difference, FieldChange, state::State};
use crate::{Ending, Error, Invocation, Name};

/// What a stage changed. It displays as one line.
///
/// ```text
/// req-7 enter route done after 2µs: queue +audit +render -fallback; bindings +TENANT; values +app::User; status 200 -> 404
/// req-7 enter audit failed after 30ms: error +no such table; note +checked
/// req-7 error route declined after 1µs
/// ```
///
/// `+` is what there is now and was not before, `-` the reverse. Control characters are written as escapes.
#[derive(Debug)]
#[non_exhaustive]
pub struct Changes<'a> {
    /// Which stage, whose, in which execution, and how long it took.
    pub invocation: Invocation<'a>,
    /// How it ended.
    pub ending: Ending<'a>,
    /// The names of interceptors queued and dropped, in the order of the queue.
    pub queue: Difference<Name>,
    /// The names of bindings bound and unbound, in the order of binding.
    pub bindings: Difference<&'static str>,
    /// The paths of types of which a value was put into the context or taken, in the order of the alphabet.
    pub values: Difference<&'static str>,
    /// The error that the stage raised, and the one that was pending before. None for an error stage that declined.
    pub error: Difference<Error>,
    /// The fields of the carried value that came or changed, in the order reported; then those that went.
    pub fields: Vec<FieldChange>,
}

impl<'a> Changes<'a> {
    pub(super) fn between(
        found: State,
        left: State,
        invocation: Invocation<'a>,
        ending: Ending<'a>,
    ) -> Self {
        Self {
            invocation,
            ending,
            queue: Difference::between(&found.queue, &left.queue),
            bindings: Difference::between(&found.bindings, &left.bindings),
            values: Difference::between(&found.values, &left.values),
            error: Difference::between_errors(found.error, left.error),
            fields: FieldChange::between(found.fields, left.fields),
        }
    }

    /// Whether the stage changed nothing: it ended well and left all as it was, or declined the error and did so. A stage
    /// that raised or handled an error, or was cancelled, has changed something.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
            && self.bindings.is_empty()
            && self.values.is_empty()
            && self.error.is_empty()
            && self.fields.is_empty()
            && !matches!(self.ending, Ending::Cancelled)
    }

    fn ending(&self) -> &'static str {
        match self.ending {
            Ending::Done => "done",
            Ending::Waited => "waited",
            Ending::Failed(_) if self.error.is_empty() => "declined",
            Ending::Failed(_) => "failed",
            Ending::Interrupted(_) => "interrupted",
            Ending::Cancelled => "cancelled",
        }
    }
}

impl fmt::Display for Changes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = &self.invocation;
        let mut line = Line::new(f);
        write!(line, "{} {} {} ", at.execution, at.stage, at.interceptor)?;
        line.write_str(self.ending())?;
        if let Some(elapsed) = at.elapsed {
            write!(line, " after {elapsed:?}")?;
        }
        line.difference("queue", &self.queue)?;
        line.difference("bindings", &self.bindings)?;
        line.difference("values", &self.values)?;
        line.difference("error", &self.error.map(causes))?;
        let mut fields = self.fields.iter();
        fields.try_for_each(|change| line.item(change))
    }
}

/// The original and what caused it: the line says the rest.
fn causes(error: &Error) -> String {
    let first = error::Error::source(error);
    let causes = iter::successors(first, |cause| cause.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    causes.join(": ")
}

/// Writes items after a head, and escapes what would break the line.
struct Line<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    separator: &'static str,
}

impl<'a, 'f> Line<'a, 'f> {
    fn new(f: &'a mut fmt::Formatter<'f>) -> Self {
        Self { f, separator: ": " }
    }

    fn item(&mut self, item: impl fmt::Display) -> fmt::Result {
        let separator = mem::replace(&mut self.separator, "; ");
        write!(self, "{separator}{item}")
    }

    fn difference<N: fmt::Display>(&mut self, of: &str, difference: &Difference<N>) -> fmt::Result {
        if difference.is_empty() {
            return Ok(());
        }
        self.item(format_args!("{of} {difference}"))
    }
}

impl Write for Line<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|char| {
            if char.is_control() {
                write!(self.f, "{}", char.escape_default())
            } else {
                self.f.write_char(char)
            }
        })
    }
}
