//! Conditional requests (RFC 9110, section 13).

use std::time::SystemTime;

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE},
};

use super::{ETag, Validators, etag::Tag, validators::Seconds};

/// What the conditions of a GET or HEAD make of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Answer,
    NotModified,
    Failed,
}

/// In the order of section 13.2.2.
pub(super) fn judge(request: &HeaderMap, current: &Validators) -> Verdict {
    if !may_go_on(request, current) {
        Verdict::Failed
    } else if is_known(request, current) {
        Verdict::NotModified
    } else {
        Verdict::Answer
    }
}

fn may_go_on(request: &HeaderMap, current: &Validators) -> bool {
    if request.contains_key(IF_MATCH) {
        return names(request, &IF_MATCH, current, ETag::is_strongly);
    }
    let since = date(request, &IF_UNMODIFIED_SINCE).zip(current.last_modified);
    since.is_none_or(|(since, modified)| modified <= since)
}

/// Whether the client has this content.
fn is_known(request: &HeaderMap, current: &Validators) -> bool {
    if request.contains_key(IF_NONE_MATCH) {
        return names(request, &IF_NONE_MATCH, current, ETag::is_weakly);
    }
    let since = date(request, &IF_MODIFIED_SINCE).zip(current.last_modified);
    since.is_some_and(|(since, modified)| modified <= since)
}

/// Whether ranges are of the content of which the client has a part (section 13.1.5).
pub(super) fn allows_ranges(request: &HeaderMap, current: &Validators, now: SystemTime) -> bool {
    if !request.contains_key(IF_RANGE) {
        return true;
    }
    let Some(value) = single(request, &IF_RANGE) else {
        return false;
    };
    if let Some(tag) = Tag::parse(value.as_bytes()) {
        let etag = current.etag.as_ref();
        return etag.is_some_and(|etag| etag.is_strongly(tag));
    }
    let date = Seconds::parse(value).filter(|date| date.is_strong(now));
    date.is_some() && date == current.last_modified
}

/// Whether a list of tags has the current one. `*` is any that there is.
fn names(
    request: &HeaderMap,
    list: &HeaderName,
    current: &Validators,
    is: fn(&ETag, Tag<'_>) -> bool,
) -> bool {
    let has = |value: &HeaderValue| {
        let mut tags = Tag::list(value.as_bytes());
        let etag = current.etag.as_ref();
        value.as_bytes().trim_ascii() == b"*"
            || etag.is_some_and(|etag| tags.any(|tag| is(etag, tag)))
    };
    request.get_all(list).iter().any(has)
}

/// What is no date counts as not there, as sections 13.1.3 and 13.1.4 ask.
fn date(request: &HeaderMap, name: &HeaderName) -> Option<Seconds> {
    single(request, name).and_then(Seconds::parse)
}

fn single<'a>(request: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = request.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then_some(value)
}
