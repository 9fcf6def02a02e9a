//! The answers that tell a client to come back later, or never.

use std::time::Duration;

use http::{
    HeaderMap, HeaderName, HeaderValue, Response, StatusCode,
    header::{self, ACCEPT, CACHE_CONTROL, RETRY_AFTER, USER_AGENT},
};

use crate::{CONTENT_TYPE, Event, Jitter, event::write_retry};

/// Tells the client that there will be no more events: 204, on which an `EventSource` does not come
/// back (WHATWG HTML §9.2.3, "Processing model").
///
/// It is for who comes back after the last event, by the [`LastEventId`](crate::LastEventId) for
/// instance: the end of a stream alone is a lost connection to a client, which reconnects.
///
/// ```
/// assert_eq!(peristyle_sse::finished().status(), 204);
/// ```
pub fn finished() -> Response<String> {
    answer(StatusCode::NO_CONTENT)
}

/// The answer of a server that cannot send events now, but will: it has too much to do, or is about
/// to end.
///
/// On any status but 200 the `EventSource` of a browser fails for good (WHATWG HTML §9.2.3): a page
/// that meets a single 503 gets no more events until someone loads it again. So a browser is
/// answered with 200, the delay after which it is to come back, and the end; everyone else with 503
/// and a `Retry-After`. Each is told another delay, between [`after`](Self::after) and as much more
/// as the [`spread`](Self::spread), so that they do not all come back at once.
///
/// ```
/// use http::{HeaderMap, HeaderValue, header::ACCEPT};
/// use peristyle_sse::Unavailable;
///
/// let unavailable = Unavailable::new().seeded(7);
/// let mut browser = HeaderMap::new();
/// browser.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
/// browser.insert("sec-fetch-mode", HeaderValue::from_static("cors"));
///
/// assert_eq!(unavailable.answer(&browser).status(), 200);
/// assert_eq!(unavailable.answer(&HeaderMap::new()).status(), 503);
/// ```
///
/// # Who is taken for a browser's `EventSource`
///
/// A request that accepts event streams and nothing else, and has a `Sec-Fetch-Mode`, which only a
/// browser sends, or a `User-Agent` that begins with `Mozilla/`, as that of every browser does:
/// without TLS a browser tells its mode to its own machine only (Fetch Metadata, "Sec-Fetch-Mode").
/// A program that is taken for one reads a stream that ends early, and comes back as after any other.
///
/// # What a browser gets
///
/// ```text
/// :
///
/// retry: 4711
/// ```
///
/// The delay counts as soon as its line is read, and since no blank line follows it nothing is
/// dispatched (WHATWG HTML §9.2.6): client libraries that hand out an empty event for a block that
/// holds only a delay find no block here. To let pages know, send an [`event`](Self::event).
#[derive(Clone, Debug)]
pub struct Unavailable {
    delay: Jitter,
    event: Option<Event>,
}

impl Unavailable {
    /// With the defaults.
    pub fn new() -> Self {
        Self {
            delay: Jitter::between(Duration::from_secs(2), Duration::from_secs(10)),
            event: None,
        }
    }

    /// The shortest delay. Default is 2 seconds.
    #[must_use]
    pub fn after(mut self, shortest: Duration) -> Self {
        self.delay.shortest = shortest;
        self
    }

    /// How much longer than the shortest a delay may be. Default is 8 seconds: of a thousand clients
    /// that are refused at once, some hundred come back in each second.
    #[must_use]
    pub fn spread(mut self, spread: Duration) -> Self {
        self.delay.spread = spread;
        self
    }

    /// Sends this event with the delay. Default is none.
    ///
    /// Give it a name, so that pages which do not know it take no notice, and data, without which no
    /// client hands it out. A delay of its own stays.
    #[must_use]
    pub fn event(mut self, event: Event) -> Self {
        self.event = Some(event);
        self
    }

    /// Draws the delays from this seed, for tests. Default is a seed of its own for each value, which
    /// clones share.
    #[must_use]
    pub fn seeded(mut self, seed: u64) -> Self {
        self.delay = self.delay.seeded(seed);
        self
    }

    /// The answer to a request with these headers.
    pub fn answer(&self, request: &HeaderMap) -> Response<String> {
        self.for_browser(request)
            .unwrap_or_else(|| self.service_unavailable())
    }

    /// The answer to a browser's `EventSource`; `None` when the request is not of one.
    ///
    /// For a host that tells everyone else in its own way.
    pub fn for_browser(&self, request: &HeaderMap) -> Option<Response<String>> {
        is_event_source(request).then(|| self.empty_stream())
    }

    fn empty_stream(&self) -> Response<String> {
        let mut response = answer(StatusCode::OK);
        let content_type = HeaderValue::from_static(CONTENT_TYPE);
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, content_type);
        *response.body_mut() = self.pieces();
        response
    }

    /// A comment first: some clients take a stream for open with its first block.
    fn pieces(&self) -> String {
        let delay = self.delay.draw();
        let mut text = String::from(":\n\n");
        match &self.event {
            Some(event) if !event.is_comment() => {
                let event = event.clone().with_retry(delay);
                text.push_str(&String::from_utf8_lossy(event.as_bytes()));
            }
            comment => {
                let comment = comment.as_ref().map(|event| event.as_bytes().as_ref());
                text.push_str(&String::from_utf8_lossy(comment.unwrap_or_default()));
                write_retry(&mut text, delay).expect("a string takes any text");
            }
        }
        text
    }

    fn service_unavailable(&self) -> Response<String> {
        let mut response = answer(StatusCode::SERVICE_UNAVAILABLE);
        let delay = self.delay.draw();
        let seconds = delay
            .as_secs()
            .saturating_add(u64::from(delay.subsec_nanos() > 0));
        let seconds = HeaderValue::from(seconds.max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
        response
    }
}

impl Default for Unavailable {
    fn default() -> Self {
        Self::new()
    }
}

/// What holds now must not be told to anyone later.
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

fn answer(status: StatusCode) -> Response<String> {
    let mut response = Response::new(String::new());
    *response.status_mut() = status;
    response.headers_mut().insert(CACHE_CONTROL, NO_STORE);
    response
}

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

fn is_event_source(request: &HeaderMap) -> bool {
    let mut accepted = request.get_all(ACCEPT).iter();
    let only = accepted.next().filter(|_| accepted.next().is_none());
    let events = only.is_some_and(|only| is_media_type(only.as_bytes()));
    let agent = request.get(USER_AGENT).map(HeaderValue::as_bytes);
    let browser = request.contains_key(SEC_FETCH_MODE)
        || agent.is_some_and(|agent| agent.starts_with(b"Mozilla/"));
    events && browser
}

/// Exactly that of event streams.
fn is_media_type(accepted: &[u8]) -> bool {
    let own = CONTENT_TYPE.split(';').next().unwrap_or_default();
    accepted.eq_ignore_ascii_case(own.as_bytes())
}
