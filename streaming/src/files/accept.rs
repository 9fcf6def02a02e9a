//! Which encoded forms of a file a client accepts: `Accept-Encoding` (RFC 9110, section 12.5.3).

use http::{HeaderMap, HeaderValue, header::ACCEPT_ENCODING};

/// A coding, and what the names of files in it end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    Brotli,
    Zstd,
    Gzip,
}

/// The smallest first, for clients without a preference.
const ALL: [Coding; 3] = [Coding::Brotli, Coding::Zstd, Coding::Gzip];

impl Coding {
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zst",
            Self::Gzip => "gz",
        }
    }

    pub(super) fn to_header(self) -> HeaderValue {
        HeaderValue::from_static(self.name())
    }

    fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// gzip has an old name, which section 8.4.1.3 keeps.
    fn is_named(self, name: &[u8]) -> bool {
        let old = self == Self::Gzip && name.eq_ignore_ascii_case(b"x-gzip");
        old || name.eq_ignore_ascii_case(self.name().as_bytes())
    }
}

/// The codings that the client likes no less than the file as it is, the best first.
pub(super) fn accepted(request: &HeaderMap) -> Vec<Coding> {
    let any = || weight(request, |name| name == b"*");
    let plain = weight(request, |name| name.eq_ignore_ascii_case(b"identity")).unwrap_or(0);
    let weighed = ALL.map(|coding| {
        let named = weight(request, |name| coding.is_named(name));
        (named.or_else(any).unwrap_or(0), coding)
    });
    let mut accepted = weighed.to_vec();
    accepted.retain(|(weight, _)| *weight > 0 && *weight >= plain);
    accepted.sort_by_key(|(weight, _)| u16::MAX - weight);
    accepted.into_iter().map(|(_, coding)| coding).collect()
}

/// In thousandths, of the first element that is meant. One that is malformed counts as not there.
fn weight(request: &HeaderMap, is_meant: impl Fn(&[u8]) -> bool) -> Option<u16> {
    let values = request.get_all(ACCEPT_ENCODING).iter();
    let mut elements = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    elements.find_map(|element| {
        let mut parts = element.splitn(2, |byte| *byte == b';');
        let meant = is_meant(parts.next()?.trim_ascii());
        meant
            .then(|| parts.next().map_or(Some(1000), quality))
            .flatten()
    })
}

/// The parameter `q` (section 12.4.2), from 0 to 1 with three digits after the point at most.
fn quality(parameter: &[u8]) -> Option<u16> {
    let text = std::str::from_utf8(parameter.trim_ascii()).ok()?;
    let value = text
        .strip_prefix("q=")
        .or_else(|| text.strip_prefix("Q="))?;
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let digits = fraction.len() <= 3 && fraction.bytes().all(|byte| byte.is_ascii_digit());
    let thousandths: u16 = format!("{fraction:0<3}").parse().ok().filter(|_| digits)?;
    match (whole, thousandths) {
        ("0", thousandths) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_client_prefers_comes_first() {
        use Coding::{Brotli, Gzip, Zstd};

        let cases: [(&[&str], &[Coding]); 24] = [
            (&[], &[]),
            (&[""], &[]),
            (&["gzip"], &[Gzip]),
            (&["GZIP"], &[Gzip]),
            (&["x-gzip"], &[Gzip]),
            (&["gzip, deflate, br, zstd"], &[Brotli, Zstd, Gzip]),
            (&["gzip", "br"], &[Brotli, Gzip]),
            (
                &["gzip;q=1.0, br;q=0.5, zstd;q=0.75"],
                &[Gzip, Zstd, Brotli],
            ),
            (&["gzip ; Q=0.5 , br ; q=0.4"], &[Gzip, Brotli]),
            (&["gzip;q=0"], &[]),
            (&["gzip;q=0.000, br"], &[Brotli]),
            (&["*"], &[Brotli, Zstd, Gzip]),
            (&["br;q=0, *"], &[Zstd, Gzip]),
            (&["*;q=0.1, gzip"], &[Gzip, Brotli, Zstd]),
            (&["gzip;q=0.5, identity"], &[]),
            (&["gzip;q=0.5, identity;q=0.5"], &[Gzip]),
            (&["gzip, identity;q=0"], &[Gzip]),
            (&["gzip, *;q=0"], &[Gzip]),
            (&["compress, deflate"], &[]),
            (&["gzip;q=2", "gzip;q=1.001"], &[]),
            (&["gzip;q=", "gzip;q=.5", "gzip;q=0.0001"], &[]),
            (&["gzip;q=-1", "gzip;p=1", "gzip;", "gzip;q=0.a"], &[]),
            (&["gzip;q=1."], &[Gzip]),
            (&[",,", ";q=1", " gzip "], &[Gzip]),
        ];
        for (values, expected) in cases {
            let mut request = HeaderMap::new();
            for value in values {
                request.append(ACCEPT_ENCODING, HeaderValue::from_static(value));
            }
            assert_eq!(accepted(&request), expected, "{values:?}");
        }
    }
}
