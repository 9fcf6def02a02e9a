//! An error in one line.

use std::{error, fmt};

use peristyle_core::Panicked;

/// What an error says, then each of its causes.
///
/// Their texts are foreign code: one that panics is written as its panic.
pub(crate) struct Causes<'a>(pub(crate) &'a (dyn error::Error + 'static));

/// Nothing keeps an error from being its own cause.
const MOST: usize = 32;

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut cause = Some(self.0);
        for level in 0..MOST {
            let Some(error) = cause else { return Ok(()) };
            if level > 0 {
                f.write_str(": ")?;
            }
            match Panicked::catch(|| (error.to_string(), error.source())) {
                Ok((text, source)) => {
                    f.write_str(&text)?;
                    cause = source;
                }
                Err(panicked) => return panicked.fmt(f),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its own cause, and with nothing to say about it.
    #[derive(Debug)]
    enum Odd {
        Ring,
        Bad,
    }

    impl fmt::Display for Odd {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            match self {
                Self::Ring => f.write_str("ring"),
                Self::Bad => panic!("no words"),
            }
        }
    }

    impl error::Error for Odd {
        fn source(&self) -> Option<&(dyn error::Error + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn what_has_no_end_is_cut_and_what_panics_is_written_as_its_panic() {
        let rings = vec!["ring"; MOST].join(": ");
        assert_eq!(Causes(&Odd::Ring).to_string(), rings);
        assert_eq!(Causes(&Odd::Bad).to_string(), "panicked: no words");
    }
}
