//! Paths: patterns of routes, and what requests are matched by.

use std::{borrow::Cow, fmt, panic::Location};

use percent_encoding::percent_decode_str;

/// The pattern of a route, taken apart.
#[derive(Debug)]
pub(super) struct Pattern {
    /// The pattern in the matcher's syntax, with parameters named by position: patterns that match the same paths are equal.
    pub(super) shape: String,
    /// The parameters' names, in order.
    pub(super) names: Vec<String>,
    /// What the segments are, in order.
    pub(super) rank: Rank,
}

/// Of two patterns that match one path, the more specific is less: the first segment in which they differ decides.
pub(super) type Rank = Vec<Segment>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Segment {
    Literal,
    Parameter,
    Wildcard,
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, BadPattern> {
        if !text.starts_with('/') {
            return Err(BadPattern::NoSlash(text.to_owned()));
        }
        let mut pattern = Self {
            shape: String::with_capacity(text.len()),
            names: Vec::new(),
            rank: Rank::new(),
        };
        let mut parts = parts(text).peekable();
        while let Some(part) = parts.next() {
            pattern.shape.push('/');
            pattern.push(part, parts.peek().is_none())?;
        }
        Ok(pattern)
    }

    fn push(&mut self, part: Part<'_>, last: bool) -> Result<(), BadPattern> {
        let (kind, star, name) = match part {
            Part::Literal(segment) => return self.push_literal(segment),
            Part::Wildcard(_) if !last => return Err(BadPattern::WildcardNotLast),
            Part::Wildcard(name) => (Segment::Wildcard, "*", name),
            Part::Parameter(name) => (Segment::Parameter, "", name),
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return Err(BadPattern::BadName(name.to_owned()));
        }
        if self.names.iter().any(|other| other == name) {
            return Err(BadPattern::NamedTwice(name.to_owned()));
        }
        let position = self.names.len();
        self.shape
            .extend(["{", star, "p", &position.to_string(), "}"]);
        self.names.push(name.to_owned());
        self.rank.push(kind);
        Ok(())
    }

    /// A literal is matched in the form in which requests are.
    fn push_literal(&mut self, segment: &str) -> Result<(), BadPattern> {
        if segment.contains(['{', '}']) {
            return Err(BadPattern::PartOfSegment(segment.to_owned()));
        }
        let normal = normalise(segment).map_err(|_| BadPattern::BadEscape)?;
        self.shape.push_str(&normal);
        self.rank.push(Segment::Literal);
        Ok(())
    }
}

/// A segment of a pattern, as it is written.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Literal(&'a str),
    Parameter(&'a str),
    Wildcard(&'a str),
}

impl<'a> Part<'a> {
    fn new(segment: &'a str) -> Self {
        let inner = segment
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        match inner.map(|inner| (inner, inner.strip_prefix('*'))) {
            None => Self::Literal(segment),
            Some((_, Some(name))) => Self::Wildcard(name),
            Some((name, None)) => Self::Parameter(name),
        }
    }

    pub(super) fn name(self) -> Option<&'a str> {
        match self {
            Self::Literal(_) => None,
            Self::Parameter(name) | Self::Wildcard(name) => Some(name),
        }
    }
}

/// The segments of a pattern that starts with a slash.
pub(super) fn parts(pattern: &str) -> impl Iterator<Item = Part<'_>> {
    pattern.split('/').skip(1).map(Part::new)
}

/// Why a pattern cannot be matched.
#[derive(Debug)]
pub(super) enum BadPattern {
    NoSlash(String),
    BadPrefix(String, &'static Location<'static>),
    NoMethod,
    WildcardNotLast,
    BadName(String),
    NamedTwice(String),
    PartOfSegment(String),
    BadHost(String),
    BadEscape,
    Refused(String),
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSlash(text) => write!(f, "`{text}` does not start with `/`"),
            Self::BadPrefix(prefix, place) => write!(
                f,
                "the prefix `{prefix}` of its group at {place} does not start with `/`, or ends with it"
            ),
            Self::NoMethod => f.write_str("it lists no method"),
            Self::WildcardNotLast => f.write_str("a wildcard is not its last segment"),
            Self::BadName(name) => {
                write!(f, "`{name}` is not a name of ASCII letters, digits and `_`")
            }
            Self::NamedTwice(name) => write!(f, "it has the parameter `{name}` twice"),
            Self::PartOfSegment(segment) => {
                write!(
                    f,
                    "a parameter takes a whole segment, unlike in `{segment}`"
                )
            }
            Self::BadHost(host) => write!(f, "`{host}` is not a host without a port"),
            Self::BadEscape => f.write_str("it has a `%` without two hexadecimal digits"),
            Self::Refused(why) => f.write_str(why),
        }
    }
}

/// A path with a `%` that two hexadecimal digits do not follow.
#[derive(Debug)]
pub(super) struct BadEscape;

/// A path in normal form (RFC 3986, section 6.2.2): escapes in upper case, none of an unreserved character, and one for each
/// byte that must not stand for itself, as browsers send `|`. An escaped `/` stays escaped, so that it never separates
/// segments.
pub(super) fn normalise(path: &str) -> Result<Cow<'_, str>, BadEscape> {
    if path.bytes().all(|byte| NORMAL[usize::from(byte)]) {
        return Ok(Cow::Borrowed(path));
    }
    let mut normal = String::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&first, mut after)) = rest.split_first() {
        if first == b'%' {
            let (digits, behind) = after.split_at_checked(2).ok_or(BadEscape)?;
            after = behind;
            match escaped(digits).ok_or(BadEscape)? {
                byte if is_unreserved(byte) => normal.push(byte.into()),
                byte => push_escape(&mut normal, byte),
            }
        } else if NORMAL[usize::from(first)] {
            normal.push(first.into());
        } else {
            push_escape(&mut normal, first);
        }
        rest = after;
    }
    Ok(Cow::Owned(normal))
}

/// The text of a path segment or of the rest of a path: percent-decoded once; `+` stays.
pub(super) fn decode(value: &str) -> Result<String, NotUtf8> {
    if !value.as_bytes().contains(&b'%') {
        return Ok(value.to_owned());
    }
    let decoded = percent_decode_str(value).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| NotUtf8)
}

/// A parameter whose bytes are no text.
#[derive(Debug)]
pub(super) struct NotUtf8;

/// The byte that two hexadecimal digits stand for.
fn escaped(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |byte, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        Some(byte << 4 | u8::try_from(digit).ok()?)
    })
}

/// Writes text so that nothing in it means anything in an address: all but what is unreserved is escaped, `+` included, which
/// stands for a space in queries.
pub(super) fn push_encoded(text: &mut String, value: &str) {
    for byte in value.bytes() {
        if is_unreserved(byte) {
            text.push(byte.into());
        } else {
            push_escape(text, byte);
        }
    }
}

fn push_escape(text: &mut String, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    text.push('%');
    text.push(DIGITS[usize::from(byte >> 4)].into());
    text.push(DIGITS[usize::from(byte & 15)].into());
}

/// RFC 3986, section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986, section 3.3, without the escapes.
const fn is_pchar(byte: u8) -> bool {
    is_unreserved(byte)
        || matches!(
            byte,
            b'!' | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
                | b':'
                | b'@'
        )
}

/// The bytes that stand for themselves in a path; a table, because each byte of each request is asked for.
const NORMAL: [bool; 256] = {
    let mut normal = [false; 256];
    let mut byte = u8::MIN;
    while byte.is_ascii() {
        normal[byte as usize] = byte == b'/' || is_pchar(byte);
        byte += 1;
    }
    normal
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_without_touching_what_is_reserved() {
        let cases = [
            ("/plain", Some("/plain")),
            ("/%61bc", Some("/abc")),
            ("/caf%c3%a9", Some("/caf%C3%A9")),
            ("/a%2fb", Some("/a%2Fb")),
            ("/%25", Some("/%25")),
            ("/+%2B", Some("/+%2B")),
            ("/%7e%7E~", Some("/~~~")),
            ("/a|b/\u{e9}", Some("/a%7Cb/%C3%A9")),
            ("/a%7cb", Some("/a%7Cb")),
            ("", Some("")),
            ("/%", None),
            ("/%4", None),
            ("/%zz", None),
            ("/%+1", None),
            ("/%é", None),
        ];
        for (path, normal) in cases {
            assert_eq!(normalise(path).ok().as_deref(), normal, "{path}");
        }
    }

    #[test]
    fn patterns_that_match_the_same_paths_have_the_same_shape() {
        let shape = |text| Pattern::parse(text).unwrap().shape;
        assert_eq!(shape("/orders/{id}"), shape("/orders/{order}"));
        assert_eq!(shape("/café"), "/caf%C3%A9");
        assert_eq!(shape("/caf%c3%a9"), "/caf%C3%A9");
        assert_eq!(shape("/a|b"), shape("/a%7Cb"));
        assert_eq!(shape("/files/{*path}"), "/files/{*p0}");
        assert_eq!(shape("/"), "/");
        assert_eq!(shape("/a//b/"), "/a//b/");
    }

    #[test]
    fn bad_patterns_are_refused_with_the_reason() {
        let reason = |text| Pattern::parse(text).unwrap_err().to_string();
        assert_eq!(reason("orders"), "`orders` does not start with `/`");
        assert_eq!(
            reason("/{*rest}/more"),
            "a wildcard is not its last segment"
        );
        assert_eq!(
            reason("/{}"),
            "`` is not a name of ASCII letters, digits and `_`"
        );
        assert_eq!(reason("/{a}/{a}"), "it has the parameter `a` twice");
        assert_eq!(
            reason("/v{n}"),
            "a parameter takes a whole segment, unlike in `v{n}`"
        );
        assert_eq!(
            reason("/%zz"),
            "it has a `%` without two hexadecimal digits"
        );
    }
}
