//! The body of a request: read as it comes, or collected within a limit.

#[cfg(feature = "compression")]
use std::io;
use std::{
    error, fmt, mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use peristyle_core::BoxError;
#[cfg(feature = "compression")]
use tokio::task::yield_now;

#[cfg(feature = "compression")]
use crate::interceptors::Decoder;
use crate::{Body, body::data, problem::Problem};

/// The body of a request.
///
/// It is read piece by piece with [`chunk`](Self::chunk) or whole with [`bytes`](Self::bytes), and never beyond its
/// limit: 2 MiB by default, since most requests are small and memory is shared by all.
pub struct RequestBody {
    kind: Kind,
    /// How many bytes may still come.
    left: u64,
}

enum Kind {
    Whole(Body),
    Incoming(Incoming, Unread),
    #[cfg(feature = "compression")]
    Decoded(Box<Decoded>),
    Failed(BodyError),
}

/// Whether the last body of a connection has not been read to its end.
#[derive(Clone, Default)]
pub(crate) struct Unread(Arc<AtomicBool>);

impl Unread {
    fn set(&self, unread: bool) {
        self.0.store(unread, Ordering::Release);
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// 2 MiB.
pub(crate) const LIMIT: u64 = 2 << 20;

impl RequestBody {
    pub(crate) fn incoming(body: Incoming, unread: Unread) -> Self {
        unread.set(!body.is_end_stream());
        Self {
            kind: Kind::Incoming(body, unread),
            left: LIMIT,
        }
    }

    /// Sets how many more bytes are read. Default is 2 MiB in all.
    pub fn set_limit(&mut self, bytes: u64) {
        self.left = bytes;
        #[cfg(feature = "compression")]
        if let Kind::Decoded(decoded) = &mut self.kind {
            decoded.limit(bytes);
        }
    }

    /// Decodes what is still to come.
    #[cfg(feature = "compression")]
    pub(crate) fn decode(&mut self, decoder: Decoder) {
        let left = self.left;
        let encoded = self.take();
        self.kind = Kind::Decoded(Box::new(Decoded::new(encoded, decoder)));
        self.set_limit(left);
    }

    /// The next piece, as it came; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the body is larger than the limit (413), or broke off (400). No piece comes after an error: a body that failed
    /// never looks complete.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no piece.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        if self.announced() > self.left {
            return Some(Err(BodyError::too_large()));
        }
        let left = self.left;
        let piece = self.next().await?.and_then(|piece| {
            let left = left.checked_sub(piece.len() as u64);
            Ok((piece, left.ok_or_else(BodyError::too_large)?))
        });
        match piece {
            Ok((piece, left)) => {
                self.left = left;
                Some(Ok(piece))
            }
            Err(error) => {
                self.kind = Kind::Failed(error.clone());
                Some(Err(error))
            }
        }
    }

    /// The whole body.
    ///
    /// # Errors
    ///
    /// As [`chunk`](Self::chunk).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what was read.
    pub async fn bytes(&mut self) -> Result<Bytes, BodyError> {
        let Some(first) = self.chunk().await.transpose()? else {
            return Ok(Bytes::new());
        };
        let Some(second) = self.chunk().await.transpose()? else {
            return Ok(first);
        };
        let mut whole = BytesMut::from(first);
        whole.extend_from_slice(&second);
        while let Some(piece) = self.chunk().await.transpose()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole.freeze())
    }

    /// Takes the body away, with its limit. Reading what stays behind is an error: [`BodyError::is_taken`].
    #[must_use = "nobody else can read it now"]
    pub fn take(&mut self) -> Self {
        let taken = Self {
            kind: Kind::Failed(BodyError(Fault::Taken)),
            left: self.left,
        };
        mem::replace(self, taken)
    }

    /// The least that is still to come.
    fn announced(&self) -> u64 {
        match &self.kind {
            Kind::Whole(body) => body.size_hint().lower(),
            Kind::Incoming(body, _) => body.size_hint().lower(),
            #[cfg(feature = "compression")]
            Kind::Decoded(_) => 0,
            Kind::Failed(_) => 0,
        }
    }

    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        match &mut self.kind {
            Kind::Whole(body) => data(body)
                .await
                .map(|piece| piece.map_err(BodyError::broken)),
            Kind::Incoming(body, unread) => {
                let piece = data(body).await;
                unread.set(piece.is_some() && !body.is_end_stream());
                piece.map(|piece| piece.map_err(|error| BodyError::broken(error.into())))
            }
            #[cfg(feature = "compression")]
            Kind::Decoded(decoded) => Box::pin(decoded.next()).await,
            Kind::Failed(error) => Some(Err(error.clone())),
        }
    }
}

impl Default for RequestBody {
    fn default() -> Self {
        Body::empty().into()
    }
}

impl<B: Into<Body>> From<B> for RequestBody {
    fn from(body: B) -> Self {
        Self {
            kind: Kind::Whole(body.into()),
            left: LIMIT,
        }
    }
}

impl fmt::Debug for RequestBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody")
            .field("announced", &self.announced())
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

/// A body that came encoded.
#[cfg(feature = "compression")]
struct Decoded {
    encoded: RequestBody,
    decoder: Decoder,
    /// What has come and is not decoded yet.
    rest: Bytes,
}

#[cfg(feature = "compression")]
impl Decoded {
    fn new(encoded: RequestBody, decoder: Decoder) -> Self {
        let rest = Bytes::new();
        Self {
            encoded,
            decoder,
            rest,
        }
    }

    /// An encoded body can be a little larger than what it decodes to, and much larger if it wants to keep the server busy.
    fn limit(&mut self, bytes: u64) {
        let more = bytes / 16 + 1024;
        self.encoded.set_limit(bytes.saturating_add(more));
    }

    /// The next piece that is not empty.
    async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        if self.decoder.is_full() {
            yield_now().await;
        }
        loop {
            match self.decoder.decode(&mut self.rest) {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return Some(Ok(piece)),
                Err(error) => return Some(Err(BodyError::malformed(error))),
            }
            match self.encoded.chunk().await {
                Some(Ok(encoded)) => self.rest = encoded,
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    let ended = self.decoder.finish();
                    return ended.err().map(|error| Err(BodyError::malformed(error)));
                }
            }
        }
    }
}

/// A request body that could not be read.
#[derive(Debug, Clone)]
pub struct BodyError(Fault);

#[derive(Debug, Clone)]
enum Fault {
    TooLarge,
    Taken,
    Broken(Arc<dyn error::Error + Send + Sync>),
    #[cfg(feature = "compression")]
    Malformed(Arc<io::Error>),
}

impl BodyError {
    fn too_large() -> Self {
        Self(Fault::TooLarge)
    }

    fn broken(source: BoxError) -> Self {
        Self(Fault::Broken(source.into()))
    }

    #[cfg(feature = "compression")]
    fn malformed(source: io::Error) -> Self {
        Self(Fault::Malformed(Arc::new(source)))
    }

    /// Whether the body is larger than its limit.
    pub fn is_too_large(&self) -> bool {
        matches!(self.0, Fault::TooLarge)
    }

    /// Whether an earlier stage has taken the body away.
    pub fn is_taken(&self) -> bool {
        matches!(self.0, Fault::Taken)
    }

    pub(crate) fn problem(&self) -> Problem {
        let status = match self.0 {
            Fault::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Taken => return Problem::new(http::StatusCode::INTERNAL_SERVER_ERROR),
            Fault::Broken(_) => http::StatusCode::BAD_REQUEST,
            #[cfg(feature = "compression")]
            Fault::Malformed(_) => http::StatusCode::BAD_REQUEST,
        };
        Problem::new(status).detail(self.to_string())
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Fault::TooLarge => "the request body is larger than the limit",
            Fault::Taken => "an earlier stage has taken the request body",
            Fault::Broken(_) => "the request body broke off",
            #[cfg(feature = "compression")]
            Fault::Malformed(_) => "the request body is not in its content coding",
        })
    }
}

impl error::Error for BodyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Fault::TooLarge | Fault::Taken => None,
            Fault::Broken(source) => Some(&**source),
            #[cfg(feature = "compression")]
            Fault::Malformed(source) => Some(&**source),
        }
    }
}
