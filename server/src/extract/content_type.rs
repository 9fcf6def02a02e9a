//! The content type that a body must have.

use http::{HeaderValue, StatusCode, header::CONTENT_TYPE};

use super::{Part, Rejection, rejection::short};
use crate::Context;

/// Refuses a body with 415 unless its media type, without parameters, is accepted (RFC 9110, sections 8.3 and 15.5.16).
pub(super) fn require(
    cx: &Context,
    wanted: HeaderValue,
    accepted: impl Fn(&str) -> bool,
) -> Result<(), Rejection> {
    let values = cx.headers().get_all(CONTENT_TYPE);
    let mut values = values.iter().map(HeaderValue::to_str);
    let reason = match (values.next(), values.next()) {
        (Some(Ok(value)), None) => {
            let media_type = value.split(';').next().unwrap_or(value).trim();
            if accepted(media_type) {
                return Ok(());
            }
            format!("its content type is `{}`", short(media_type.to_owned()))
        }
        (None, _) => "it has no content type".to_owned(),
        _ => "its content type cannot be read".to_owned(),
    };
    let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
    Err(Rejection::new(status, Part::Body, reason).with_accept(wanted))
}
