//! What a law is.

use std::fmt;

/// Something that is true of any bytes.
#[non_exhaustive]
pub struct Law {
    /// Panics when it is not true.
    pub holds: fn(&[u8]),
    /// Bytes that mean something, and those that were found once.
    pub seeds: Vec<Vec<u8>>,
    /// What makes a difference when it stands in them.
    pub words: &'static [&'static str],
}

impl fmt::Debug for Law {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Law").finish_non_exhaustive()
    }
}
