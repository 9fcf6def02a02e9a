//! The head of a part: which field it is.

use std::str;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{CONTENT_DISPOSITION, CONTENT_TYPE},
};

use super::Fault;
use crate::extract::parameters::parameter;

#[derive(Debug)]
pub(super) struct Head {
    pub(super) name: String,
    pub(super) file_name: Option<String>,
    pub(super) headers: HeaderMap,
}

/// Forms have a use for two (RFC 7578, section 4.8), and clients add a few.
pub(super) const MOST_HEADERS: usize = 32;

impl Head {
    /// Reads what is between a boundary and the empty line after it.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Fault> {
        let text = str::from_utf8(text).map_err(|_| Fault::Malformed("its head is not UTF-8"))?;
        let mut lines = text.split("\r\n");
        let padding = lines.next().unwrap_or("");
        if !padding.trim_start_matches([' ', '\t']).is_empty() {
            return Err(Fault::Malformed("no line break follows its boundary"));
        }
        let headers = headers(lines)?;
        let disposition = disposition(&headers)?;
        let read = |name| {
            let unreadable = |_| Fault::Malformed("its `content-disposition` cannot be read");
            parameter(disposition, name).map_err(unreadable)
        };
        let name = read("name")?.ok_or(Fault::Malformed("it has no name"))?;
        let file_name = read("filename")?;
        Ok(Self {
            name,
            file_name,
            headers,
        })
    }

    pub(super) fn content_type(&self) -> Option<&str> {
        self.headers.get(CONTENT_TYPE)?.to_str().ok()
    }
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    for line in lines {
        if headers.len() == MOST_HEADERS {
            return Err(Fault::ManyHeaders);
        }
        let (name, value) = header(line).ok_or(Fault::Malformed("its head cannot be read"))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// As in the head of a request (RFC 9112, section 5): nothing is folded, and no space is before the colon.
fn header(line: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = line.split_once(':')?;
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    let value = value.trim_matches([' ', '\t']).as_bytes();
    Some((name, HeaderValue::from_bytes(value).ok()?))
}

/// RFC 7578, section 4.2: each part has one, it is `form-data`.
fn disposition(headers: &HeaderMap) -> Result<&str, Fault> {
    let mut values = headers.get_all(CONTENT_DISPOSITION).iter();
    let value = match (values.next(), values.next()) {
        (Some(value), None) => str::from_utf8(value.as_bytes()).unwrap_or(""),
        (None, _) => return Err(Fault::Malformed("it has no `content-disposition`")),
        _ => return Err(Fault::Malformed("it has two of `content-disposition`")),
    };
    let kind = value.split(';').next().unwrap_or("").trim();
    if kind.eq_ignore_ascii_case("form-data") {
        Ok(value)
    } else {
        let what = "its `content-disposition` is not `form-data`";
        Err(Fault::Malformed(what))
    }
}
