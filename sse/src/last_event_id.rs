//! Where a client that comes back wants to go on.

use http::{HeaderMap, HeaderName, Uri};

use crate::event::is_id;

/// The id of the last event that a client has seen, as it says when it comes back: bytes of its own
/// choice, to be doubted as any others of a request.
///
/// Browsers send the header `Last-Event-ID` when they reconnect, in UTF-8 (WHATWG HTML §9.2.4, "The
/// `Last-Event-ID` header"). A page that makes an `EventSource` cannot set it, and puts the id that it
/// knows into the query: as `last-event-id`, `lastEventId` or `last_event_id`.
///
/// It takes no server of this project, but the parts of any request of the crate [`http`]:
///
/// ```
/// use http::{HeaderMap, Uri};
/// use peristyle_sse::LastEventId;
///
/// fn first_to_send(headers: &HeaderMap, uri: &Uri) -> u64 {
///     let Some(last) = LastEventId::of(headers, uri) else {
///         return 0; // it comes for the first time
///     };
///     match last.as_str().and_then(|id| id.parse::<u64>().ok()) {
///         Some(seen) => seen.saturating_add(1),
///         None => 0, // it has seen something that we never sent: all from the beginning
///     }
/// }
///
/// let uri = "/events?last-event-id=41".parse()?;
/// assert_eq!(first_to_send(&HeaderMap::new(), &uri), 42);
/// # Ok::<(), http::uri::InvalidUri>(())
/// ```
///
/// # What makes no sense
///
/// A client may say anything, and what it says is never a reason for an error page: its
/// `EventSource` would give up for good. An id that no event can have had is told apart from none: it
/// is there, and [`as_str`](Self::as_str) is `None`. It is one that is longer than
/// [`MAX_BYTES`](Self::MAX_BYTES), is not UTF-8, holds a line break or a NUL, or comes in two headers
/// that say different things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastEventId {
    /// `None` when it makes no sense.
    id: Option<Box<str>>,
}

const HEADER: HeaderName = HeaderName::from_static("last-event-id");

/// Names that are in use; there is no standard.
const PARAMETERS: [&str; 3] = ["last-event-id", "lastEventId", "last_event_id"];

impl LastEventId {
    /// The longest that is taken, 4096 bytes of UTF-8: 32 times what a browser sends to another
    /// origin without asking first. Nothing beyond is kept.
    pub const MAX_BYTES: usize = 4096;

    /// What a request says: its header, else its query. `None` when it says nothing.
    ///
    /// Nothing is also what is empty: an empty id is how an event stream takes the last one back
    /// (WHATWG HTML §9.2.6). In a query `+` is a space and `%2B` is a plus; escapes that are none
    /// stay as they are (URL §5.1, "application/x-www-form-urlencoded parsing"). The first of the
    /// parameters that is not empty counts.
    pub fn of(headers: &HeaderMap, uri: &Uri) -> Option<Self> {
        from_headers(headers).or_else(|| from_query(uri.query()?))
    }

    /// The id; `None` when the client sent something that cannot be one.
    pub fn as_str(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn new(id: impl Iterator<Item = u8>) -> Self {
        let bytes: Vec<_> = id.take(Self::MAX_BYTES + 1).collect();
        let short = Some(bytes).filter(|bytes| bytes.len() <= Self::MAX_BYTES);
        let text = short.and_then(|bytes| String::from_utf8(bytes).ok());
        Self {
            id: text.filter(|text| is_id(text)).map(String::into_boxed_str),
        }
    }
}

fn from_headers(headers: &HeaderMap) -> Option<LastEventId> {
    let values = headers.get_all(HEADER).into_iter();
    let mut values = values.filter(|value| !value.is_empty());
    let first = values.next()?;
    if values.any(|other| other != first) {
        return Some(LastEventId { id: None });
    }
    Some(LastEventId::new(first.as_bytes().iter().copied()))
}

fn from_query(query: &str) -> Option<LastEventId> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let mut values = pairs.filter(|(name, value)| PARAMETERS.contains(name) && !value.is_empty());
    let (_, value) = values.next()?;
    Some(LastEventId::new(Decoded(value.as_bytes())))
}

/// The bytes that a value of a query stands for.
struct Decoded<'a>(&'a [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        match first {
            b'+' => Some(b' '),
            b'%' => Some(self.escaped().unwrap_or(b'%')),
            _ => Some(first),
        }
    }
}

impl Decoded<'_> {
    /// What follows a percent sign, if it is two hexadecimal digits.
    fn escaped(&mut self) -> Option<u8> {
        let (&[high, low], rest) = self.0.split_first_chunk()?;
        let digit = |byte| char::from(byte).to_digit(16);
        let byte = digit(high)? * 16 + digit(low)?;
        self.0 = rest;
        u8::try_from(byte).ok()
    }
}
