//! JSON in the body.

use http::{HeaderValue, StatusCode};
use peristyle_core::BoxError;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::{FromExchange, Part, Rejection, content_type, rejection::short};
use crate::{Context, Json};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The body, `application/json` or of a type that ends with `+json`.
///
/// Another content type is a 415, a body beyond its limit a 413, one that is not JSON or nests deeper than 128 levels a 400,
/// and JSON that is not a `T` a 422.
impl<T: DeserializeOwned + Send> FromExchange for Json<T> {
    async fn from_exchange(cx: &mut Context) -> Result<Self, BoxError> {
        content_type::require(cx, JSON, is_json)?;
        let body = super::bytes::read(cx).await?;
        Ok(Self(parse(&body)?))
    }
}

/// RFC 8259, section 11, and RFC 6839, section 3.1.
fn is_json(media_type: &str) -> bool {
    let Some((kind, subtype)) = media_type.split_once('/') else {
        return false;
    };
    let suffix = subtype.rsplit_once('+').map(|(_, suffix)| suffix);
    kind.eq_ignore_ascii_case("application")
        && suffix.unwrap_or(subtype).eq_ignore_ascii_case("json")
}

fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Rejection> {
    serde_json::from_slice(text).or_else(|_| locate(text))
}

/// Reads once more what could not be read, to say where. Keeping the path costs more than reading, so that only this does.
#[cold]
fn locate<T: DeserializeOwned>(text: &[u8]) -> Result<T, Rejection> {
    let mut parser = serde_json::Deserializer::from_slice(text);
    match serde_path_to_error::deserialize(&mut parser) {
        Ok(value) => parser
            .end()
            .map(|()| value)
            .map_err(|error| rejection(&error)),
        Err(error) => {
            let field = field(error.path());
            Err(rejection(error.inner()).with_field(field))
        }
    }
}

/// An object that breaks off before a key ends the path with a `?`, which names nothing.
fn field(path: &Path) -> Option<String> {
    let text = path.to_string();
    match path.iter().next_back()? {
        Segment::Unknown => text.strip_suffix(".?").map(str::to_owned),
        _ => Some(text),
    }
}

/// What is wrong stands before where it is, so that cutting a long text loses no position.
fn rejection(error: &serde_json::Error) -> Rejection {
    let status = match error.classify() {
        Category::Data => StatusCode::UNPROCESSABLE_ENTITY,
        Category::Syntax | Category::Eof | Category::Io => StatusCode::BAD_REQUEST,
    };
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = error.to_string();
    let what = text.strip_suffix(&place).unwrap_or(&text);
    let reason = format!("{}{place}", short(what.to_owned()));
    Rejection::new(status, Part::Body, reason)
}
