//! What the head of a response means to a source.

use std::time::Duration;

use http::{
    HeaderMap, StatusCode,
    header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER},
};

use super::error::{Error, Kind};

/// What to do after a response's head.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Read its events.
    Open,
    /// Ask there, once the value is resolved.
    Redirect(Vec<u8>),
    /// Ask no more.
    Stop,
}

/// Obeys WHATWG HTML §9.2.3, "Processing model", and Fetch §4.4, "HTTP-redirect fetch".
pub(super) fn judge(status: StatusCode, headers: &HeaderMap) -> Result<Verdict, Error> {
    match status.as_u16() {
        200 => check_stream(headers).map(|()| Verdict::Open),
        204 => Ok(Verdict::Stop),
        301 | 302 | 303 | 307 | 308 if headers.contains_key(LOCATION) => {
            Ok(Verdict::Redirect(headers[LOCATION].as_bytes().to_vec()))
        }
        _ => Err(Kind::Status(status, retry_after(headers)).into()),
    }
}

fn check_stream(headers: &HeaderMap) -> Result<(), Error> {
    let essence = essence(headers);
    if essence.as_deref() != Some("text/event-stream") {
        return Err(Kind::ContentType(essence).into());
    }
    let mut codings = headers.get_all(CONTENT_ENCODING).iter();
    match codings.find(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Some(coding) => {
            let coding = String::from_utf8_lossy(coding.as_bytes());
            Err(Kind::ContentEncoding(coding.into_owned()).into())
        }
        None => Ok(()),
    }
}

/// In seconds only: its other form needs a clock that agrees with the server's.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let digits = !seconds.is_empty() && seconds.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)))
}

/// The media type without its parameters, in lower case: the last that is one (Fetch §2.2.2,
/// "extract a MIME type").
fn essence(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_TYPE).iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let mut essences = values.flat_map(|value| split(&value)).map(|value| {
        let essence = value.split(';').next().unwrap_or_default();
        essence.trim_matches(is_space).to_ascii_lowercase()
    });
    essences.rfind(|essence| is_media_type(essence))
}

/// At the commas outside of quotes.
fn split(value: &str) -> Vec<String> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(|c| {
        let comma = c == ',' && !quoted;
        quoted ^= c == '"' && !escaped;
        escaped = quoted && c == '\\' && !escaped;
        comma
    });
    parts.map(str::to_owned).collect()
}

fn is_media_type(essence: &str) -> bool {
    let token = |part: &str| !part.is_empty() && part.bytes().all(is_token);
    let parts = essence.split_once('/');
    essence != "*/*" && parts.is_some_and(|(kind, subtype)| token(kind) && token(subtype))
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}
