//! A content with what is said of it, on its way to becoming the answer to a request.

use std::{fmt, ops::Range, time::SystemTime};

use http::{
    HeaderMap, HeaderValue, Method, Response, StatusCode,
    header::{
        ACCEPT_RANGES, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
        LAST_MODIFIED, VARY,
    },
    request,
};
use peristyle_core::Control;

use super::{
    Addressable, Ranges, Validators,
    conditional::{Verdict, allows_ranges, judge},
    multipart::{Multipart, content_range},
    range::{Selection, select},
    ranges::Piece,
};
use crate::{DrainPolicy, InvalidContentType, StreamBody, drain::Drain, length::Length};

/// Answers GET and HEAD with an [`Addressable`]: in full or in ranges, on conditions (RFC 9110, sections 13 and 14).
///
/// ```
/// use bytes::Bytes;
/// use http::Request;
/// use peristyle_streaming::files::{ETag, Representation, Validators};
///
/// # fn main() -> Result<(), peristyle_core::BoxError> {
/// let (request, ()) = Request::get("/").header("range", "bytes=6-").body(())?.into_parts();
///
/// let response = Representation::new(Bytes::from("Hello, world"))
///     .content_type("text/plain")?
///     .validators(Validators::default().with_etag(ETag::strong("v1")?))
///     .respond(&request);
///
/// assert_eq!(response.status(), 206);
/// assert_eq!(response.headers()["content-range"], "bytes 6-11/12");
/// assert_eq!(response.headers()["etag"], r#""v1""#);
/// # Ok(())
/// # }
/// ```
///
/// | request | answer |
/// |---|---|
/// | another method | 405 with `Allow` |
/// | `If-Match` or `If-Unmodified-Since` does not hold | 412 |
/// | `If-None-Match` or `If-Modified-Since` says that the client has it | 304 |
/// | GET with `Range`, unless `If-Range` names another content | 206, or 416 where there are no such bytes |
/// | any other | 200 |
///
/// Several ranges are sent as `multipart/byteranges`, in their order. Those that overlap, or are no more than 80 bytes apart,
/// become one, so that no byte is sent twice. More than 16, or so many that the parts would take more than the whole, are
/// answered with the whole; so is a `Range` that is malformed. A suffix of an empty content is the whole of it.
///
/// Nothing is read for a HEAD, a 304, a 405, a 412 or a 416. What is read is held against the declared length: a source
/// that ends before it, or fails, is an error of the body, which then never looks complete.
#[must_use = "it does nothing until it responds"]
pub struct Representation<S> {
    source: S,
    content_type: HeaderValue,
    validators: Validators,
    encoding: Option<HeaderValue>,
    vary: Option<HeaderValue>,
}

impl<S: Addressable> Representation<S> {
    /// With the validators of the source.
    pub fn new(source: S) -> Self {
        Self {
            validators: source.validators(),
            source,
            content_type: HeaderValue::from_static("application/octet-stream"),
            encoding: None,
            vary: None,
        }
    }

    /// The content type. Default is `application/octet-stream`.
    ///
    /// # Errors
    ///
    /// When `value` cannot stand in a header, such as for a line break in it.
    pub fn content_type(mut self, value: &str) -> Result<Self, InvalidContentType> {
        self.content_type = HeaderValue::from_str(value).map_err(InvalidContentType::new)?;
        Ok(self)
    }

    /// Replaces the validators of the source.
    pub fn validators(mut self, validators: Validators) -> Self {
        self.validators = validators;
        self
    }

    pub(super) fn typed(mut self, content_type: HeaderValue) -> Self {
        self.content_type = content_type;
        self
    }

    /// The source is encoded: ranges and validators are of what it then is (section 8.1).
    pub(super) fn encoded(mut self, coding: Option<HeaderValue>) -> Self {
        self.encoding = coding;
        self
    }

    pub(super) fn varying(mut self, vary: Option<HeaderValue>) -> Self {
        self.vary = vary;
        self
    }

    /// The response to a request, of which method and headers count. Others can be added to its headers, `Cache-Control`
    /// for instance.
    pub fn respond(self, request: &request::Parts) -> Response<StreamBody<Ranges<S>>> {
        if !is_read(&request.method) {
            return not_allowed();
        }
        match judge(&request.headers, &self.validators) {
            Verdict::Failed => self.without_content(StatusCode::PRECONDITION_FAILED),
            Verdict::NotModified => self.not_modified(),
            Verdict::Answer if request.method == Method::HEAD => self.head_only(),
            Verdict::Answer => self.answer(&request.headers),
        }
    }

    fn answer(self, request: &HeaderMap) -> Response<StreamBody<Ranges<S>>> {
        let length = self.source.length();
        let mut selection = Selection::Whole;
        if allows_ranges(request, &self.validators, SystemTime::now()) {
            selection = select(request, length);
        }
        match selection {
            Selection::Whole => self.whole(length),
            Selection::Unsatisfiable => self.unsatisfiable(length),
            Selection::Ranges(ranges) => match <[_; 1]>::try_from(ranges) {
                Ok([range]) => self.one(range, length),
                Err(ranges) => self.several(ranges, length),
            },
        }
    }

    fn whole(self, length: u64) -> Response<StreamBody<Ranges<S>>> {
        self.content(StatusCode::OK, vec![Piece::Range(0..length)])
    }

    fn one(self, range: Range<u64>, length: u64) -> Response<StreamBody<Ranges<S>>> {
        let place = content_range(&range, length);
        let mut response = self.content(StatusCode::PARTIAL_CONTENT, vec![Piece::Range(range)]);
        insert_place(&mut response, place);
        response
    }

    fn several(mut self, ranges: Vec<Range<u64>>, length: u64) -> Response<StreamBody<Ranges<S>>> {
        let parts = Multipart::new(ranges, length, &self.content_type);
        // `Content-Encoding` would say that the parts with their heads are encoded.
        if self.encoding.is_some() || parts.length() >= length {
            return self.whole(length);
        }
        self.content_type = parts.content_type;
        self.content(StatusCode::PARTIAL_CONTENT, parts.pieces)
    }

    fn unsatisfiable(self, length: u64) -> Response<StreamBody<Ranges<S>>> {
        let mut response = self.without_content(StatusCode::RANGE_NOT_SATISFIABLE);
        insert_place(&mut response, format!("bytes */{length}"));
        response
    }

    fn head_only(self) -> Response<StreamBody<Ranges<S>>> {
        let mut response = response(StatusCode::OK, Ranges::none(), 0);
        self.describe(response.headers_mut(), self.source.length());
        response
    }

    fn not_modified(self) -> Response<StreamBody<Ranges<S>>> {
        let mut response = response(StatusCode::NOT_MODIFIED, Ranges::none(), 0);
        self.validate(response.headers_mut());
        response
    }

    fn without_content(self, status: StatusCode) -> Response<StreamBody<Ranges<S>>> {
        let mut response = empty(status);
        let headers = response.headers_mut();
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.extend(self.vary.map(|vary| (VARY, vary)));
        response
    }

    fn content(self, status: StatusCode, pieces: Vec<Piece>) -> Response<StreamBody<Ranges<S>>> {
        let length = pieces.iter().map(Piece::length).sum();
        let mut headers = HeaderMap::new();
        self.describe(&mut headers, length);
        let pieces = pieces.into_iter().filter(|piece| piece.length() > 0);
        let ranges = Ranges::new(self.source, pieces.collect());
        let mut response = response(status, ranges, length);
        *response.headers_mut() = headers;
        response
    }

    fn describe(&self, headers: &mut HeaderMap, length: u64) {
        headers.insert(CONTENT_TYPE, self.content_type.clone());
        headers.insert(CONTENT_LENGTH, length.into());
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        let encoding = self.encoding.clone();
        headers.extend(encoding.map(|coding| (CONTENT_ENCODING, coding)));
        self.validate(headers);
    }

    fn validate(&self, headers: &mut HeaderMap) {
        let Validators {
            etag,
            last_modified,
        } = &self.validators;
        headers.extend(etag.as_ref().map(|etag| (ETAG, etag.to_header())));
        headers.extend(last_modified.map(|date| (LAST_MODIFIED, date.to_header())));
        headers.extend(self.vary.clone().map(|vary| (VARY, vary)));
    }
}

pub(super) fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

pub(super) fn not_allowed<S>() -> Response<StreamBody<Ranges<S>>>
where
    S: Addressable,
{
    let mut response = empty(StatusCode::METHOD_NOT_ALLOWED);
    let allow = HeaderValue::from_static("GET, HEAD");
    response.headers_mut().insert(ALLOW, allow);
    response
}

/// A response that says that it has no content.
pub(super) fn empty<S: Addressable>(status: StatusCode) -> Response<StreamBody<Ranges<S>>> {
    let mut response = response(status, Ranges::none(), 0);
    response.headers_mut().insert(CONTENT_LENGTH, 0.into());
    response
}

fn response<S: Addressable>(
    status: StatusCode,
    ranges: Ranges<S>,
    length: u64,
) -> Response<StreamBody<Ranges<S>>> {
    // It goes on to its end while the host drains, so nobody needs the handle.
    let (_, controlled) = Control::new();
    let mut response = Response::new(StreamBody::new(
        crate::source::Source::new(ranges),
        Length::new(Some(length)),
        None,
        Drain::new(DrainPolicy::Finish),
        controlled,
    ));
    *response.status_mut() = status;
    response
}

fn insert_place<B>(response: &mut Response<B>, place: String) {
    let place = HeaderValue::try_from(place).expect("it has visible characters only");
    response.headers_mut().insert(CONTENT_RANGE, place);
}

impl<S> fmt::Debug for Representation<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Representation")
            .field("content_type", &self.content_type)
            .field("validators", &self.validators)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}
