//! Compressed responses.

mod accept;
mod body;

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE,
        CONTENT_TYPE, ETAG,
    },
};
use http_body::Body as _;
use peristyle_core::{BoxError, Interceptor, Name, Outcome, Stages, Step};
use tokio::task::yield_now;

use self::{accept::Choice, body::Encoded};
use super::{
    coding::{self, Coding, Encoder},
    vary,
};
use crate::{Body, Context, Exchange, Response};

/// An interceptor that compresses responses for the clients that ask for it (RFC 9110, section 12.5.3).
///
/// ```
/// use http::{HeaderValue, header};
/// use peristyle_core::{Link, handler};
/// use peristyle_server::{Context, Routes, TestClient, interceptors::Compression};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new()
///     .interceptors(Link::new(Compression::new()))
///     .get("/", handler(|_: &mut Context| "hello, ".repeat(1000)))
///     .build()?;
/// let accepts = HeaderValue::from_static("gzip, br;q=0.9");
/// let response = TestClient::new(router).get("/").header(header::ACCEPT_ENCODING, accepts).send().await;
/// assert_eq!(response.headers()["content-encoding"], "gzip");
/// assert_eq!(response.headers()["vary"], "accept-encoding");
/// assert!(response.bytes().await?.len() < 100);
/// # Ok(())
/// # }
/// ```
///
/// A whole body stays whole, with its own length, and goes out as it is where compressing makes it no smaller. A streamed one is
/// compressed as it is read, and what it yields is flushed: the client can decode each value as soon as it has come. A body that
/// fails, or has not its declared length, fails compressed too. Trailers pass, and so does the
/// [`Control`](peristyle_core::Control).
///
/// | response | what happens |
/// |---|---|
/// | `Content-Encoding`, `Content-Range`, a digest of its content, or `Cache-Control: no-transform`; 204, 205, 206 | left alone |
/// | images (but SVG), audio, video, fonts of the web, archives, PDF, gRPC, `application/octet-stream`, byte ranges | left alone: most are compressed already |
/// | `text/event-stream` | left alone, unless [asked for](Self::event_streams) |
/// | known to be smaller than [the least](Self::at_least) | not compressed; `Vary` is added |
/// | all others | compressed if the client accepts it; `Vary` is added in any case, so that caches keep the forms apart |
///
/// A compressed response loses `Accept-Ranges` and, if streamed, `Content-Length`; a strong `ETag` becomes a weak one, since it
/// named other bytes (RFC 9110, section 8.8.1), and that of a 304 with it: compare `If-None-Match` weakly. HEAD is answered with
/// the headers of GET, at the price of compressing. A client that refuses a body as it is (`identity;q=0`) and accepts nothing
/// that is offered gets it as it is: nothing is answered with 406.
///
/// # What it costs
///
/// No poll gives the codec more than 32 KiB before the thread does other work. That takes 0.2 ms (zstd) to 1.3 ms (gzip) of the
/// processor on average, and a few milliseconds where the codec works on what it has gathered before. A stream holds its
/// encoder for as long as it is open: for gzip about 0.3 MiB, for brotli about 1.2 MiB, which counts where many are open.
///
/// # Secrets
///
/// Whoever sees how long responses are, and can have a text of their own choice put into them, can guess what else is in them
/// if they are compressed, TLS or not (the attack is known as BREACH). Do not compress a response that has both a secret, such as
/// a token against forged requests, and a text from the request: leave this interceptor out of such routes, mask the secret anew
/// in each response, or answer with `Cache-Control: no-transform`.
#[derive(Debug, Clone)]
pub struct Compression {
    codings: Vec<Coding>,
    least: u64,
    event_streams: EventStreams,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EventStreams {
    AsTheyAre,
    Compressed,
}

/// Below it, headers and checksums eat up what is gained, and the response fits one packet anyway.
const LEAST: u64 = 1024;

/// What is compressed at a time.
const SLICE: usize = 32 * 1024;

impl Compression {
    /// With `zstd` (if that feature is on), `br` and `gzip`.
    pub fn new() -> Self {
        let worth = coding::ALL.iter().filter(|it| **it != Coding::Deflate);
        Self {
            codings: worth.copied().collect(),
            least: LEAST,
            event_streams: EventStreams::AsTheyAre,
        }
    }

    /// What is offered, in the order of preference; it decides where the client has none. Default is `zstd` (if that feature is
    /// on), `br`, `gzip`.
    #[must_use]
    pub fn codings(mut self, codings: impl IntoIterator<Item = Coding>) -> Self {
        self.codings = codings.into_iter().collect();
        self
    }

    /// The smallest body that is compressed, in bytes. Default is 1 KiB: a smaller one fits a packet as it is. A stream of unknown
    /// length counts as large.
    #[must_use]
    pub fn at_least(mut self, bytes: u64) -> Self {
        self.least = bytes;
        self
    }

    /// Compresses event streams (`text/event-stream`) too. Default is to leave them as they are: each holds its encoder while
    /// it is open, each event takes up to five bytes more for the flush, and some proxies wait for more than one event before they
    /// give on what is compressed.
    #[must_use]
    pub fn event_streams(mut self) -> Self {
        self.event_streams = EventStreams::Compressed;
        self
    }

    /// Whether a response of this head could be compressed for somebody.
    fn applies_to(&self, response: &Response) -> bool {
        let headers = response.headers();
        let bodiless = response.status().is_informational()
            || matches!(
                response.status(),
                StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
            );
        let fixed = FIXED.iter().any(|name| headers.contains_key(name));
        !bodiless && !fixed && !forbids_changes(headers) && self.takes_type(headers)
    }

    fn takes_type(&self, headers: &HeaderMap) -> bool {
        let Some(essence) = headers.get(CONTENT_TYPE).map(essence) else {
            return true;
        };
        if essence.eq_ignore_ascii_case(b"text/event-stream") {
            return self.event_streams == EventStreams::Compressed;
        }
        !is_compressed(essence)
    }

    /// Whether a body of this size is worth it.
    fn takes_size(&self, choice: Choice, size: Option<u64>) -> bool {
        let least = match choice {
            Choice::Only(_) => 1,
            _ => self.least.max(1),
        };
        size.is_none_or(|size| size >= least)
    }
}

impl Default for Compression {
    fn default() -> Self {
        Self::new()
    }
}

/// What says that the content is to stay as it is: it is encoded already, a part of something, or has a digest (RFC 9530).
const FIXED: [HeaderName; 5] = [
    CONTENT_ENCODING,
    CONTENT_RANGE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
];

/// RFC 9111, section 5.2.2.6.
fn forbids_changes(headers: &HeaderMap) -> bool {
    let values = headers.get_all(CACHE_CONTROL).iter();
    let mut directives = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    directives.any(|it| it.trim_ascii().eq_ignore_ascii_case(b"no-transform"))
}

/// A media type without its parameters.
fn essence(value: &HeaderValue) -> &[u8] {
    let mut parts = value.as_bytes().split(|byte| *byte == b';');
    parts.next().unwrap_or_default().trim_ascii()
}

/// Types of which most bodies are compressed already.
const COMPRESSED: [&str; 18] = [
    "application/octet-stream",
    "application/pdf",
    "application/zip",
    "application/gzip",
    "application/x-gzip",
    "application/zstd",
    "application/x-7z-compressed",
    "application/x-bzip2",
    "application/x-xz",
    "application/vnd.rar",
    "application/x-rar-compressed",
    "application/java-archive",
    "application/epub+zip",
    "application/grpc",
    "application/font-woff",
    "font/woff",
    "font/woff2",
    "multipart/byteranges",
];

/// Beginnings of such types, and what begins so and is none.
const FAMILIES: [(&str, &[&str]); 5] = [
    ("image/", &["image/svg+xml", "image/bmp", "image/x-icon"]),
    ("audio/", &["audio/midi"]),
    ("video/", &[]),
    ("application/grpc+", &[]),
    ("application/vnd.openxmlformats-officedocument.", &[]),
];

fn is_compressed(essence: &[u8]) -> bool {
    let is = |name: &&str| essence.eq_ignore_ascii_case(name.as_bytes());
    let begins = |name: &str| {
        let start = essence.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    let mut families = FAMILIES.iter();
    COMPRESSED.iter().any(is)
        || families.any(|(family, others)| begins(family) && !others.iter().any(is))
}

impl Interceptor<Exchange> for Compression {
    fn stages(&self) -> Stages {
        Stages::LEAVE
    }

    fn name(&self) -> Name {
        Name::new("compression").expect("a valid name")
    }

    fn leave<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        let to_head = *cx.method() == Method::HEAD;
        if !cx.response().is_some_and(|it| self.applies_to(it)) {
            return Step::next();
        }
        let choice = accept::choose(cx.headers(), &self.codings);
        let Some(response) = cx.response_mut() else {
            return Step::next();
        };
        vary(response.headers_mut(), &VARY_ACCEPT_ENCODING);
        let (Choice::Encoded(coding) | Choice::Only(coding)) = choice else {
            return Step::next();
        };
        if response.status() == StatusCode::NOT_MODIFIED {
            weaken(response.headers_mut());
            return Step::next();
        }
        let Some(form) = Form::of(response, to_head) else {
            return Step::next();
        };
        if !self.takes_size(choice, form.size()) {
            return Step::next();
        }
        match form {
            Form::Whole(length) if length > SLICE as u64 => {
                return Step::later(encode_in_slices(cx, Whole::new(coding, choice)));
            }
            Form::Whole(_) => {
                return Step::Now(encode_at_once(response, Whole::new(coding, choice)));
            }
            Form::Streamed { declared, .. } => {
                let body = std::mem::take(response.body_mut());
                *response.body_mut() = Body::new(Encoded::new(body, coding, declared));
            }
        }
        change_head(response.headers_mut(), coding);
        Step::next()
    }
}

const VARY_ACCEPT_ENCODING: HeaderValue = HeaderValue::from_static("accept-encoding");

/// A body that can be compressed.
enum Form {
    /// Of so many bytes.
    Whole(u64),
    Streamed {
        declared: Option<u64>,
        size: Option<u64>,
    },
}

impl Form {
    /// `None` when there is nothing, and when the length is declared wrong, which others must see.
    fn of(response: &Response, to_head: bool) -> Option<Self> {
        let declared = declared(response.headers());
        let body = response.body();
        let possible = body.size_hint();
        let most = possible.upper().unwrap_or(u64::MAX);
        let is_wrong = declared.is_some_and(|it| !(possible.lower()..=most).contains(&it));
        match body.whole().map(<[u8]>::len) {
            // It says how long the answer to GET is. How long that becomes is not known.
            Some(0) if to_head && declared.is_some() => Some(Self::streamed(declared, declared)),
            _ if is_wrong || body.is_end_stream() => None,
            Some(length) => Some(Self::Whole(length as u64)),
            None => Some(Self::streamed(
                declared,
                declared.or_else(|| possible.exact()),
            )),
        }
    }

    fn streamed(declared: Option<u64>, size: Option<u64>) -> Self {
        Self::Streamed { declared, size }
    }

    fn size(&self) -> Option<u64> {
        match self {
            Self::Whole(size) => Some(*size),
            Self::Streamed { size, .. } => *size,
        }
    }
}

fn encode_at_once(response: &mut Response, mut whole: Whole) -> Outcome {
    whole.encode(response)?;
    whole.finish(response)
}

async fn encode_in_slices(cx: &mut Context, mut whole: Whole) -> Outcome {
    while let Some(response) = cx.response_mut() {
        if whole.encode(response)? {
            return whole.finish(response);
        }
        yield_now().await;
    }
    Ok(())
}

/// A whole body that is encoded in slices.
struct Whole {
    coding: Coding,
    encoder: Encoder,
    encoded: Vec<u8>,
    /// How many bytes of the body are encoded.
    at: usize,
    /// Whether to send it encoded also where it has become no smaller.
    always: bool,
}

impl Whole {
    fn new(coding: Coding, choice: Choice) -> Self {
        Self {
            coding,
            encoder: Encoder::new(coding),
            encoded: Vec::new(),
            at: 0,
            always: choice == Choice::Only(coding),
        }
    }

    /// Encodes the next slice. Whether it was the last one.
    fn encode(&mut self, response: &Response) -> Result<bool, BoxError> {
        let body = response.body().whole().unwrap_or_default();
        let rest = &body[self.at..];
        let slice = &rest[..rest.len().min(SLICE)];
        self.encoder.write(slice, &mut self.encoded)?;
        self.at += slice.len();
        Ok(self.at == body.len())
    }

    fn finish(mut self, response: &mut Response) -> Outcome {
        self.encoder.finish(&mut self.encoded)?;
        let length = self.encoded.len();
        if !self.always && length >= self.at {
            return Ok(());
        }
        let headers = response.headers_mut();
        let declared = headers.contains_key(CONTENT_LENGTH);
        change_head(headers, self.coding);
        if declared {
            headers.insert(CONTENT_LENGTH, length.into());
        }
        *response.body_mut() = self.encoded.into();
        Ok(())
    }
}

/// The length that a head declares.
fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn change_head(headers: &mut HeaderMap, coding: Coding) {
    headers.insert(CONTENT_ENCODING, coding.value());
    headers.remove(CONTENT_LENGTH);
    headers.remove(ACCEPT_RANGES);
    weaken(headers);
}

/// A strong tag names the bytes that were there before.
fn weaken(headers: &mut HeaderMap) {
    let strong = headers
        .get(ETAG)
        .filter(|tag| tag.as_bytes().starts_with(b"\""));
    let weak = strong.map(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()));
    if let Some(Ok(weak)) = weak {
        headers.insert(ETAG, weak);
    }
}
