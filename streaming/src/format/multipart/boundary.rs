//! What stands between two parts.

use std::{
    error, fmt,
    hash::{BuildHasher, RandomState},
    str::FromStr,
};

/// RFC 2046, section 5.1.1.
const LONGEST: usize = 70;

/// With the two dashes before it.
pub(super) struct Boundary(String);

impl Boundary {
    /// A keyed hash under a key of the system's randomness, which nobody sees.
    pub(super) fn random() -> Self {
        let state = RandomState::new();
        Self(format!(
            "--{:016x}{:016x}",
            state.hash_one(0),
            state.hash_one(1)
        ))
    }

    /// What ends a part, at the beginning of a line.
    pub(super) fn delimiter(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl FromStr for Boundary {
    type Err = InvalidBoundary;

    fn from_str(boundary: &str) -> Result<Self, InvalidBoundary> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"'+_-.".contains(&byte);
        if (1..=LONGEST).contains(&boundary.len()) && boundary.bytes().all(allowed) {
            return Ok(Self(format!("--{boundary}")));
        }
        Err(InvalidBoundary(()))
    }
}

/// As it stands in the content type.
impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0[2..])
    }
}

/// Text that cannot be a boundary.
#[derive(Debug)]
pub struct InvalidBoundary(());

impl fmt::Display for InvalidBoundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a boundary is 1 to 70 letters, digits and characters of `'+_-.`")
    }
}

impl error::Error for InvalidBoundary {}
