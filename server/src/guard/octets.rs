//! What each byte may be part of.

/// The name of a field or a method (RFC 9110, section 5.6.2).
pub(super) const TOKEN: u8 = 1;
/// The value of a field (RFC 9110, section 5.5).
pub(super) const VALUE: u8 = 2;
/// A path and query. Bytes beyond ASCII are no part of the grammar, but clients in use send them.
pub(super) const TARGET: u8 = 4;
/// A host name, escapes apart (RFC 3986, section 3.2.2).
pub(super) const HOST: u8 = 8;

const CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = u8::MIN;
    loop {
        classes[byte as usize] = class(byte);
        if byte == u8::MAX {
            return classes;
        }
        byte += 1;
    }
}

const fn class(byte: u8) -> u8 {
    let mut class = 0;
    if byte.is_ascii_alphanumeric() || is_one_of(byte, b"!#$%&'*+-.^_`|~") {
        class |= TOKEN;
    }
    if byte == b'\t' || (byte >= b' ' && byte != 0x7f) {
        class |= VALUE;
    }
    if byte > b' ' && byte != 0x7f && byte != b'#' {
        class |= TARGET;
    }
    if byte.is_ascii_alphanumeric() || is_one_of(byte, b"-._~!$&'()*+,;=") {
        class |= HOST;
    }
    class
}

const fn is_one_of(byte: u8, set: &[u8]) -> bool {
    let mut at = 0;
    while at < set.len() {
        if set[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

pub(super) fn is(byte: u8, class: u8) -> bool {
    CLASSES[usize::from(byte)] & class != 0
}

/// How many bytes from the first on are of a class.
pub(super) fn run(bytes: &[u8], class: u8) -> usize {
    let end = bytes.iter().position(|&byte| !is(byte, class));
    end.unwrap_or(bytes.len())
}

/// Optional whitespace (RFC 9110, section 5.6.3).
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}
