//! What a client's copy is compared with.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderValue;

use super::ETag;

/// What tells a content from any other of the same resource: an entity tag, a time of change, both or neither.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    pub(super) etag: Option<ETag>,
    pub(super) last_modified: Option<Seconds>,
}

impl Validators {
    /// With an entity tag. Default is none.
    #[must_use]
    pub fn with_etag(mut self, etag: ETag) -> Self {
        self.etag = Some(etag);
        self
    }

    /// With the time of the last change, of which whole seconds count. Default is none; a time that no header can tell
    /// (before 1970 or after 9999) is none either.
    #[must_use]
    pub fn with_last_modified(mut self, time: SystemTime) -> Self {
        self.last_modified = Seconds::of(time);
        self
    }
}

/// An HTTP-date (RFC 9110, section 5.6.7), in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seconds(u64);

/// The first second of the year 10000, for which there is no HTTP-date.
const END: u64 = 253_402_300_800;

impl Seconds {
    pub(super) fn of(time: SystemTime) -> Option<Self> {
        let since = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
        (since < END).then_some(Self(since))
    }

    pub(super) fn parse(value: &HeaderValue) -> Option<Self> {
        let date = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
        Self::of(date)
    }

    pub(super) fn to_header(self) -> HeaderValue {
        let text = httpdate::fmt_http_date(self.time());
        HeaderValue::try_from(text).expect("a date has visible characters only")
    }

    /// Whether no second change can have happened in the same second: it has passed (section 8.8.2.2).
    pub(super) fn is_strong(self, now: SystemTime) -> bool {
        let age = now.duration_since(self.time());
        age.is_ok_and(|age| age >= Duration::from_secs(2))
    }

    fn time(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.0)
    }
}
