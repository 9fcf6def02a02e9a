//! The body of a request: read as it comes, or collected within a limit.

use std::{error, fmt, future::poll_fn, pin::Pin};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use hyper::body::Incoming;
use peristyle_core::BoxError;

use crate::{Body, problem::Problem};

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
    Incoming(Incoming),
}

/// 2 MiB.
const LIMIT: u64 = 2 << 20;

impl RequestBody {
    pub(crate) fn incoming(body: Incoming) -> Self {
        Self {
            kind: Kind::Incoming(body),
            left: LIMIT,
        }
    }

    /// Sets how many more bytes are read. Default is 2 MiB in all.
    pub fn set_limit(&mut self, bytes: u64) {
        self.left = bytes;
    }

    /// The next piece, as it came; `None` at the end.
    ///
    /// # Errors
    ///
    /// When the body is larger than the limit (413), or broke off (400).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no piece.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, BodyError>> {
        if self.announced() > self.left {
            return Some(Err(BodyError::too_large()));
        }
        let piece = match self.next().await? {
            Ok(piece) => piece,
            Err(source) => return Some(Err(BodyError(Fault::Broken(source)))),
        };
        let Some(left) = self.left.checked_sub(piece.len() as u64) else {
            self.left = 0;
            return Some(Err(BodyError::too_large()));
        };
        self.left = left;
        Some(Ok(piece))
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

    /// The least that is still to come.
    fn announced(&self) -> u64 {
        match &self.kind {
            Kind::Whole(body) => body.size_hint().lower(),
            Kind::Incoming(body) => body.size_hint().lower(),
        }
    }

    /// The next data; trailers are passed over.
    async fn next(&mut self) -> Option<Result<Bytes, BoxError>> {
        loop {
            let frame = poll_fn(|cx| match &mut self.kind {
                Kind::Whole(body) => Pin::new(body).poll_frame(cx),
                Kind::Incoming(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            });
            match frame.await?.map(http_body::Frame::into_data) {
                Ok(Ok(data)) => return Some(Ok(data)),
                Ok(Err(_trailers)) => {}
                Err(error) => return Some(Err(error)),
            }
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

/// A request body that could not be read.
#[derive(Debug)]
pub struct BodyError(Fault);

#[derive(Debug)]
enum Fault {
    TooLarge,
    Broken(BoxError),
}

impl BodyError {
    fn too_large() -> Self {
        Self(Fault::TooLarge)
    }

    /// Whether the body is larger than its limit.
    pub fn is_too_large(&self) -> bool {
        matches!(self.0, Fault::TooLarge)
    }

    pub(crate) fn problem(&self) -> Problem {
        let status = match self.0 {
            Fault::TooLarge => http::StatusCode::PAYLOAD_TOO_LARGE,
            Fault::Broken(_) => http::StatusCode::BAD_REQUEST,
        };
        Problem::new(status).detail(self.to_string())
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Fault::TooLarge => "the request body is larger than the limit",
            Fault::Broken(_) => "the request body broke off",
        })
    }
}

impl error::Error for BodyError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.0 {
            Fault::TooLarge => None,
            Fault::Broken(source) => Some(&**source),
        }
    }
}
