//! Which bytes a request asks for (RFC 9110, section 14).

use std::ops::Range;

use http::{HeaderMap, header::RANGE};

/// What is sent of a content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Selection {
    Whole,
    /// At least one, none of them empty, no two of them near each other; as the request has them in order.
    Ranges(Vec<Range<u64>>),
    /// There are no such bytes.
    Unsatisfiable,
}

/// Who asks for more ranges is sent the whole, as section 14.2 allows.
const MOST: usize = 16;

/// Ranges this near each other are sent as one: a part of its own takes as much (section 15.3.7.2).
const NEAR: u64 = 80;

/// What the header `Range` means for a content of this length. One that is malformed, in another unit, or given twice is
/// ignored, as section 14.2 asks.
pub(super) fn select(request: &HeaderMap, length: u64) -> Selection {
    let mut values = request.get_all(RANGE).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => of_header(value.as_bytes(), length),
        _ => Selection::Whole,
    }
}

pub(super) fn of_header(value: &[u8], length: u64) -> Selection {
    let Some(specs) = parse(value) else {
        return Selection::Whole;
    };
    if specs.iter().all(|spec| !spec.is_satisfiable(length)) {
        return Selection::Unsatisfiable;
    }
    if length == 0 {
        return Selection::Whole;
    }
    let ranges = specs.iter().filter(|spec| spec.is_satisfiable(length));
    Selection::Ranges(joined(ranges.map(|spec| spec.range(length)).collect()))
}

/// One element of the header, which may go beyond the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spec {
    From { first: u64, last: u64 },
    Suffix { length: u64 },
}

impl Spec {
    fn parse(text: &[u8]) -> Option<Self> {
        let dash = text.iter().position(|byte| *byte == b'-')?;
        let (first, last) = (&text[..dash], &text[dash + 1..]);
        let spec = match (first, last) {
            ([], last) => Self::Suffix {
                length: number(last)?,
            },
            (first, []) => Self::From {
                first: number(first)?,
                last: u64::MAX,
            },
            (first, last) => Self::From {
                first: number(first)?,
                last: number(last)?,
            },
        };
        spec.is_valid().then_some(spec)
    }

    fn is_valid(self) -> bool {
        match self {
            Self::From { first, last } => first <= last,
            Self::Suffix { .. } => true,
        }
    }

    fn is_satisfiable(self, content: u64) -> bool {
        match self {
            Self::From { first, .. } => first < content,
            Self::Suffix { length } => length > 0,
        }
    }

    fn range(self, content: u64) -> Range<u64> {
        match self {
            Self::From { first, last } => first..last.saturating_add(1).min(content),
            Self::Suffix { length } => content.saturating_sub(length)..content,
        }
    }
}

/// `None` for what is malformed, of another unit, or too much.
fn parse(value: &[u8]) -> Option<Vec<Spec>> {
    let value = value.trim_ascii();
    let (unit, set) = value.split_at_checked(6)?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    let elements = set.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let mut specs = Vec::new();
    for element in elements.filter(|element| !element.is_empty()) {
        if specs.len() == MOST {
            return None;
        }
        specs.push(Spec::parse(element)?);
    }
    (!specs.is_empty()).then_some(specs)
}

/// A number beyond all lengths is as good as the largest.
fn number(digits: &[u8]) -> Option<u64> {
    let all = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let add = |sum: u64, digit: &u8| {
        let digit = u64::from(digit - b'0');
        sum.saturating_mul(10).saturating_add(digit)
    };
    all.then(|| digits.iter().fold(0, add))
}

/// Makes one of those that overlap or are near each other, in the place of the first of them. So no byte is sent twice.
fn joined(ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    let mut placed: Vec<_> = ranges.into_iter().enumerate().collect();
    placed.sort_by_key(|(_, range)| range.start);
    let mut joined: Vec<(usize, Range<u64>)> = Vec::new();
    for (place, range) in placed {
        match joined.last_mut() {
            Some((first, last)) if range.start <= last.end.saturating_add(NEAR) => {
                last.end = last.end.max(range.end);
                *first = place.min(*first);
            }
            _ => joined.push((place, range)),
        }
    }
    joined.sort_by_key(|(place, _)| *place);
    joined.into_iter().map(|(_, range)| range).collect()
}
