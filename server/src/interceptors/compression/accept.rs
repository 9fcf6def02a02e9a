//! What a client accepts: `Accept-Encoding` (RFC 9110, section 12.5.3).

use http::{HeaderMap, header::ACCEPT_ENCODING};

use super::super::coding::Coding;

/// What to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Choice {
    /// The body as it is.
    Identity,
    /// The body encoded, where that is worth it.
    Encoded(Coding),
    /// The body encoded, whatever it is: the client refuses it as it is.
    Only(Coding),
}

/// Chooses the coding that the client likes best; of those it likes the same, the first that is offered. Nothing is sent encoded
/// unless it was asked for, and nothing is refused: a client that accepts neither what is offered nor a body as it is gets the body
/// as it is, which section 12.1 allows.
pub(super) fn choose(request: &HeaderMap, offered: &[Coding]) -> Choice {
    let weight = |coding: Coding| {
        let named = |name: &[u8]| Coding::of_name(name) == Some(coding);
        weight_of(request, named).or_else(|| weight_of(request, is_any))
    };
    let mut best = None;
    for &coding in offered {
        let weight = weight(coding).unwrap_or(0);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, coding));
        }
    }
    let Some((weight, coding)) = best else {
        return Choice::Identity;
    };
    let identity = weight_of(request, |name| name.eq_ignore_ascii_case(b"identity"));
    let unnamed = || weight_of(request, is_any).filter(|weight| *weight == 0);
    match identity.or_else(unnamed) {
        Some(0) => Choice::Only(coding),
        Some(as_it_is) if as_it_is > weight => Choice::Identity,
        _ => Choice::Encoded(coding),
    }
}

fn is_any(name: &[u8]) -> bool {
    name == b"*"
}

/// In thousandths, of the first element whose name is meant. One that is malformed counts as not there.
fn weight_of(request: &HeaderMap, is_meant: impl Fn(&[u8]) -> bool) -> Option<u16> {
    let values = request.get_all(ACCEPT_ENCODING).iter();
    let mut elements = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    elements.find_map(|element| {
        let mut parts = element.splitn(2, |byte| *byte == b';');
        let name = parts.next()?.trim_ascii();
        if !is_meant(name) {
            return None;
        }
        parts.next().map_or(Some(1000), parameter)
    })
}

fn parameter(parameter: &[u8]) -> Option<u16> {
    let (name, value) = parameter.trim_ascii().split_at_checked(2)?;
    name.eq_ignore_ascii_case(b"q=")
        .then(|| thousandths(value))
        .flatten()
}

/// A quality value (section 12.4.2): `0` to `1` with three digits at most after the point.
fn thousandths(value: &[u8]) -> Option<u16> {
    let (whole, fraction) = match value {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut sum = u16::from(whole - b'0') * 1000;
    for (digit, worth) in fraction.iter().zip([100, 10, 1]) {
        if !digit.is_ascii_digit() {
            return None;
        }
        sum += u16::from(digit - b'0') * worth;
    }
    (sum <= 1000).then_some(sum)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const OFFERED: [Coding; 2] = [Coding::Brotli, Coding::Gzip];

    fn chosen(values: &[&'static str]) -> Choice {
        let mut request = HeaderMap::new();
        for value in values {
            request.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
        }
        choose(&request, &OFFERED)
    }

    #[test]
    fn the_client_s_preference_goes_before_the_server_s() {
        let (br, gzip) = (
            Choice::Encoded(Coding::Brotli),
            Choice::Encoded(Coding::Gzip),
        );
        let cases: [(&[&str], Choice); 21] = [
            (&[], Choice::Identity),
            (&[""], Choice::Identity),
            (&["gzip"], gzip),
            (&["GZip"], gzip),
            (&["x-gzip"], gzip),
            (&["gzip, deflate, br, zstd"], br),
            (&["gzip", "br"], br),
            (&["gzip;q=1.0, br;q=0.999"], gzip),
            (&["gzip ; Q=0.5 , br ; q=0.4"], gzip),
            (&["gzip;q=0.5"], gzip),
            (&["gzip;q=0"], Choice::Identity),
            (&["gzip;q=0.000, br;q=0"], Choice::Identity),
            (&["*"], br),
            (&["br;q=0, *"], gzip),
            (&["*;q=0.1, gzip"], gzip),
            (&["gzip;q=0.5, identity"], Choice::Identity),
            (&["gzip;q=0.5, identity;q=0.5"], gzip),
            (&["identity;q=0.1, br;q=0.2"], br),
            (&["compress, deflate"], Choice::Identity),
            (&["identity"], Choice::Identity),
            (&["identity, *;q=0"], Choice::Identity),
        ];
        for (values, expected) in cases {
            assert_eq!(chosen(values), expected, "{values:?}");
        }
    }

    #[test]
    fn a_body_as_it_is_can_be_refused_but_something_is_sent_always() {
        let only = Choice::Only(Coding::Gzip);
        assert_eq!(chosen(&["gzip, identity;q=0"]), only);
        assert_eq!(chosen(&["gzip, *;q=0"]), only);
        assert_eq!(chosen(&["identity;q=0"]), Choice::Identity);
        assert_eq!(chosen(&["*;q=0"]), Choice::Identity);
        let both = chosen(&["gzip, *;q=0, identity"]);
        assert_eq!(both, Choice::Encoded(Coding::Gzip));
    }

    #[test]
    fn what_is_no_weight_counts_as_not_there() {
        let bad = [
            "gzip;q=",
            "gzip;q=2",
            "gzip;q=1.001",
            "gzip;q=0.0001",
            "gzip;q=.5",
            "gzip;q=-1",
            "gzip;q=0.5;x=1",
            "gzip;p=1",
            "gzip;",
            "gzip;q",
            "gzip;q=0.a",
            ";q=1",
            ",,",
        ];
        for value in bad {
            assert_eq!(chosen(&[value]), Choice::Identity, "{value}");
        }
        assert_eq!(thousandths(b"1."), Some(1000));
        assert_eq!(thousandths(b"0.05"), Some(50));
    }
}
