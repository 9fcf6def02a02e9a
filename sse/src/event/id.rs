//! Event ids and where they may travel.

use super::{
    error::{InvalidEvent, Kind},
    lines,
};

/// Longest value of a request header that browsers send across origins unasked (Fetch §2.2.2,
/// "CORS-safelisted request-header").
const MAX_SAFELISTED: usize = 128;

#[derive(Clone, Copy, Debug)]
pub(super) enum Id<'a> {
    Safelisted(&'a str),
    Unrestricted(&'a str),
}

impl<'a> Id<'a> {
    pub(super) fn check(self) -> Result<(), InvalidEvent> {
        check_standard(self.as_str())?;
        match self {
            Self::Safelisted(id) => check_safelist(id),
            Self::Unrestricted(_) => Ok(()),
        }
    }

    pub(super) fn as_str(self) -> &'a str {
        match self {
            Self::Safelisted(id) | Self::Unrestricted(id) => id,
        }
    }
}

/// Whether an event can have this id.
pub(crate) fn is_id(text: &str) -> bool {
    check_standard(text).is_ok()
}

fn check_standard(id: &str) -> Result<(), InvalidEvent> {
    if lines::has_break(id) {
        return Err(Kind::IdLineBreak.into());
    }
    // Clients ignore the whole field (WHATWG HTML §9.2.6): the cursor would silently stay behind.
    if id.contains('\0') {
        return Err(Kind::IdNul.into());
    }
    Ok(())
}

fn check_safelist(id: &str) -> Result<(), InvalidEvent> {
    if id.len() > MAX_SAFELISTED {
        return Err(Kind::IdTooLong.into());
    }
    match id.bytes().find(|&byte| !is_safelisted(byte)) {
        Some(byte) => Err(Kind::IdByte(byte).into()),
        None => Ok(()),
    }
}

/// Stricter than the "CORS-unsafe request-header byte" of Fetch §2.2.2 in one point: bytes beyond
/// ASCII are refused too, because HTTP stacks disagree on them in header values (RFC 9110 §5.5).
fn is_safelisted(byte: u8) -> bool {
    let printable = matches!(byte, b'\t' | b' '..=b'~');
    let delimiter = matches!(
        byte,
        b'"' | b'(' | b')' | b':' | b'<' | b'>' | b'?' | b'@' | b'[' | b'\\' | b']' | b'{' | b'}'
    );
    printable && !delimiter
}
