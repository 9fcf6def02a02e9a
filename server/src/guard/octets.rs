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
pub(super) fn run<const CLASS: u8>(bytes: &[u8]) -> usize {
    let chunks = bytes.chunks_exact(8);
    let rest = chunks.remainder();
    let mut before = 0;
    for chunk in chunks {
        // The compiler unrolls a loop whose length it knows.
        for (at, &byte) in chunk.iter().enumerate() {
            if !is(byte, CLASS) {
                return before + at;
            }
        }
        before += chunk.len();
    }
    let end = rest.iter().position(|&byte| !is(byte, CLASS));
    end.map_or(bytes.len(), |end| before + end)
}

/// The same for `VALUE` and `TARGET`, of which there are many bytes as a rule: eight are looked at together.
pub(super) fn long_run<const CLASS: u8>(bytes: &[u8]) -> usize {
    let mut rest = bytes;
    while let Some((chunk, after)) = rest.split_first_chunk() {
        let unusual = unusual::<CLASS>(*chunk);
        if unusual == 0 {
            rest = after;
            continue;
        }
        rest = &rest[unusual.trailing_zeros() as usize / 8..];
        match rest.split_first() {
            Some((&byte, after)) if is(byte, CLASS) => rest = after,
            _ => return bytes.len() - rest.len(),
        }
    }
    bytes.len() - rest.len() + run::<CLASS>(rest)
}

/// Marks the first byte that may not be of the class, and none before it: one below the floor, where few bytes of the classes
/// are, or DEL. What it marks is to be looked up.
fn unusual<const CLASS: u8>(chunk: [u8; 8]) -> u64 {
    const EACH: u64 = u64::from_le_bytes([1; 8]);
    let floor = const { if CLASS == VALUE { b' ' } else { b'#' + 1 } };
    let word = u64::from_le_bytes(chunk);
    let low = word.wrapping_sub(EACH * u64::from(floor));
    let delete = word.wrapping_add(EACH);
    (low | delete) & !word & (EACH << 7)
}

/// Optional whitespace (RFC 9110, section 5.6.3).
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive<const CLASS: u8>(bytes: &[u8]) -> usize {
        let end = bytes.iter().position(|&byte| !is(byte, CLASS));
        end.unwrap_or(bytes.len())
    }

    /// Every byte, and every byte after every other, at each place among good ones.
    #[test]
    fn a_run_ends_where_its_class_does() {
        let pairs = (0..=u8::MAX).flat_map(|first| (0..=u8::MAX).map(move |next| [first, next]));
        for pair in pairs {
            for at in [0, 7, 8] {
                let mut bytes = [b'a'; 19];
                bytes[at..at + 2].copy_from_slice(&pair);
                for bytes in [&bytes[..], &bytes[..at + 2]] {
                    assert_eq!(run::<TOKEN>(bytes), naive::<TOKEN>(bytes), "{bytes:?}");
                    assert_eq!(long_run::<VALUE>(bytes), naive::<VALUE>(bytes), "{bytes:?}");
                    assert_eq!(
                        long_run::<TARGET>(bytes),
                        naive::<TARGET>(bytes),
                        "{bytes:?}"
                    );
                }
            }
        }
    }
}
