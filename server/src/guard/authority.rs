//! A host with an optional port, as in `Host` and in the target of a request.

use super::octets::{self, HOST};

/// How much of an authority was read (RFC 9110, section 7.2; RFC 3986, section 3.2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Authority {
    Start,
    Name,
    /// Within `%41`, with this many digits to come.
    Escape(u8),
    /// Within `[::1]`, after this many bytes.
    Literal(u8),
    Closed,
    /// After the colon.
    Port {
        digits: bool,
        number: u32,
    },
}

/// The longest way to write an IPv6 address.
const LONGEST_LITERAL: u8 = 45;

impl Authority {
    /// Reads on; `None` when it can be no authority. There is no user before the host (RFC 9110, section 4.2.4).
    pub(super) fn read(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Start, b'[') => Some(Self::Literal(0)),
            (Self::Start | Self::Name, b'%') => Some(Self::Escape(2)),
            (Self::Start | Self::Name, _) if octets::is(byte, HOST) => Some(Self::Name),
            (Self::Escape(left), _) if byte.is_ascii_hexdigit() => Some(match left {
                2 => Self::Escape(1),
                _ => Self::Name,
            }),
            (Self::Literal(2..), b']') => Some(Self::Closed),
            (Self::Literal(length), b':' | b'.' | b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F')
                if length < LONGEST_LITERAL =>
            {
                Some(Self::Literal(length + 1))
            }
            (Self::Name | Self::Closed, b':') => Some(Self::Port {
                digits: false,
                number: 0,
            }),
            (Self::Port { number, .. }, b'0'..=b'9') => {
                let number = number * 10 + u32::from(byte - b'0');
                let port = Self::Port {
                    digits: true,
                    number,
                };
                u16::try_from(number).is_ok().then_some(port)
            }
            _ => None,
        }
    }

    /// Whether it may end here. A host that is empty is none (RFC 9110, section 4.2.1).
    pub(super) fn is_whole(self) -> bool {
        matches!(self, Self::Name | Self::Closed | Self::Port { .. })
    }

    pub(super) fn has_port(self) -> bool {
        matches!(self, Self::Port { digits: true, .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Authority> {
        let mut bytes = text.bytes();
        bytes.try_fold(Authority::Start, Authority::read)
    }

    #[test]
    fn hosts_are_what_the_grammar_says() {
        for good in [
            "a",
            "a.b",
            "a_b",
            "a:",
            "a:0",
            "a:65535",
            "1.2.3.4",
            "%41b",
            "[::1]",
            "[::1]:80",
            "[::ffff:1.2.3.4]",
        ] {
            assert!(read(good).is_some_and(Authority::is_whole), "{good}");
        }
        for bad in [
            "", ":", ":80", "a:65536", "a:x", "a:1:2", "a b", "a/b", "u@a", "%", "%4", "%4x", "[",
            "[]", "[:]", "[::1", "[::1]a", "[v1.x]", "a,b", "a\\b", "ä", "a\0",
        ] {
            let whole = read(bad).is_some_and(Authority::is_whole);
            assert_eq!(whole, bad == "a,b", "{bad}");
        }
    }

    #[test]
    fn a_port_is_one_only_with_digits() {
        assert!(read("a:80").is_some_and(Authority::has_port));
        assert!(!read("a:").is_some_and(Authority::has_port));
        assert!(!read("a").is_some_and(Authority::has_port));
    }
}
