//! Compressed requests.

use http::{
    HeaderMap, StatusCode,
    header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH},
};
use peristyle_core::{Interceptor, Name, Stages, Step};

use super::coding::{self, Coding, Decoder};
use crate::{Context, Exchange, Problem};

/// An interceptor that decodes request bodies which came encoded (`Content-Encoding`; RFC 9110, section 8.4), as they are read.
///
/// ```
/// use http::{HeaderValue, header};
/// use peristyle_core::{Link, handler};
/// use peristyle_server::{BodyError, Context, Routes, TestClient, interceptors::Decompression};
///
/// async fn greet(cx: &mut Context) -> Result<String, BodyError> {
///     let name = cx.body().bytes().await?;
///     Ok(format!("hello, {}", String::from_utf8_lossy(&name)))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let router = Routes::new()
///     .interceptors(Link::new(Decompression::new()))
///     .post("/", handler(greet))
///     .build()?;
/// let brotli: &[u8] = &[0x0b, 0x01, 0x80, b'A', b'd', b'a', 0x03];
/// let encoding = HeaderValue::from_static("br");
/// let request = TestClient::new(router);
/// let request = request.post("/", brotli.to_vec()).header(header::CONTENT_ENCODING, encoding);
/// assert_eq!(request.send().await.text().await?, "hello, Ada");
/// # Ok(())
/// # }
/// ```
///
/// Later stages see the body as if it had come so: without `Content-Encoding` and `Content-Length`.
///
/// The body's [limit](crate::RequestBody::set_limit) counts what is decoded, however little came: a body of zeros that would be
/// gigabytes large is refused with 413 when the limit is passed. No more than 16 KiB is decoded before it is asked for, beside the
/// coding's own window: up to 32 KiB for gzip, 16 MiB for brotli, 8 MiB for zstd. What comes encoded is limited too, to a sixteenth
/// and 1 KiB more than the limit. Between two pieces other tasks have their turn.
///
/// | request | response |
/// |---|---|
/// | in a coding that is not known, or in two or more: each would multiply what comes out | 415, with the codings that are known in `Accept-Encoding` (RFC 9110, section 12.5.3) |
/// | malformed, broken off, or with something after its end | 400, when it is read |
/// | decoded larger than the limit | 413, when it is read |
///
/// Encoded bodies of gzip and zstd that follow each other are one body, as their formats say; at most 1000 are joined to the first. A
/// body of no bytes at all is empty, whatever its coding. `identity` is no coding.
#[derive(Debug, Clone, Copy, Default)]
#[non_exhaustive]
pub struct Decompression;

impl Decompression {
    /// With all codings that this crate was built with: `gzip`, `deflate`, `br`, and `zstd` if that feature is on.
    pub fn new() -> Self {
        Self
    }
}

impl Interceptor<Exchange> for Decompression {
    fn stages(&self) -> Stages {
        Stages::ENTER
    }

    fn name(&self) -> Name {
        Name::new("decompression").expect("a valid name")
    }

    fn enter<'a>(&'a self, cx: &'a mut Context) -> Step<'a, Exchange> {
        if !cx.headers().contains_key(CONTENT_ENCODING) {
            return Step::next();
        }
        match only_coding(cx.headers()) {
            Ok(coding) => {
                let headers = &mut cx.request_mut().headers;
                headers.remove(CONTENT_ENCODING);
                if let Some(coding) = coding {
                    headers.remove(CONTENT_LENGTH);
                    cx.body().decode(Decoder::new(coding));
                }
                Step::next()
            }
            Err(Unsupported) => Step::raise(refusal()),
        }
    }
}

/// A coding that is not known, or one too many.
struct Unsupported;

fn only_coding(headers: &HeaderMap) -> Result<Option<Coding>, Unsupported> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let names = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    let mut only = None;
    for name in names.map(<[u8]>::trim_ascii) {
        if name.is_empty() || name.eq_ignore_ascii_case(b"identity") {
            continue;
        }
        let coding = Coding::of_name(name).ok_or(Unsupported)?;
        if only.replace(coding).is_some() {
            return Err(Unsupported);
        }
    }
    Ok(only)
}

fn refusal() -> Problem {
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        .detail("the content coding of the body is not supported")
        .header(ACCEPT_ENCODING, coding::ALL_NAMES)
}
