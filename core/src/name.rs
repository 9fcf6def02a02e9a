//! Names of interceptors.

use std::{any::type_name, borrow::Cow, error, fmt};

/// The name of an interceptor: not empty, at most 256 bytes, no control characters.
///
/// A name is checked once, when it is made. One that was not given is the path of the function or type.
///
/// ```
/// use peristyle_core::Name;
///
/// assert_eq!(Name::new("audit")?.as_str(), "audit");
/// assert!(Name::new("two\nlines").is_err());
/// # Ok::<(), peristyle_core::InvalidName>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Name(Cow<'static, str>);

/// A log line or a problem report carries the name whole.
const MAX_BYTES: usize = 256;

impl Name {
    /// Makes a name.
    ///
    /// # Errors
    ///
    /// When the text is empty, longer than 256 bytes, or has a control character.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Result<Self, InvalidName> {
        let text = text.into();
        if text.is_empty() || text.len() > MAX_BYTES || text.contains(char::is_control) {
            return Err(InvalidName(()));
        }
        Ok(Self(text))
    }

    /// The name of a type or function: its path. Of a path over 256 bytes the type parameters are left out.
    pub fn of<F: ?Sized>() -> Self {
        let path = type_name::<F>();
        let named = Self::new(path).or_else(|_| Self::new(before_parameters(path)));
        named.unwrap_or(Self(Cow::Borrowed("unnamed")))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn before_parameters(path: &'static str) -> &'static str {
    path.split_once('<').map_or(path, |(head, _)| head)
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A text that cannot name an interceptor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidName(());

impl fmt::Display for InvalidName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name is 1 to 256 bytes without control characters")
    }
}

impl error::Error for InvalidName {}
