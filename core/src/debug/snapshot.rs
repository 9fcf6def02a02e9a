//! What a carried value reports of itself.

use std::fmt;

/// A carried value that reports the fields worth watching.
///
/// ```
/// use peristyle_core::debug::{Fields, Snapshot};
///
/// struct Request { path: String, status: Option<u16>, headers: Vec<(String, String)> }
///
/// impl Snapshot for Request {
///     fn snapshot(&self, fields: &mut Fields<'_>) {
///         fields.display("path", &self.path).debug("status", &self.status);
///         for (name, value) in &self.headers {
///             fields.display(name, value);
///         }
///     }
/// }
///
/// /// Its stages are written with what they changed in the context alone.
/// struct Opaque;
///
/// impl Snapshot for Opaque {}
/// ```
///
/// It is asked before and after each stage, so it should be quick: report a length rather than a body.
pub trait Snapshot {
    /// Reports the fields, in the order in which changes of them are to be written. Default is none.
    ///
    /// A name may be given more than once, as in a list of headers; the first then is compared with the first.
    fn snapshot(&self, _fields: &mut Fields<'_>) {}
}

impl Snapshot for () {}

/// Takes the fields that a [`Snapshot`] reports.
pub struct Fields<'a> {
    left_out: &'a [String],
    reported: Vec<Field>,
}

/// A name, and a value as text.
pub(super) type Field = (String, String);

impl<'a> Fields<'a> {
    pub(super) fn of(value: &impl Snapshot, left_out: &'a [String]) -> Vec<Field> {
        let mut fields = Self {
            left_out,
            reported: Vec::new(),
        };
        value.snapshot(&mut fields);
        fields.reported
    }

    /// Reports a value as its `Display` writes it.
    pub fn display(&mut self, name: &str, value: &dyn fmt::Display) -> &mut Self {
        self.report(name, format_args!("{value}"))
    }

    /// Reports a value as its `Debug` writes it.
    pub fn debug(&mut self, name: &str, value: &dyn fmt::Debug) -> &mut Self {
        self.report(name, format_args!("{value:?}"))
    }

    fn report(&mut self, name: &str, value: fmt::Arguments<'_>) -> &mut Self {
        if !self.leaves_out(name) {
            self.reported.push((name.to_owned(), value.to_string()));
        }
        self
    }

    fn leaves_out(&self, name: &str) -> bool {
        let mut left_out = self.left_out.iter();
        left_out.any(|secret| secret.eq_ignore_ascii_case(name))
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fields")
            .field("reported", &self.reported)
            .finish_non_exhaustive()
    }
}
